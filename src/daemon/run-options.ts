/** How the daemon runs a job: by the schedule, watched by nobody. */

import type { LogLevel } from '../format/log-line.ts';
import type { JobName } from '../jobs/job-names.ts';
import type { RunOptions } from '../runs/runnable-job.ts';

export function runOptionsOf(job: JobName, level: LogLevel): RunOptions {
  // Only a log that tells each session needs to know them.
  const listsRemoved = level === 'debug' || level === 'trace' ? 'all' : 'none';
  return { jobs: [job], dryRun: false, allowMassRemoval: false, listsRemoved };
}
