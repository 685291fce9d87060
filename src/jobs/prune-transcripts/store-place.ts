/** A session store as a prune sees it: nothing is moved in it, a session that is removed is hidden until it is restored or purged. */

import type { EmptyProject } from '../../claude-dir/empty-projects.ts';
import type { KnownMaps } from '../../claude-dir/known-maps.ts';
import type { Unit, Units } from '../../claude-dir/unit.ts';
import { displayName } from '../../files/byte-name.ts';
import type { Room } from '../../files/room.ts';
import type { LiveSessions } from '../../live-sources/live-source.ts';
import type { RetainedStore } from '../../session-store/retained-store.ts';
import type { StoredSession, TrashedStoredSession } from '../../session-store/stored-session.ts';
import { amountOfAll } from '../../trash/known-folders.ts';
import type { TakeOutcome } from '../../trash/take-outcome.ts';
import type { CountedTrash } from '../counted-trash.ts';
import type { RemovalRecord, RemovalRecorder } from '../ledger-contracts.ts';
import { neededByRun } from '../whole-run-error.ts';
import { type FactsQuestion, markOf, type TakeFacts } from './facts.ts';
import { protectionAt, protectionOfId } from './live-protection.ts';
import type { Concluded, ObservedPlace, PrunablePlace, Removal, Taking } from './place.ts';
import type { Protections } from './plan.ts';
import { removalRecord } from './removal-record.ts';
import { projectOf, sessionAt, unitsOf } from './stored-units.ts';

export interface StoreDependencies {
  readonly dryRun: boolean;
  /** Whether a title keeps a session, as the tag `keep` always does. */
  readonly keepNamed: boolean;
  readonly recorder: RemovalRecorder;
}

const NO_MAPS: KnownMaps = {};
const NO_LINKS: ReadonlyMap<number, number> = new Map();

export class StorePlace implements PrunablePlace {
  readonly path: string;
  readonly #store: RetainedStore;
  readonly #dependencies: StoreDependencies;

  constructor(store: RetainedStore, dependencies: StoreDependencies) {
    this.path = displayName(store.path);
    this.#store = store;
    this.#dependencies = dependencies;
  }

  knownMaps(): KnownMaps {
    return NO_MAPS;
  }

  /** The database belongs to hosts, too, and has no place for it. */
  namedBefore(): undefined {
    return undefined;
  }

  recordNamed(): void {}

  async observe(): Promise<ObservedPlace> {
    const { dryRun, recorder } = this.#dependencies;
    const trashed = await this.#store.trashed();
    if (!dryRun) neededByRun(() => recorder.recordRemovals(this.#recordsOf(trashed)));
    return new ObservedStore(this.#store, await this.#store.sessions(), trashed, this.#dependencies);
  }

  /** What a killed run has hidden stands in no ledger yet; what does is left as it is. */
  #recordsOf(trashed: readonly TrashedStoredSession[]) {
    return trashed.map((session) => {
      const { sessionId, reason, bytes, lastUsedAtMs: newestMtimeMs, trashedAtMs } = session;
      const what = { sessionId, project: projectOf(session), reason, files: 0, bytes, newestMtimeMs };
      return removalRecord(what, this.path, stampOf(trashedAtMs), trashedAtMs);
    });
  }
}

class ObservedStore implements ObservedPlace {
  readonly kind = 'store';
  readonly units: Units;
  readonly aged: Units;
  readonly faults = [];
  readonly reconciled = { undone: 0, completed: 0 };
  readonly stopped = false;
  readonly #store: RetainedStore;
  readonly #sessions: readonly StoredSession[];
  readonly #trashed: readonly TrashedStoredSession[];
  readonly #dependencies: StoreDependencies;

  constructor(
    store: RetainedStore,
    sessions: readonly StoredSession[],
    trashed: readonly TrashedStoredSession[],
    dependencies: StoreDependencies,
  ) {
    this.#store = store;
    this.#sessions = sessions.map((session) => ({
      ...session,
      lastUsedAtMs: session.lastUsedAtMs + store.clockLeadMs,
    }));
    this.#trashed = trashed;
    this.#dependencies = dependencies;
    this.units = unitsOf(this.#sessions);
    this.aged = this.units;
  }

  protection(sessions: LiveSessions): Protections['protection'] {
    return protectionOfId(this.units, sessions);
  }

  async tellProtected(live: LiveSessions): Promise<void> {
    if (this.#dependencies.dryRun) return;
    const trashed = {
      units: unitsOf(this.#trashed),
      protection: (sessions: LiveSessions) => protectionOfId(trashed.units, sessions),
      projectPaths: () => this.projectPaths(),
    };
    const isNamed = protectionAt(this, live);
    const isNamedInTrash = protectionAt(trashed, live);
    const found = [
      ...this.#sessions.filter((_, row) => isNamed(row) !== undefined),
      ...this.#trashed.filter((_, row) => isNamedInTrash(row) !== undefined),
    ];
    await this.#store.tellProtected([...new Set(found.map(({ sessionId }) => sessionId))]);
  }

  /** Its times and its class are what the store says. */
  async facts(rows: readonly number[], { shouldStop }: FactsQuestion, take: TakeFacts): Promise<void> {
    for (const row of rows) {
      if (await shouldStop()) return;
      const mark = markOf(await this.#store.marks(sessionAt(this.#sessions, row)), this.#dependencies.keepNamed);
      take(row, { facts: { mark, lastEntryMs: undefined, sessionClass: undefined } });
    }
  }

  /** A mark in a row that is there already. */
  room(): Room {
    return { bytes: undefined, inodes: undefined };
  }

  makeRoom(): number {
    return 0;
  }

  freeableBytes(): number | undefined {
    const bytes = this.#store.room()?.bytes;
    return bytes === undefined ? undefined : bytes + amountOfAll(this.#trashed).bytes;
  }

  unit(row: number): Unit {
    const session = sessionAt(this.#sessions, row);
    const { sessionId, hasMain, bytes, lastUsedAtMs } = session;
    const whole = { doubt: undefined, parts: [], undecided: [], files: 0, digest: 0, seenNames: NO_LINKS };
    return {
      ...whole,
      sessionId,
      project: projectOf(session),
      hasTranscript: hasMain,
      bytes,
      diskBytes: bytes,
      newestMtimeMs: lastUsedAtMs,
    };
  }

  take(): Taking {
    return new StoreTaking(this.#store, this.#sessions);
  }

  /** Entries are read whole or not at all: too much for a line on a screen. */
  face(): undefined {
    return undefined;
  }

  name(): undefined {
    return undefined;
  }

  projectPaths(): ReadonlyMap<string, readonly (string | undefined)[]> {
    return new Map();
  }

  /** Claude's own clean-up comes into no store. */
  asksForFacts(): boolean {
    return false;
  }

  emptied(): readonly EmptyProject[] {
    return [];
  }

  async conclude(): Promise<Concluded> {
    return { shielded: 0, emptyProjects: 0, copies: { sessions: 0, bytes: 0 }, vanished: 0 };
  }

  exposure(): undefined {
    return undefined;
  }

  async trashAmount(): Promise<CountedTrash> {
    return { ...amountOfAll(await this.#store.trashed()), faults: [] };
  }

  close(): void {
    // The store itself is its owner's to close.
  }
}

class StoreTaking implements Taking {
  readonly #store: RetainedStore;
  readonly #sessions: readonly StoredSession[];
  /** When each was hidden, by its row: a later run that finds it hidden records it by the same time. */
  readonly #hiddenAtMs = new Map<number, number>();

  constructor(store: RetainedStore, sessions: readonly StoredSession[]) {
    this.#store = store;
    this.#sessions = sessions;
  }

  /** What is hidden is known by that alone. */
  intend(): void {}

  async prepare(): Promise<void> {
    await this.#store.untilWritable();
  }

  async takeBatch(
    removals: readonly Removal[],
    nowMs: number,
    isLast: (outcome: TakeOutcome) => boolean,
  ): Promise<readonly TakeOutcome[]> {
    const asked = removals.map(({ row, reason }) => ({ session: sessionAt(this.#sessions, row), reason }));
    const hiddenAtMs = await this.#store.trashSome(asked, Math.floor(nowMs), (isHidden) => {
      return isLast({ kind: isHidden ? 'trashed' : 'changed' });
    });
    return hiddenAtMs.map((atMs, index): TakeOutcome => {
      const row = removals[index]?.row;
      if (atMs === undefined || row === undefined) return { kind: 'changed' };
      this.#hiddenAtMs.set(row, atMs);
      return { kind: 'trashed' };
    });
  }

  confirm(): ReadonlyMap<Removal, TakeOutcome> {
    return new Map();
  }

  /** A session that is written to anew is shown again: there are no two parts of it. */
  findRecreated(): ReadonlySet<Removal> {
    return new Set();
  }

  record({ row }: Removal, nowMs: number): Pick<RemovalRecord, 'trashRun' | 'removedAtMs'> {
    const removedAtMs = this.#hiddenAtMs.get(row) ?? nowMs;
    return { trashRun: stampOf(removedAtMs), removedAtMs };
  }

  keep(): void {}

  flush(): void {}

  throwIfFailed(): void {}

  end(): void {}

  close(): void {}
}

/** As a folder in the trash of a Claude directory is called. */
function stampOf(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, '');
}
