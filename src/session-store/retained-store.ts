/** What retention asks of a session store, whatever engine keeps it; whoever keeps all of this contract is pruned like a directory. */

import type { SessionId } from '../claude-dir/session-id.ts';
import type { SessionMarks } from '../claude-dir/transcript-marks.ts';
import type { Room } from '../files/room.ts';
import type { Hold, ShortHolds } from '../sqlite/short-holds.ts';
import type { MarkedStoredSession, StoredSession, TrashedStoredSession } from './stored-session.ts';

/** At once, or after a while: an engine on another machine cannot answer at once. */
export type Eventually<T> = T | Promise<T>;

/** A session that is to go, as it was read. */
export interface StoredRemoval {
  readonly session: StoredSession;
  readonly reason: string;
}

/**
 * A call answers in full, or throws an OperatingError: where not everything could be read, nothing is removed. No session that has changed
 * since it was read is ever hidden, marked or destroyed; whether it has is to be told in the same step as that is done.
 */
export interface RetainedStore {
  /** By which reports and the ledger know it; shows no password. */
  readonly path: string;
  /**
   * By how much the worker's clock was ahead of the store's at the last reading, by which the store's times are; 0 where it was behind: a
   * server whose clock has jumped ahead makes nothing older.
   */
  readonly clockLeadMs: number;
  /** What is not in the trash. A key that is none is left out: it stays for good. */
  sessions(): Eventually<readonly StoredSession[]>;
  trashed(): Eventually<readonly TrashedStoredSession[]>;
  /** Sessions that are marked to be destroyed, and are not gone yet. */
  marked(): Eventually<readonly MarkedStoredSession[]>;
  /** What a session says of itself: the last tag, the last title. */
  marks(session: StoredSession): Eventually<SessionMarks>;
  /** Tells the workers of other hosts which of its sessions, hidden ones too, are protected here: none of these is theirs to remove. */
  tellProtected(sessionIds: readonly SessionId[]): Eventually<void>;
  /** Waits until no other holds the store. @throws BusyError */
  untilWritable(): Promise<void>;
  /**
   * Hides sessions in one short step, while writers of the live sources are held back.
   * @param isLast asked after each: whether it has to be the last
   * @returns when each that it came to was hidden, by the store's clock; undefined for one that has changed, and stays
   * @throws BusyError where others hold the store; then nothing is changed
   */
  trashSome(
    removals: readonly StoredRemoval[],
    nowMs: number,
    isLast: (isHidden: boolean) => boolean,
  ): Eventually<readonly (number | undefined)[]>;
  /** Shows one again, as old as before. @returns whether it was in the trash */
  restore(session: StoredSession): Eventually<boolean>;
  /** Marks what lies in the trash unchanged to be destroyed, as `trashSome` hides. @returns those that are marked by it */
  markSome(sessions: readonly TrashedStoredSession[]): Eventually<readonly TrashedStoredSession[]>;
  /** Takes the mark off what a killed purge has marked, where it is still whole: it is in use again. */
  unmark(session: MarkedStoredSession): Eventually<void>;
  /** Destroys a bounded part of a marked session. @returns whether nothing is left of it to be destroyed */
  destroySome(session: MarkedStoredSession, entriesMax: number, hold: Hold): Promise<DestroyedPart>;
  /** Gives what is free back to the disk, where that can be done in short steps. @returns how many bytes */
  giveBack(holds: ShortHolds, shouldStop: () => Promise<boolean>): Promise<number>;
  /** What is free on its disk; undefined where that is none of this host's. */
  room(): Room | undefined;
  close(): Eventually<void>;
}

export interface DestroyedPart {
  readonly isGone: boolean;
  /** What somebody should know of it, one sentence. */
  readonly fault?: string;
}
