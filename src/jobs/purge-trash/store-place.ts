/**
 * The trash of a session store as a purge sees it: hidden sessions, which are marked in a moment, and whose entries are then destroyed a
 * few at a time, so that no host that appends to the store waits long.
 */

import type { KnownMaps } from '../../claude-dir/known-maps.ts';
import { displayName } from '../../files/byte-name.ts';
import { type Room, roomAround } from '../../files/room.ts';
import type { MarkedStoredSession, StoredSessions, TrashedStoredSession } from '../../session-store/stored-sessions.ts';
import type { ShortHolds } from '../../sqlite/short-holds.ts';
import { amountOfAll } from '../../trash/known-folders.ts';
import type { Destroyed, Found, TrashedEntry } from '../../trash/purge.ts';
import type { CountedTrash } from '../counted-trash.ts';
import type { DiskUse, FolderToOpen, OpenTrash, PurgeablePlace, TrashFolder } from './place.ts';

const NO_MAPS: KnownMaps = {};

export class StorePlace implements PurgeablePlace {
  readonly path: string;
  readonly #store: StoredSessions;
  readonly #holds: ShortHolds;

  /** @param holds of the store's own writers */
  constructor(store: StoredSessions, holds: ShortHolds) {
    this.path = displayName(store.path);
    this.#store = store;
    this.#holds = holds;
  }

  knownMaps(): KnownMaps {
    return NO_MAPS;
  }

  open(): OpenTrash {
    return new StoreTrash(this.#store, this.#holds);
  }

  /** The database belongs to hosts, too, and has no place for it. */
  witnessed(): undefined {
    return undefined;
  }

  recordWitnessed(): void {}
}

class StoreTrash implements OpenTrash {
  readonly #store: StoredSessions;
  readonly #holds: ShortHolds;

  constructor(store: StoredSessions, holds: ShortHolds) {
    this.#store = store;
    this.#holds = holds;
  }

  folders(): readonly FolderToOpen[] {
    const folder = new StoreFolder(this.#store, this.#holds);
    return [{ name: 'hidden sessions', open: () => folder }];
  }

  amount(): CountedTrash {
    return { ...amountOfAll([...this.#store.trashed(), ...this.#store.marked()]), faults: [] };
  }

  async giveBack(shouldStop: () => Promise<boolean>): Promise<number> {
    return this.#store.giveBack(this.#holds, shouldStop);
  }

  room(): Room {
    return roomAround(this.#store.path);
  }

  async diskUse(): Promise<DiskUse> {
    const hidden = this.#store.trashed();
    const bytes = amountOfAll([...this.#store.sessions(), ...hidden, ...this.#store.marked()]).bytes;
    const trashed = hidden.map(({ sessionId, trashedAtMs, bytes: diskBytes }) => {
      return { sessionId, trashedAtMs, diskBytes, isAlone: () => true };
    });
    return { takenBytes: bytes, freeBytes: this.room().bytes, trashed };
  }

  close(): void {
    // The store itself is its owner's to close.
  }
}

class StoreFolder implements TrashFolder {
  readonly #store: StoredSessions;
  readonly #holds: ShortHolds;
  /** What stands in the store, by what the purge knows it by: several may have one id. */
  readonly #trashed: ReadonlyMap<TrashedEntry, TrashedStoredSession>;
  /** Marked by a purge that was killed: its entries may be gone in part. */
  readonly #begun: readonly TrashedEntry[];

  constructor(store: StoredSessions, holds: ShortHolds) {
    this.#store = store;
    this.#holds = holds;
    this.#trashed = new Map(store.trashed().map((session) => [entryOf(session, 'trashed'), session]));
    this.#begun = store.marked().map((session) => entryOf(session, 'purging'));
  }

  sessions(): readonly TrashedEntry[] {
    return [...this.#trashed.keys(), ...this.#begun];
  }

  find(sessions: readonly TrashedEntry[]): readonly Found[] {
    return sessions.map((session) => ({
      session,
      isRecreated: false,
      isWhole: session.state === 'trashed',
      present: [],
    }));
  }

  async prepare(): Promise<void> {
    await this.#store.untilWritable();
  }

  mark(marked: readonly Found[]): readonly Found[] {
    let done: Found[] = [];
    this.#store.inShortTransaction(() => {
      done = marked.filter(({ session }) => {
        const stored = this.#trashed.get(session);
        return stored !== undefined && this.#store.mark(stored);
      });
    });
    return done;
  }

  destroyUnmarked(): void {
    // A mark takes no room that its session has not had.
  }

  async destroy(_nowMs: number, shouldStop: () => Promise<boolean>): Promise<Destroyed> {
    const sessions: TrashedEntry[] = [];
    for (const session of this.#store.marked()) {
      if (await shouldStop()) break;
      if (await this.#destroyAll(session, shouldStop)) sessions.push(entryOf(session, 'purged'));
    }
    return { sessions, faults: [], leftOver: undefined };
  }

  close(): void {}

  /** @returns whether nothing is left of it */
  async #destroyAll(session: MarkedStoredSession, shouldStop: () => Promise<boolean>): Promise<boolean> {
    for (;;) {
      const some = await this.#holds.take((hold) => this.#store.destroySome(session, this.#holds.units, hold));
      if (some?.isGone) return true;
      if (await shouldStop()) return false;
    }
  }
}

function entryOf(
  { sessionId, trashedAtMs, bytes }: Pick<TrashedEntry, 'sessionId' | 'trashedAtMs' | 'bytes'>,
  state: TrashedEntry['state'],
): TrashedEntry {
  return { sessionId, trashedAtMs, bytes, state };
}
