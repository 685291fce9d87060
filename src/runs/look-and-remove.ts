/** A prune for whoever calls for it in code: looked at only, or of named sessions alone; it is no run of the schedule, and counts as none. */

import type { SessionId } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { OperatingError } from '../errors.ts';
import { throwIfUnsafeStateDir } from '../files/state-dir-safety.ts';
import { absenceLimits, ClockGuard } from '../jobs/guards/clock.ts';
import type { ListingRequest } from '../jobs/listing-request.ts';
import type { ListedSession, PruneReport, RemovedSession } from '../jobs/report.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { RecordedJob } from '../ledger/runs.ts';
import type { Requester } from '../process/actor.ts';
import { jobHere } from './job-in-this-process.ts';
import { JOB_WAIT } from './job-wait.ts';
import { recordByHand } from './record-by-hand.ts';
import type { RunOptions } from './runnable-job.ts';

/** What the next prune would do. @throws OperatingError where it would fail */
export async function lookAtPrune(config: Config, lists?: ListingRequest): Promise<PruneReport> {
  return pruneHere(config, { dryRun: true, jobs: ['sweep-sessions', 'prune-transcripts'], lists });
}

/** What a prune would do that no sweep goes before. @throws OperatingError where it would fail */
export async function lookAtPruneAlone(config: Config, lists: ListingRequest): Promise<PruneReport> {
  return pruneHere(config, { dryRun: true, jobs: ['prune-transcripts'], lists });
}

export interface RemovedByHand {
  /** A part for each place that had one. */
  readonly removed: readonly RemovedSession[];
  /** What was asked for and is to stay, where that stops nothing. */
  readonly stayed: readonly Pick<ListedSession, 'sessionId' | 'reason'>[];
}

/**
 * Moves sessions to the trash, whatever their age. The trees are looked at once.
 * @param isAllOrNone where one of them is to stay, none is removed
 * @throws OperatingError where it is all or none: `usage` where one of them is to stay, and why; `bad-data` where one is nowhere.
 *   `locked` where a run is at work
 */
export async function removeSessions(
  config: Config,
  ids: readonly SessionId[],
  { isAllOrNone = true, requester }: { readonly isAllOrNone?: boolean; readonly requester: Requester },
): Promise<RemovedByHand> {
  const lists: ListingRequest = { which: 'all', order: 'newest', limit: PLACES_MAX * ids.length, ids };
  const unshielded: Config = { ...config, shield: 'off' };
  const named = { jobs: ['prune-transcripts'], only: ids, isAllOrNone, lists, dryRun: false, requester } as const;
  const report = await pruneHere(unshielded, named, 'remove');
  const removed = report.removedSessions ?? [];
  const isRemoved = new Set(removed.map(({ sessionId }) => sessionId));
  if (!isAllOrNone) {
    const { listed } = report;
    throwIfHeld(ids, report);
    return {
      removed,
      stayed: (listed?.sessions ?? []).filter(({ sessionId }) => !isRemoved.has(sessionId)).map(asStaying),
    };
  }
  throwIfOneStays(ids, report);
  const left = ids.find((id) => !isRemoved.has(id));
  if (left === undefined) return { removed, stayed: [] };
  throw new OperatingError(
    'unavailable',
    `remove ${left}: it was used or changed in the moment of its move, and stays`,
  );
}

/** One that was to go and did not was used meanwhile. */
function asStaying({ sessionId, reason, isGoing }: ListedSession): RemovedByHand['stayed'][number] {
  return { sessionId, reason: isGoing ? 'changed' : reason };
}

/**
 * Moves sessions to the trash in the places that are named for them, and nowhere else; what has come to be protected stays, and so does all
 * where a guard holds it, which the report says.
 * @throws OperatingError where nothing could be done
 */
export function removeAt(
  config: Config,
  onlyAt: Readonly<Record<string, readonly string[]>>,
  { dryRun, requester }: { readonly dryRun: boolean; readonly requester: Requester },
): Promise<PruneReport> {
  return pruneHere({ ...config, shield: 'off' }, { jobs: ['prune-transcripts'], onlyAt, dryRun, requester }, 'apply');
}

/** One id may be in several Claude directories and stores. */
const PLACES_MAX = 100;

function throwIfHeld(ids: readonly SessionId[], { held = [] }: PruneReport): void {
  const [guard] = held;
  if (guard === undefined) return;
  const which = ids.length > NAMED_MAX ? `${ids.length} sessions` : ids.join(', ');
  throw new OperatingError('unavailable', `remove ${which}: ${guard.message}`);
}

const NAMED_MAX = 3;

function throwIfOneStays(ids: readonly SessionId[], report: PruneReport): void {
  throwIfHeld(ids, report);
  const { listed, faults } = report;
  const sessions = listed?.sessions ?? [];
  const stays = sessions.find(({ isGoing }) => !isGoing);
  if (stays !== undefined) throw new OperatingError('usage', `remove ${stays.sessionId}: it stays, as ${stays.reason}`);
  const missing = ids.find((id) => !sessions.some(({ sessionId }: ListedSession) => sessionId === id));
  if (missing === undefined) return;
  const [fault] = faults;
  if (fault !== undefined) throw new OperatingError(fault.kind, `remove ${missing}: ${fault.message}`);
  throw new OperatingError('bad-data', `remove ${missing}: there is no such session here`);
}

/** So that the run is held where the clock has jumped since a run before it, and is not where somebody who knows has confirmed it. */
function lookAtClocks(config: Config): void {
  throwIfUnsafeStateDir(config.stateDir);
  const ledger = Ledger.open(config.stateDir, JOB_WAIT);
  try {
    const limits = absenceLimits({ rows: config['sessions.maxAge'], transcripts: config.maxAge });
    new ClockGuard(systemClock, ledger, limits).look();
  } finally {
    ledger.close();
  }
}

type Asked = Pick<RunOptions, 'dryRun' | 'jobs' | 'only' | 'onlyAt' | 'isAllOrNone' | 'lists' | 'requester'>;

/** @param recordedAs by which name the ledger knows it, unless it is a dry run */
async function pruneHere(config: Config, asked: Asked, recordedAs?: RecordedJob): Promise<PruneReport> {
  const startedAtMs = systemClock.now();
  if (!asked.dryRun) lookAtClocks(config);
  const options: RunOptions = { ...asked, allowMassRemoval: false, listsRemoved: 'all' };
  const signal = AbortSignal.timeout(config.runDeadline);
  const work = jobHere('prune-transcripts', config).start({ options, signal, onProgress: () => undefined });
  try {
    const report = (await work.report) as PruneReport;
    if (recordedAs !== undefined && !asked.dryRun) {
      recordByHand(config, { job: recordedAs, startedAtMs, report }, asked.requester);
    }
    const { failure } = report;
    if (failure !== undefined) throw new OperatingError(failure.kind, failure.message);
    return report;
  } finally {
    await work.release();
  }
}
