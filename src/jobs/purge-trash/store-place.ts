/**
 * The trash of a session store as a purge sees it: hidden sessions, which are marked in a moment, and whose entries are then destroyed a
 * few at a time, so that no host that appends to the store waits long.
 */

import type { KnownMaps } from '../../claude-dir/known-maps.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import { displayName } from '../../files/byte-name.ts';
import type { Room } from '../../files/room.ts';
import type { DestroyedPart, RetainedStore } from '../../session-store/retained-store.ts';
import type { MarkedStoredSession, TrashedStoredSession } from '../../session-store/stored-session.ts';
import type { ShortHolds } from '../../sqlite/short-holds.ts';
import { amountOfAll } from '../../trash/known-folders.ts';
import type { Destroyed, Found, TrashedEntry } from '../../trash/purge.ts';
import type { CountedTrash } from '../counted-trash.ts';
import type { DiskUse, FolderToOpen, OpenTrash, PurgeablePlace, TrashFolder } from './place.ts';

const NO_MAPS: KnownMaps = {};

export class StorePlace implements PurgeablePlace {
  readonly path: string;
  readonly #store: RetainedStore;
  readonly #holds: ShortHolds;

  /** @param holds of the store's own writers */
  constructor(store: RetainedStore, holds: ShortHolds) {
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
  readonly #store: RetainedStore;
  readonly #holds: ShortHolds;

  constructor(store: RetainedStore, holds: ShortHolds) {
    this.#store = store;
    this.#holds = holds;
  }

  async folders(): Promise<readonly FolderToOpen[]> {
    const [trashed, marked] = [await this.#store.trashed(), await this.#store.marked()];
    const folder = new StoreFolder(this.#store, this.#holds, trashed, marked);
    return [{ name: 'hidden sessions', open: () => folder }];
  }

  async amount(): Promise<CountedTrash> {
    return { ...amountOfAll([...(await this.#store.trashed()), ...(await this.#store.marked())]), faults: [] };
  }

  async giveBack(shouldStop: () => Promise<boolean>): Promise<number> {
    return this.#store.giveBack(this.#holds, shouldStop);
  }

  room(): Room {
    return this.#store.room() ?? { bytes: undefined, inodes: undefined };
  }

  async diskUse(): Promise<DiskUse> {
    const room = this.#store.room();
    if (room === undefined) return { takenBytes: 0, freeBytes: undefined, trashed: [] };
    const hidden = await this.#store.trashed();
    const bytes = amountOfAll([...(await this.#store.sessions()), ...hidden, ...(await this.#store.marked())]).bytes;
    const trashed = hidden.map(({ sessionId, trashedAtMs, bytes: diskBytes }) => {
      return { sessionId, trashedAtMs, diskBytes, isAlone: () => true };
    });
    return { takenBytes: bytes, freeBytes: room.bytes, trashed };
  }

  close(): void {
    // The store itself is its owner's to close.
  }
}

class StoreFolder implements TrashFolder {
  readonly #store: RetainedStore;
  readonly #holds: ShortHolds;
  /** What stands in the store, by what the purge knows it by: several may have one id. */
  readonly #trashed: ReadonlyMap<TrashedEntry, TrashedStoredSession>;
  /** Marked by a purge that was killed: its entries may be gone in part. */
  readonly #begun: ReadonlyMap<TrashedEntry, MarkedStoredSession>;

  constructor(
    store: RetainedStore,
    holds: ShortHolds,
    trashed: readonly TrashedStoredSession[],
    marked: readonly MarkedStoredSession[],
  ) {
    this.#store = store;
    this.#holds = holds;
    const leadMs = store.clockLeadMs;
    this.#trashed = new Map(trashed.map((session) => [entryOf(session, 'trashed', leadMs), session]));
    this.#begun = new Map(marked.map((session) => [entryOf(session, 'purging', leadMs), session]));
  }

  sessions(): readonly TrashedEntry[] {
    return [...this.#trashed.keys(), ...this.#begun.keys()];
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

  async mark(marked: readonly Found[], unmarked: readonly TrashedEntry[]): Promise<readonly Found[]> {
    for (const entry of unmarked) {
      const begun = this.#begun.get(entry);
      if (begun !== undefined) await this.#store.unmark(begun);
    }
    if (marked.length === 0) return [];
    const done = new Set(await this.#store.markSome(marked.flatMap(({ session }) => this.#trashed.get(session) ?? [])));
    return marked.filter(({ session }) => {
      const stored = this.#trashed.get(session);
      return stored !== undefined && done.has(stored);
    });
  }

  destroyUnmarked(): void {
    // A mark takes no room that its session has not had.
  }

  async destroy(_nowMs: number, shouldStop: () => Promise<boolean>): Promise<Destroyed> {
    const sessions: TrashedEntry[] = [];
    const faults: { sessionId: SessionId; message: string }[] = [];
    for (const session of await this.#store.marked()) {
      if (await shouldStop()) break;
      const { isGone, fault } = await this.#destroyAll(session, shouldStop);
      if (fault !== undefined) faults.push({ sessionId: session.sessionId, message: fault });
      if (isGone && fault === undefined) sessions.push(entryOf(session, 'purged', this.#store.clockLeadMs));
    }
    return { sessions, faults, leftOver: undefined };
  }

  close(): void {}

  /** @returns whether nothing is left of it */
  async #destroyAll(session: MarkedStoredSession, shouldStop: () => Promise<boolean>): Promise<DestroyedPart> {
    for (;;) {
      const some = await this.#holds.take((hold) => this.#store.destroySome(session, this.#holds.units, hold));
      if (some?.isGone) return some;
      if (await shouldStop()) return { isGone: false };
    }
  }
}

function entryOf(
  { sessionId, trashedAtMs, bytes }: Pick<TrashedEntry, 'sessionId' | 'trashedAtMs' | 'bytes'>,
  state: TrashedEntry['state'],
  clockLeadMs: number,
): TrashedEntry {
  return { sessionId, trashedAtMs: trashedAtMs + clockLeadMs, bytes, state };
}
