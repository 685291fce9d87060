/**
 * Ends what has had its time in one folder of the trash: it is marked while the writers of the resume map are held back, session for
 * session still not live, and destroyed when they are free again.
 */

import type { SessionId } from '../../claude-dir/session-id.ts';
import type { Clock } from '../../clock.ts';
import { isNoSpace, OperatingError } from '../../errors.ts';
import type { Hold } from '../../sqlite/short-holds.ts';
import type { Destroyed, Found, TrashedEntry } from '../../trash/purge.ts';
import type { LiveHolds } from '../live-holds.ts';
import type { TrashFolder } from './place.ts';
import { type PurgeKeepReason, purgeObstacle } from './plan.ts';

/** What has had its time, and, of those, what a killed purge had marked that has not. */
export interface DueSessions {
  readonly sessions: readonly TrashedEntry[];
  readonly spared: ReadonlyMap<TrashedEntry, PurgeKeepReason>;
}

export interface PurgeApplyOptions {
  readonly holds: LiveHolds;
  readonly clock: Clock;
  shouldStop(): Promise<boolean>;
  /** Is told of each folder what is destroyed of it from then on. */
  onMarked(sessions: readonly TrashedEntry[]): void;
  /** Is told why one that was due stays. */
  onKept(reason: PurgeKeepReason): void;
}

/** @throws BusyError, WholeRunError, or the system's error where nothing can be marked: nothing of what is not marked is destroyed */
export async function applyPurge(
  folder: TrashFolder,
  due: DueSessions,
  options: PurgeApplyOptions,
): Promise<Destroyed> {
  const marked: TrashedEntry[] = [];
  for (let next = 0; next < due.sessions.length; ) {
    const batch = folder.find(due.sessions.slice(next, next + options.holds.units));
    next += await markBatch(folder, batch, due, { ...options, onMarked: (sessions) => marked.push(...sessions) });
  }
  if (marked.length > 0) options.onMarked(marked);
  return folder.destroy(options.clock.now(), options.shouldStop);
}

/** What was done while the writers were held back. */
interface HeldMarks {
  readonly done: number;
  readonly kept: readonly PurgeKeepReason[];
  /** Those that have the mark now; a killed purge may have set it. */
  readonly marked: readonly TrashedEntry[];
  /** Sessions that could not be marked, since there is no room for a mark. */
  readonly roomMakers: readonly TrashedEntry[];
}

/** @returns how many it has come to, from the first one on */
async function markBatch(
  folder: TrashFolder,
  batch: readonly Found[],
  due: DueSessions,
  { holds, clock, onKept, onMarked }: PurgeApplyOptions,
): Promise<number> {
  const ids = batch.map(({ session }) => session.sessionId);
  const destroyed = new Set<TrashedEntry>();
  for (;;) {
    await folder.prepare();
    const held = await holds.take(ids, (live, hold) =>
      markHeld(folder, batch, { live, due, hold, nowMs: clock.now() }),
    );
    if (held === undefined) {
      for (const _ of batch) onKept('busy');
      return batch.length;
    }
    if (held.roomMakers.length === 0) {
      for (const reason of held.kept) onKept(reason);
      onMarked(held.marked);
      return held.done;
    }
    // On a disk that is full to the last byte, sessions whose time is over make the room for their marks, one by one.
    const roomMaker = held.roomMakers.find((session) => !destroyed.has(session));
    if (roomMaker === undefined)
      throw new OperatingError('io', 'mark what has had its time: no room on the disk for it');
    folder.destroyUnmarked(roomMaker);
    destroyed.add(roomMaker);
  }
}

interface HeldContext {
  readonly live: ReadonlySet<SessionId>;
  readonly due: DueSessions;
  readonly hold: Hold;
  readonly nowMs: number;
}

async function markHeld(
  folder: TrashFolder,
  batch: readonly Found[],
  { live, due, hold, nowMs }: HeldContext,
): Promise<HeldMarks> {
  const marked: Found[] = [];
  const unmarked: TrashedEntry[] = [];
  const kept: PurgeKeepReason[] = [];
  const before: TrashedEntry[] = [];
  let done = 0;
  for (const found of batch) {
    const { session } = found;
    const reason = purgeObstacle(found, live, due.spared);
    if (reason !== undefined) kept.push(reason);
    if (reason === undefined && session.state === 'purging') before.push(session);
    if (reason === undefined && session.state !== 'purging') marked.push(found);
    if (reason !== undefined && session.state === 'purging') unmarked.push(session);
    done += 1;
    if (hold.isOver()) break;
  }
  if (marked.length + unmarked.length === 0) return { done, kept, marked: before, roomMakers: [] };
  try {
    const isMarked = new Set(await folder.mark(marked, unmarked, nowMs));
    // Restored or written anew in this very moment.
    const others = marked.filter((found) => !isMarked.has(found)).map(() => 'recreated' as const);
    const sessions = [...before, ...[...isMarked].map(({ session }) => session)];
    return { done, kept: [...kept, ...others], marked: sessions, roomMakers: [] };
  } catch (error) {
    if (!isNoSpace(error) || marked.length === 0) throw error;
    return { done, kept: [], marked: [], roomMakers: marked.map(({ session }) => session) };
  }
}
