/**
 * What a purge works on, the trash of a Claude directory or of a session store: what lies in it, and how what has had its time there is
 * marked and then destroyed. A purge knows no more of either than this.
 */

import type { KnownMaps } from '../../claude-dir/known-maps.ts';
import type { Room } from '../../files/room.ts';
import type { Destroyed, Found, TrashedEntry } from '../../trash/purge.ts';
import type { CountedTrash } from '../counted-trash.ts';
import type { ClockHistory, ClockReading } from '../ledger-contracts.ts';
import type { EarlyCandidate } from './plan.ts';

export interface PurgeablePlace {
  /** For faults, as `displayName` gives it. */
  readonly path: string;
  /** The resume maps that have protected its sessions so far. */
  knownMaps(): KnownMaps;
  /** Undefined where there is no trash. */
  open(): OpenTrash | undefined | Promise<OpenTrash>;
  /** What it knows of the clocks by itself after a look; undefined where no account of them is kept with it. */
  witnessed(now: ClockReading): ClockHistory | undefined;
  /** Keeps that account for the next purge. */
  recordWitnessed(history: ClockHistory): void;
}

export interface OpenTrash {
  /** What a purge works through one after the other, the newest first: the folder of one run of a prune, or a store's whole trash. */
  folders(): readonly FolderToOpen[] | Promise<readonly FolderToOpen[]>;
  /** What lies in it now. */
  amount(): CountedTrash | Promise<CountedTrash>;
  /** Gives what has come free back to the disk. Not to be called in a dry run. @returns how many bytes */
  giveBack(shouldStop: () => Promise<boolean>): Promise<number>;
  /** What is free on its disk. */
  room(): Room;
  /** What the disk says, for a place whose disk has a limit or is full. */
  diskUse(shouldStop: () => Promise<boolean>): Promise<DiskUse>;
  close(): void;
}

/** How much of its disk a place takes. */
export interface DiskUse {
  /** Allocated by its sessions and its trash together. */
  readonly takenBytes: number;
  /** Undefined where the file system does not say. */
  readonly freeBytes: number | undefined;
  /** All that lies in the trash and can be read. */
  readonly trashed: readonly EarlyCandidate[];
}

export interface FolderToOpen {
  /** For faults, e.g. `trash folder 20260131T041700Z`. */
  readonly name: string;
  /**
   * Ends first what a killed run had left half-done in it, or foresees that in a dry run.
   * @returns undefined where nothing ever was in it
   * @throws where it cannot be read: nothing of it is to be destroyed then
   */
  open(nowMs: number): TrashFolder | undefined;
}

export interface TrashFolder {
  sessions(): readonly TrashedEntry[];
  /** Looks for what is left of sessions, and for what stands in their old places. */
  find(sessions: readonly TrashedEntry[]): readonly Found[];
  /** Waits for whoever is at work on it, before anybody is held back. @throws BusyError where that takes too long */
  prepare(): Promise<void>;
  /**
   * Marks sessions to be destroyed, and takes the mark off others, while writers are held back.
   * @returns those that are marked
   * @throws BusyError, or the system's error; then none of them counts as marked, and it may be tried again
   */
  mark(
    marked: readonly Found[],
    unmarked: readonly TrashedEntry[],
    nowMs: number,
  ): readonly Found[] | Promise<readonly Found[]>;
  /** Destroys one session before it is marked, for the room that it takes. */
  destroyUnmarked(session: TrashedEntry): void;
  /** Destroys what is marked. */
  destroy(nowMs: number, shouldStop: () => Promise<boolean>): Promise<Destroyed>;
  close(): void;
}
