/** The one place for the deadline, the outcome, the timing, the ledger row and the log line of a run, in the daemon and by hand. */

import type { Clock } from '../clock.ts';
import { errorKind, errorMessage, OperatingError } from '../errors.ts';
import type { ClockGuard } from '../jobs/guards/clock.ts';
import { canBeAllowed } from '../jobs/guards/guards.ts';
import type { JobName, Outcome } from '../jobs/job-names.ts';
import type { JobFault, JobReport } from '../jobs/report.ts';
import type { RunRecord } from '../ledger/runs.ts';
import type { Logger } from '../log.ts';
import { lookOf } from './run-look.ts';
import { figuresOf } from './run-metrics.ts';
import { type RunResult, summaryOfRun } from './run-result.ts';
import type { JobAtWork, RunnableJob, RunRequest } from './runnable-job.ts';

export interface RunJobDependencies {
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined in a dry run, which leaves no trace. */
  readonly ledger: { recordRun(run: RunRecord): void } | undefined;
  /** Undefined in a dry run. */
  readonly clockGuard: Pick<ClockGuard, 'doubt'> | undefined;
  /** The command by which an operator lets a run of a job go on that a guard holds back. */
  allowCommand(job: JobName): string;
  readonly deadlineMs: number;
}

/** How a run has ended: all of a result but what is known from the start. */
export type Ended = Pick<RunResult, 'outcome' | 'report' | 'failure' | 'held'>;

const NOTHING: Pick<RunResult, 'report' | 'failure' | 'held'> = { report: undefined, failure: undefined, held: [] };

/** Never rejects for what goes wrong in the job: a failed job must not end the daemon. */
export async function runJob(
  job: RunnableJob,
  request: RunRequest,
  dependencies: RunJobDependencies,
): Promise<RunResult> {
  const startedAtMs = dependencies.clock.now();
  const startedAt = performance.now();
  const { dryRun, allowMassRemoval } = request.options;
  const finish = (ended: Ended): RunResult => {
    const durationMs = performance.now() - startedAt;
    const allowWith = ended.held.some(canBeAllowed) ? dependencies.allowCommand(job.name) : undefined;
    const begun = { job: job.name, dryRun, isAllowed: allowMassRemoval, startedAtMs };
    return recorded({ ...begun, durationMs, allowWith, ...ended }, dependencies);
  };
  let work: JobAtWork | undefined;
  try {
    const doubt = dependencies.clockGuard?.doubt(job.name, { operatorConfirmed: allowMassRemoval });
    if (doubt !== undefined) return finish({ ...NOTHING, outcome: 'held', held: [doubt] });
    const deadline = AbortSignal.timeout(dependencies.deadlineMs);
    const signal = AbortSignal.any([request.signal, deadline]);
    work = job.start({ ...request, signal });
    return finish(endOf(withDeadlineFault(await work.report, deadline)));
  } catch (error) {
    const failure = { kind: errorKind(error), message: errorMessage(error) };
    if (failure.kind === 'internal') dependencies.log.error({ err: error, job: job.name }, 'job threw');
    return finish({ ...NOTHING, outcome: failure.kind === 'locked' ? 'skipped' : 'failed', failure });
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
  const startedAtMs = dependencies.clock.now();
  const begun = { job, dryRun: false, startedAtMs, durationMs: 0, allowWith: undefined };
  return recorded({ ...begun, ...NOTHING, outcome: 'skipped', failure }, dependencies);
}

/** A failure outweighs what a guard holds back, and that outweighs what is left undone. */
export function endOf(report: JobReport): Ended {
  const { failure, held = [], faults, stopped, incomplete } = report;
  if (failure !== undefined) return { outcome: 'failed', report, failure, held };
  const isWhole = faults.length === 0 && stopped !== true && incomplete !== true;
  return { outcome: held.length > 0 ? 'held' : isWhole ? 'ok' : 'partial', report, failure, held };
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
  const { job, outcome, startedAtMs, durationMs, held, isAllowed = false } = result;
  try {
    const nowMs = clock.now();
    const figures = figuresOf(result, nowMs);
    const report = summaryOfRun(result);
    // The run went by one clock, whatever the wall clock did meanwhile: what it stamped lies before its end.
    const finishedAtMs = Math.max(nowMs, startedAtMs + durationMs);
    const look = lookOf(result);
    ledger.recordRun({ job, outcome, startedAtMs, finishedAtMs, report, held, isAllowed, look, ...figures });
    return result;
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    const failure = result.failure ?? { kind: error.kind, message: error.message };
    return { ...result, outcome: outcome === 'skipped' ? outcome : 'failed', failure };
  }
}

const LOG_MESSAGES: Readonly<Record<Outcome, string>> = {
  ok: 'job finished',
  partial: 'job finished in part',
  held: 'job held back',
  failed: 'job failed',
  skipped: 'job skipped',
};

/** More would be a flood; the trash lists them all. */
const REMOVED_LOGGED = 1_000;

/** Those that the report lists, which it does where somebody wants to see them. */
function logRemoved({ job, dryRun, report }: RunResult, log: Logger): void {
  if (report?.job !== 'prune-transcripts' || report.removedSessions === undefined) return;
  const message = dryRun ? 'session would go' : 'session went';
  const logged = report.removedSessions.slice(0, REMOVED_LOGGED);
  for (const { sessionId, project, reason, files, bytes } of logged) {
    log.debug({ job, sessionId, project: project ?? null, reason, files, bytes }, message);
  }
  const more = (report.removed?.sessions ?? logged.length) - logged.length;
  if (more > 0) log.debug({ job, more }, `${message}: more that are not told one by one`);
}

function logSummary(result: RunResult, log: Logger): void {
  const { job, outcome, dryRun, durationMs } = result;
  const durationSeconds = Math.round(durationMs) / 1000;
  const fields = { job, outcome, ...(dryRun ? { dryRun } : {}), durationSeconds, ...summaryOfRun(result) };
  logRemoved(result, log);
  const level = outcome === 'ok' ? 'info' : outcome === 'failed' ? 'error' : 'warn';
  log[level](fields, LOG_MESSAGES[outcome]);
  const vanished = result.report?.job === 'prune-transcripts' ? result.report.vanished : undefined;
  if (vanished !== undefined) log.warn({ job, vanished }, 'sessions are gone that no run of this program removed');
}
