/** A prune for whoever calls for it in code: looked at only, or of named sessions alone; it is no run of the schedule, and counts as none. */

import type { SessionId } from '../claude-dir/session-id.ts';
import type { Config } from '../config/config.ts';
import { OperatingError } from '../errors.ts';
import type { ListingRequest } from '../jobs/listing-request.ts';
import type { ListedSession, PruneReport, RemovedSession } from '../jobs/report.ts';
import { jobHere } from './job-in-this-process.ts';
import type { RunOptions } from './runnable-job.ts';

/** What the next prune would do. @throws OperatingError where it would fail */
export async function lookAtPrune(config: Config, lists?: ListingRequest): Promise<PruneReport> {
  return pruneHere(config, { dryRun: true, jobs: ['sweep-sessions', 'prune-transcripts'], lists });
}

/**
 * Moves sessions to the trash, whatever their age.
 * @returns what was removed, a part for each place that had one
 * @throws OperatingError `usage` where one of them is to stay, and why, and then none is removed; `bad-data` where one is nowhere;
 *   `locked` where a run is at work
 */
export async function removeSessions(config: Config, ids: readonly SessionId[]): Promise<readonly RemovedSession[]> {
  const request: ListingRequest = { which: 'all', order: 'newest', limit: PLACES_MAX * ids.length, ids };
  const named = { jobs: ['prune-transcripts'], only: ids, lists: request } as const;
  const unshielded: Config = { ...config, shield: 'off' };
  throwIfOneStays(ids, await pruneHere(unshielded, { ...named, dryRun: true }));
  const report = await pruneHere(unshielded, { ...named, dryRun: false });
  throwIfOneStays(ids, report);
  const removed = report.removedSessions ?? [];
  const left = ids.find((id) => !removed.some(({ sessionId }) => sessionId === id));
  if (left === undefined) return removed;
  throw new OperatingError(
    'unavailable',
    `remove ${left}: it was used or changed in the moment of its move, and stays`,
  );
}

/** One id may be in several Claude directories and stores. */
const PLACES_MAX = 100;

function throwIfOneStays(ids: readonly SessionId[], { listed, held = [], faults }: PruneReport): void {
  const [guard] = held;
  if (guard !== undefined) throw new OperatingError('unavailable', `remove ${ids.join(', ')}: ${guard.message}`);
  const sessions = listed?.sessions ?? [];
  const stays = sessions.find(({ isGoing }) => !isGoing);
  if (stays !== undefined) throw new OperatingError('usage', `remove ${stays.sessionId}: it stays, as ${stays.reason}`);
  const missing = ids.find((id) => !sessions.some(({ sessionId }: ListedSession) => sessionId === id));
  if (missing === undefined) return;
  const [fault] = faults;
  if (fault !== undefined) throw new OperatingError(fault.kind, `remove ${missing}: ${fault.message}`);
  throw new OperatingError('bad-data', `remove ${missing}: there is no such session here`);
}

type Asked = Pick<RunOptions, 'dryRun' | 'jobs' | 'only' | 'lists'>;

async function pruneHere(config: Config, asked: Asked): Promise<PruneReport> {
  const options: RunOptions = { ...asked, allowMassRemoval: false, listsRemoved: 'all' };
  const signal = AbortSignal.timeout(config.runDeadline);
  const work = jobHere('prune-transcripts', config).start({ options, signal, onProgress: () => undefined });
  try {
    const report = (await work.report) as PruneReport;
    const { failure } = report;
    if (failure !== undefined) throw new OperatingError(failure.kind, failure.message);
    return report;
  } finally {
    await work.release();
  }
}
