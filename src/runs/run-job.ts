/** The one place for the deadline, the outcome, the timing, the ledger row and the log line of a run, in the daemon and by hand. */

import type { Clock } from '../clock.ts';
import { type ErrorKind, errorKind, errorMessage, OperatingError } from '../errors.ts';
import { shownText } from '../format/shown-text.ts';
import { exposedInAll } from '../jobs/exposed.ts';
import type { ClockGuard } from '../jobs/guards/clock.ts';
import type { JobFault, JobName, JobReport, Outcome } from '../jobs/job.ts';
import type { RunRecord } from '../ledger/ledger.ts';
import type { Logger } from '../log.ts';
import { figuresOf } from './figures.ts';
import type { RunResult } from './run-result.ts';
import type { JobAtWork, RunnableJob, RunRequest } from './runnable-job.ts';

export interface RunJobDependencies {
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined in a dry run, which leaves no trace. */
  readonly ledger: { recordRun(run: RunRecord): void } | undefined;
  /** Why nothing is to be removed by the clock; undefined in a dry run. */
  readonly clockGuard: Pick<ClockGuard, 'doubt'> | undefined;
  readonly deadlineMs: number;
}

const NO_REPORT: JobReport = { faults: [] };

/** Never rejects for what goes wrong in the job: a failed job must not end the daemon. */
export async function runJob(
  job: RunnableJob,
  request: RunRequest,
  dependencies: RunJobDependencies,
): Promise<RunResult> {
  const startedAtMs = dependencies.clock.now();
  const startedAt = performance.now();
  const { dryRun, allowMassRemoval } = request.options;
  const finish = (outcome: Outcome, report: JobReport, failure?: JobFault): RunResult => {
    const durationMs = performance.now() - startedAt;
    const result = { job: job.name, outcome, dryRun, startedAtMs, durationMs, report, failure };
    return recorded(result, dependencies);
  };
  let work: JobAtWork | undefined;
  try {
    const doubt = dependencies.clockGuard?.doubt(job.name, { operatorConfirmed: allowMassRemoval });
    if (doubt !== undefined) return finish('skipped', NO_REPORT, { kind: 'bad-data', message: doubt });
    const deadline = AbortSignal.timeout(dependencies.deadlineMs);
    const signal = AbortSignal.any([request.signal, deadline]);
    work = job.start({ ...request, signal });
    return finish(...outcomeOf(withDeadlineFault(await work.report, deadline)));
  } catch (error) {
    const failure = { kind: errorKind(error), message: errorMessage(error) };
    if (failure.kind === 'internal') dependencies.log.error({ err: error, job: job.name }, 'job threw');
    return finish(failure.kind === 'locked' ? 'skipped' : 'failed', NO_REPORT, failure);
  } finally {
    await work?.release();
  }
}

/** A run that is not begun, for a reason that lies outside of it. */
export function skippedRun(
  job: JobName,
  failure: JobFault,
  dependencies: Pick<RunJobDependencies, 'clock' | 'log' | 'ledger'>,
): RunResult {
  return recorded(
    {
      job,
      outcome: 'skipped',
      dryRun: false,
      startedAtMs: dependencies.clock.now(),
      durationMs: 0,
      report: NO_REPORT,
      failure,
    },
    dependencies,
  );
}

function outcomeOf(report: JobReport): [Outcome, JobReport, JobFault | undefined] {
  if (report.failure !== undefined) return ['failed', report, report.failure];
  const isWhole = report.faults.length === 0 && report.stopped !== true;
  return [isWhole ? 'ok' : 'partial', report, undefined];
}

function withDeadlineFault(report: JobReport, deadline: AbortSignal): JobReport {
  if (!deadline.aborted || report.stopped !== true) return report;
  const fault: JobFault = { kind: 'io', message: 'the deadline has passed; the next run goes on from here' };
  return { ...report, faults: [...report.faults, fault] };
}

function recorded(
  result: RunResult,
  { clock, log, ledger }: Pick<RunJobDependencies, 'clock' | 'log' | 'ledger'>,
): RunResult {
  const final = ledger === undefined ? result : written(result, ledger, clock);
  logSummary(final, log);
  return final;
}

/** A run that cannot be written down has failed, whatever it did: its record is a part of the promise. */
function written(result: RunResult, ledger: NonNullable<RunJobDependencies['ledger']>, clock: Clock): RunResult {
  const { job, outcome, startedAtMs, report } = result;
  try {
    const finishedAtMs = clock.now();
    const figures = figuresOf(result, finishedAtMs);
    const kept = { ...report, faults: shownFaults({ report, failure: undefined }) };
    ledger.recordRun({ job, outcome, startedAtMs, finishedAtMs, report: kept, ...figures });
    return result;
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    const failure = result.failure ?? { kind: error.kind, message: error.message };
    return { ...result, outcome: outcome === 'skipped' ? outcome : 'failed', failure };
  }
}

/** How many faults stand in a log line, a document or the ledger: a broken tree must not flood them. */
const FAULTS_SHOWN = 20;

export function shownFaults({ report, failure }: Pick<RunResult, 'report' | 'failure'>): readonly JobFault[] {
  const faults = failure === undefined ? report.faults : [failure, ...report.faults];
  const shown = faults.slice(0, FAULTS_SHOWN).map(({ kind, message }) => ({ kind, message: shownText(message) }));
  if (faults.length <= FAULTS_SHOWN) return shown;
  const kind: ErrorKind = faults[FAULTS_SHOWN]?.kind ?? 'internal';
  const unlisted = Object.values(report.moreFaults ?? {}).reduce((total, count) => total + count, 0);
  return [...shown, { kind, message: `and ${faults.length - FAULTS_SHOWN + unlisted} more` }];
}

function logSummary(result: RunResult, log: Logger): void {
  const { job, outcome, dryRun, durationMs, report } = result;
  const exposed = exposedInAll(report);
  const { observed, kept, removed, swept, purged, reconciled, shielded, emptyProjects } = report;
  const { malformedIds, staleRecords } = report;
  const fields = {
    job,
    outcome,
    ...(dryRun ? { dryRun } : {}),
    durationSeconds: Math.round(durationMs) / 1000,
    ...(observed === undefined ? {} : { observed }),
    ...(kept === undefined ? {} : { kept }),
    ...(removed === undefined ? {} : { removed }),
    ...(swept === undefined ? {} : { swept }),
    ...(purged === undefined ? {} : { purged }),
    ...(reconciled === undefined ? {} : { reconciled }),
    ...(shielded === undefined ? {} : { shielded }),
    ...(emptyProjects === undefined ? {} : { emptyProjects }),
    ...(exposed === undefined ? {} : { exposed }),
    ...(malformedIds === undefined ? {} : { malformedIds }),
    ...(staleRecords === undefined ? {} : { staleRecords }),
    errors: shownFaults(result),
  };
  if (outcome === 'ok') log.info(fields, 'job finished');
  else if (outcome === 'failed') log.error(fields, 'job failed');
  else log.warn(fields, outcome === 'skipped' ? 'job skipped' : 'job finished in part');
}
