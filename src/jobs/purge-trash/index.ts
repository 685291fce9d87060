/** purge-trash: destroys what has lain in the trash for longer than its time; the only job that destroys bytes. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { readKnownMaps } from '../../claude-dir/known-maps.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { Clock } from '../../clock.ts';
import { errorCode, errorMessage, OperatingError, systemError } from '../../errors.ts';
import { type ByteName, displayName } from '../../files/byte-name.ts';
import { type LiveSource, readAllSources, withLiveOfAll } from '../../live-sources/live-source.ts';
import type { StoredSessions, TrashedStoredSession } from '../../session-store/stored-sessions.ts';
import type { ShortHolds } from '../../sqlite/short-holds.ts';
import type { KnownRun } from '../../trash/known-folders.ts';
import type { ManifestEntry } from '../../trash/manifest.ts';
import type { Found, RunPurge } from '../../trash/purge.ts';
import { Trash } from '../../trash/trash.ts';
import { type Guards, type Held, refusalOf } from '../guards/guards.ts';
import type { Job, JobContext, JobFault, JobReport } from '../job.ts';
import { type PurgeKeepReason, planPurge } from './plan.ts';

export interface PurgeDependencies {
  readonly claudeDirs: readonly ClaudeDir[];
  readonly stores: readonly StoredSessions[];
  readonly sources: readonly LiveSource[];
  readonly keepMs: number;
  /** How much of the time since a moment only the wall clock has counted; both in milliseconds. */
  unwitnessedMs(sinceMs: number): number;
  readonly guards: Guards;
  readonly holds: ShortHolds;
  readonly clock: Clock;
}

/** Sessions that are marked while the writers of the resume map wait: one append and its fsync. */
const MARK_BATCH_SESSIONS = 2_048;
const NONE_LIVE: ReadonlySet<SessionId> = new Set();

export function purgeTrashJob(dependencies: PurgeDependencies): Job {
  return {
    name: 'purge-trash',
    run: async (context) => {
      const purge = new Purge(dependencies, context);
      for (const claudeDir of dependencies.claudeDirs) {
        if (purge.isOver) break;
        await purge.purgeOne(claudeDir);
      }
      for (const store of dependencies.stores) if (!purge.isOver) await purge.purgeStore(store);
      return purge.report();
    },
  };
}

class Purge {
  readonly #dependencies: PurgeDependencies;
  readonly #context: JobContext;
  readonly #purged = { sessions: 0, bytes: 0 };
  readonly #trash = { sessions: 0, bytes: 0 };
  readonly #kept: Record<string, number> = {};
  /** Marked, and not due. */
  readonly #spared = new Map<ManifestEntry, PurgeKeepReason>();
  readonly #progress = { done: 0, total: 0 };
  readonly #faults: JobFault[] = [];
  #failure: OperatingError | undefined;
  #stopped = false;

  constructor(dependencies: PurgeDependencies, context: JobContext) {
    this.#dependencies = dependencies;
    this.#context = context;
  }

  /** Nothing more is to be begun. */
  get isOver(): boolean {
    return this.#stopped || this.#failure !== undefined;
  }

  /** What was done in the directories before this one has been done, and is told, whatever goes wrong here. */
  async purgeOne(claudeDir: ClaudeDir): Promise<void> {
    let trash: Trash | undefined;
    try {
      trash = Trash.openIfThere(claudeDir);
      if (trash !== undefined) {
        this.#refuse(this.#dependencies.guards.unknownMap(displayName(claudeDir.path), readKnownMaps(claudeDir)));
        await this.#purge(trash);
      }
    } catch (error) {
      const failure = systemError(`purge the trash of ${displayName(claudeDir.path)}`, error);
      if (!(failure instanceof OperatingError)) throw error;
      this.#failure = failure;
    } finally {
      trash?.close();
    }
  }

  async purgeStore(store: StoredSessions): Promise<void> {
    try {
      const { keepMs, clock, sources, unwitnessedMs } = this.#dependencies;
      const live = await this.#readLive();
      const due: TrashedStoredSession[] = [];
      for (const decision of planPurge(store.trashed(), live, keepMs, clock.now(), unwitnessedMs)) {
        if (decision.purge) due.push(decision.session);
        else this.#keep(decision.reason);
      }
      for (const session of due) {
        this.#stopped ||= await this.#context.shouldStop();
        if (this.#stopped) break;
        if (this.#context.dryRun) this.#count(session);
        else {
          await withLiveOfAll(sources, [session.sessionId], (liveNow) => {
            if (liveNow.has(session.sessionId)) this.#keep('live');
            else if (store.destroy(session)) this.#count(session);
          });
        }
      }
      for (const { bytes } of store.trashed()) {
        this.#trash.sessions += 1;
        this.#trash.bytes += bytes;
      }
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#failure = error;
    }
  }

  async #purge(trash: Trash): Promise<void> {
    const known = new Map<string, KnownRun>();
    try {
      const live = await this.#readLive();
      for (const run of trash.runs()) {
        this.#stopped ||= await this.#context.shouldStop();
        if (this.#stopped) break;
        await this.#purgeRun(trash, run, live, known);
      }
    } finally {
      const { sessions, bytes } = trash.amount(known);
      this.#trash.sessions += sessions;
      this.#trash.bytes += bytes;
    }
  }

  report(): JobReport {
    return {
      purged: this.#purged,
      kept: this.#kept,
      trash: this.#trash,
      faults: this.#faults,
      ...(this.#failure === undefined ? {} : { failure: { kind: this.#failure.kind, message: this.#failure.message } }),
      ...(this.#stopped ? { stopped: true } : {}),
    };
  }

  /** What has had its time, or was marked as such by a purge that did not come to its end. */
  #dueOf(sessions: readonly ManifestEntry[], live: ReadonlySet<SessionId>): ManifestEntry[] {
    const { keepMs, clock, unwitnessedMs } = this.#dependencies;
    const due: ManifestEntry[] = [];
    // The originals of a joined session are not the session: whether it is live says nothing of them.
    const nowMs = clock.now();
    const joined = sessions.filter(({ state }) => state === 'joined');
    const others = sessions.filter(({ state }) => state !== 'joined');
    for (const decision of [
      ...planPurge(others, live, keepMs, nowMs, unwitnessedMs),
      ...planPurge(joined, NONE_LIVE, keepMs, nowMs, unwitnessedMs),
    ]) {
      if (decision.purge) due.push(decision.session);
      else if (decision.session.state !== 'purging') this.#keep(decision.reason);
      else {
        // Marked by a purge that went by another clock or setting, and then was stopped.
        this.#spared.set(decision.session, decision.reason);
        due.push(decision.session);
      }
    }
    return due;
  }

  async #readLive(): Promise<ReadonlySet<SessionId>> {
    const { ids, counts } = await readAllSources(this.#dependencies.sources);
    this.#refuseEmptied(Object.fromEntries(counts.map(({ source, ids: count }) => [source, count])));
    return new Set([...ids.live, ...ids.running, ...ids.pinned]);
  }

  #keep(reason: string): void {
    this.#kept[reason] = (this.#kept[reason] ?? 0) + 1;
  }

  /** What is live again is spared, so a source that forgot it must not be believed. A dry run says so and goes on. */
  #refuseEmptied(counts: Readonly<Record<string, number>>): void {
    this.#refuse(this.#dependencies.guards.emptiedSource(counts));
  }

  #refuse(held: Held | undefined): void {
    if (held === undefined) return;
    const refusal = refusalOf(held);
    if (!this.#context.dryRun) throw refusal;
    this.#faults.push({ kind: refusal.kind, message: refusal.message });
  }

  /** @param known is told what is left in the run */
  async #purgeRun(
    trash: Trash,
    run: ByteName,
    live: ReadonlySet<SessionId>,
    known: Map<string, KnownRun>,
  ): Promise<void> {
    const purge = this.#open(trash, run);
    if (purge === undefined) return;
    try {
      const due = this.#dueOf(purge.sessions(), live);
      this.#progress.total += due.length;
      if (this.#context.dryRun) this.#countDue(purge, due);
      else {
        await this.#markAll(purge, run, due);
        this.#progress.done += await this.#destroy(purge, run);
      }
      const left = purge.summary();
      if (left !== undefined) known.set(run, left);
    } finally {
      purge.close();
    }
    this.#context.onProgress({ phase: 'purge', ...this.#progress });
  }

  #open(trash: Trash, run: ByteName): RunPurge | undefined {
    try {
      return trash.openForPurge(run, this.#dependencies.clock.now(), this.#context);
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      this.#faults.push({ kind: 'io', message: `read the trash run ${run}: ${code}; nothing of it is purged` });
      return undefined;
    }
  }

  #countDue(purge: RunPurge, due: readonly ManifestEntry[]): void {
    for (const found of purge.find(due)) {
      const obstacle = this.#obstacle(found, NONE_LIVE);
      if (obstacle === undefined) this.#count(found.session);
      else this.#keep(obstacle);
    }
    this.#progress.done += due.length;
  }

  /** @returns how many it has destroyed */
  async #destroy(purge: RunPurge, run: ByteName): Promise<number> {
    try {
      const { sessions, faults, leftOver } = await purge.destroy(this.#dependencies.clock.now(), async () => {
        this.#stopped ||= await this.#context.shouldStop();
        return this.#stopped;
      });
      for (const session of sessions) this.#count(session);
      for (const { sessionId, message } of faults) {
        this.#faults.push({ kind: 'io', message: `purge session ${sessionId}: ${message}` });
      }
      if (leftOver !== undefined) this.#faultOfRun(run, leftOver);
      return sessions.length;
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      // One run that cannot be destroyed does not stop the others; what is marked is tried again the next time.
      this.#faultOfRun(run, errorMessage(error));
      return 0;
    }
  }

  #faultOfRun(run: ByteName, fault: string): void {
    this.#faults.push({ kind: 'io', message: `purge the trash run ${run}: ${fault}` });
  }

  async #markAll(purge: RunPurge, run: ByteName, due: readonly ManifestEntry[]): Promise<void> {
    let pauseEndsAt = 0;
    for (let start = 0; start < due.length; start += MARK_BATCH_SESSIONS) {
      await sleep(Math.max(0, pauseEndsAt - performance.now()));
      const batch = purge.find(due.slice(start, start + MARK_BATCH_SESSIONS));
      const ids = batch.map(({ session }) => session.sessionId);
      await withLiveOfAll(this.#dependencies.sources, ids, (live) => {
        const heldAt = performance.now();
        this.#mark(purge, run, batch, live);
        // The writers get as long as they had to wait.
        pauseEndsAt = 2 * performance.now() - heldAt;
      });
    }
  }

  #mark(purge: RunPurge, run: ByteName, batch: readonly Found[], live: ReadonlySet<SessionId>): void {
    const marked: Found[] = [];
    const unmarked: ManifestEntry[] = [];
    for (const found of batch) {
      const { session } = found;
      const reason = this.#obstacle(found, live);
      if (reason === undefined) {
        if (session.state !== 'purging') marked.push(found);
        continue;
      }
      this.#keep(reason);
      if (session.state === 'purging') unmarked.push(session);
    }
    if (marked.length + unmarked.length > 0) {
      markOrFail(purge, run, marked, this.#dependencies.clock.now(), unmarked);
    }
  }

  #obstacle(found: Found, live: ReadonlySet<SessionId>): PurgeKeepReason | 'recreated' | undefined {
    // What a killed purge has begun to destroy can only be ended.
    if (found.session.state === 'purging' && !found.isWhole) return undefined;
    return purgeObstacle(found, live) ?? this.#spared.get(found.session);
  }

  #count(session: { readonly bytes: number }): void {
    this.#purged.sessions += 1;
    this.#purged.bytes += session.bytes;
  }
}

/** Why a session that has had its time is not to be destroyed after all. */
function purgeObstacle(
  { session, isRecreated }: Found,
  live: ReadonlySet<SessionId>,
): 'live' | 'recreated' | undefined {
  if (session.state === 'joined') return undefined;
  if (live.has(session.sessionId)) return 'live';
  return isRecreated ? 'recreated' : undefined;
}

const NO_ROOM_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/** On a disk that is full to the last byte there is no room for a mark: sessions whose time is over make it, one by one. */
function markOrFail(
  purge: RunPurge,
  run: ByteName,
  marked: readonly Found[],
  nowMs: number,
  unmarked: readonly ManifestEntry[],
): void {
  const roomMakers = [...marked];
  for (;;) {
    try {
      purge.mark(marked, unmarked, nowMs);
      return;
    } catch (error) {
      const roomMaker = NO_ROOM_CODES.has(errorCode(error) ?? '') ? roomMakers.shift() : undefined;
      if (roomMaker === undefined) throw systemError(`mark the trash run ${run}`, error);
      purge.destroyUnmarked(roomMaker.session);
    }
  }
}
