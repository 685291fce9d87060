/** What one run of a job came to, and the summary of it that the log, the ledger and `--json` are given. */

import type { ErrorKind } from '../exit-codes.ts';
import { shownText } from '../format/shown-text.ts';
import { summaryOf } from '../jobs/figures.ts';
import type { Held } from '../jobs/guards/guards.ts';
import type { JobName, Outcome } from '../jobs/job-names.ts';
import type { JobFault, JobReport } from '../jobs/report.ts';

export interface RunResult {
  readonly job: JobName;
  readonly outcome: Outcome;
  readonly dryRun: boolean;
  /** Somebody said that most may go at once. */
  readonly isAllowed?: boolean;
  /** Unix epoch ms. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** Undefined where the job has not come so far. */
  readonly report: JobReport | undefined;
  /** Why it failed or was skipped. */
  readonly failure: JobFault | undefined;
  /** What guards have spoken against. */
  readonly held: readonly Held[];
  /** The command by which an operator lets a held run go on, where a word is enough for that. */
  readonly allowWith: string | undefined;
}

/** The figures of a run and how it ended, in a form that does not grow with the tree. */
export function summaryOfRun(result: Pick<RunResult, 'report' | 'failure' | 'held' | 'allowWith'>): object {
  const { report, held, allowWith } = result;
  return {
    ...summaryOf(report ?? {}),
    ...(held.length === 0 ? {} : { held: held.map(({ guard, message }) => ({ guard, message: shownText(message) })) }),
    ...(allowWith === undefined ? {} : { allowWith }),
    ...(report?.stopped === true ? { stopped: true } : {}),
    errors: shownFaults(result),
  };
}

/** How many faults stand in a log line, a document or the ledger: a broken tree must not flood them. */
const FAULTS_SHOWN = 20;

export function shownFaults({ report, failure }: Pick<RunResult, 'report' | 'failure'>): readonly JobFault[] {
  const faults = failure === undefined ? (report?.faults ?? []) : [failure, ...(report?.faults ?? [])];
  const shown = faults.slice(0, FAULTS_SHOWN).map(({ kind, message }) => ({ kind, message: shownText(message) }));
  if (faults.length <= FAULTS_SHOWN) return shown;
  const kind: ErrorKind = faults[FAULTS_SHOWN]?.kind ?? 'internal';
  const unlisted = Object.values(report?.moreFaults ?? {}).reduce((total, count) => total + count, 0);
  return [...shown, { kind, message: `and ${faults.length - FAULTS_SHOWN + unlisted} more` }];
}
