/** What one run of a job came to: the shape that the log, the ledger, the metrics and the command line are told. */

import type { JobFault, JobName, JobReport, Outcome } from '../jobs/job.ts';

export interface RunResult {
  readonly job: JobName;
  readonly outcome: Outcome;
  readonly dryRun: boolean;
  /** Unix epoch ms. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly report: JobReport;
  /** Why it failed or was skipped. */
  readonly failure: JobFault | undefined;
}
