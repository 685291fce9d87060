/** purge-trash: destroys what has lain in the trash for longer than its time; the only job that destroys bytes. */

import type { Clock } from '../../clock.ts';
import { errorCode, errorMessage, OperatingError, systemError } from '../../errors.ts';
import { type LiveSource, readAllSources, withLiveOfAll } from '../../sessions/live-sources/live-source.ts';
import type { SessionId } from '../../sessions/session-id.ts';
import { type ByteName, displayName } from '../../transcripts/byte-name.ts';
import type { ClaudeDir } from '../../transcripts/claude-dir.ts';
import type { StoredSessions, TrashedStoredSession } from '../../transcripts/entry-store/stored-sessions.ts';
import { readKnownMaps } from '../../transcripts/known-maps.ts';
import { Trash, type TrashedSession } from '../../transcripts/trash/trash.ts';
import { emptiedSource, type PruneMemory, strangeMap } from '../guards.ts';
import type { Job, JobContext, JobFault, JobReport } from '../job.ts';
import { planPurge } from './plan.ts';

export interface PurgeDependencies {
  readonly claudeDirs: readonly ClaudeDir[];
  readonly stores: readonly StoredSessions[];
  readonly sources: readonly LiveSource[];
  readonly keepMs: number;
  /** Undefined where an operator has said that all is right. */
  readonly memory: Pick<PruneMemory, 'knownLiveIds'> | undefined;
  /** Of the resume map, where it is one of our own making. */
  readonly mapIdentity: string | undefined;
  readonly clock: Clock;
}

/** Sessions that are marked while the writers of the resume map wait: one small append and its fsync. */
const MARK_BATCH_SESSIONS = 256;
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
        const { memory, mapIdentity } = this.#dependencies;
        const path = displayName(claudeDir.path);
        this.#refuse(memory && strangeMap(path, mapIdentity, readKnownMaps(claudeDir)));
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
      const { keepMs, clock, sources } = this.#dependencies;
      const live = await this.#readLive();
      const due: TrashedStoredSession[] = [];
      for (const decision of planPurge(store.trashed(), live, keepMs, clock.now())) {
        if (decision.purge) due.push(decision.session);
        else this.#keep(decision.reason);
      }
      for (const session of due) {
        this.#stopped ||= this.#context.shouldStop();
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
    try {
      if (!this.#context.dryRun) trash.reconcile(this.#dependencies.clock.now());
      const { due, runs } = await this.#dueSessions(trash);
      const dueByRun = groupByRun(due);
      let done = 0;
      for (const run of runs) {
        this.#stopped ||= this.#context.shouldStop();
        if (this.#stopped) break;
        done += await this.#purgeRun(trash, run, dueByRun.get(run) ?? []);
        this.#context.onProgress({ phase: 'purge', done, total: due.length });
      }
    } finally {
      for (const session of trash.contents().sessions) {
        this.#trash.sessions += 1;
        this.#trash.bytes += session.bytes;
      }
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

  /** What has had its time, and the runs that can be read. */
  async #dueSessions(trash: Trash): Promise<{ readonly due: TrashedSession[]; readonly runs: readonly ByteName[] }> {
    const { keepMs, clock } = this.#dependencies;
    const live = await this.#readLive();
    const { sessions, unreadableRuns } = trash.contents();
    for (const { run, code } of unreadableRuns) {
      this.#faults.push({ kind: 'io', message: `read the trash run ${run}: ${code}; nothing of it is purged` });
    }
    const due: TrashedSession[] = [];
    // The originals of a joined session are not the session: whether it is live says nothing of them.
    const nowMs = clock.now();
    const joined = sessions.filter(({ state }) => state === 'joined');
    const others = sessions.filter(({ state }) => state !== 'joined');
    for (const decision of [
      ...planPurge(others, live, keepMs, nowMs),
      ...planPurge(joined, NONE_LIVE, keepMs, nowMs),
    ]) {
      if (decision.purge || decision.session.state === 'purging') due.push(decision.session);
      else this.#keep(decision.reason);
    }
    const unreadable = new Set(unreadableRuns.map(({ run }) => run));
    return { due, runs: trash.runs().filter((run) => !unreadable.has(run)) };
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
    const { memory } = this.#dependencies;
    this.#refuse(memory && emptiedSource(counts, memory));
  }

  #refuse(refusal: OperatingError | undefined): void {
    if (refusal === undefined) return;
    if (!this.#context.dryRun) throw refusal;
    this.#faults.push({ kind: refusal.kind, message: refusal.message });
  }

  async #purgeRun(trash: Trash, run: ByteName, due: readonly TrashedSession[]): Promise<number> {
    if (this.#context.dryRun) {
      const kept = due.filter((session) => purgeObstacle(trash, session, NONE_LIVE) !== undefined);
      if (kept.length > 0) this.#kept.recreated = (this.#kept.recreated ?? 0) + kept.length;
      for (const session of due) if (!kept.includes(session)) this.#count(session);
      return due.length;
    }
    for (let start = 0; start < due.length; start += MARK_BATCH_SESSIONS) {
      await this.#mark(trash, run, due.slice(start, start + MARK_BATCH_SESSIONS));
    }
    try {
      const { sessions, faults, leftOver } = trash.destroyMarked(run, this.#dependencies.clock.now(), () => {
        this.#stopped ||= this.#context.shouldStop();
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

  async #mark(trash: Trash, run: ByteName, batch: readonly TrashedSession[]): Promise<void> {
    const ids = batch.map((session) => session.sessionId);
    await withLiveOfAll(this.#dependencies.sources, ids, (live) => {
      const marked: TrashedSession[] = [];
      const unmarked: TrashedSession[] = [];
      for (const session of batch) {
        const reason = purgeObstacle(trash, session, live);
        // What a killed purge has begun to destroy can only be ended.
        const isLost = session.state === 'purging' && !trash.isWhole(session);
        if (reason === undefined || isLost) {
          if (session.state !== 'purging') marked.push(session);
          continue;
        }
        this.#keep(reason);
        if (session.state === 'purging') unmarked.push(session);
      }
      if (marked.length + unmarked.length > 0) {
        markOrFail(trash, run, marked, this.#dependencies.clock.now(), unmarked);
      }
    });
  }

  #count(session: { readonly bytes: number }): void {
    this.#purged.sessions += 1;
    this.#purged.bytes += session.bytes;
  }
}

/** Why a session that has had its time is not to be destroyed after all. */
function purgeObstacle(
  trash: Trash,
  session: TrashedSession,
  live: ReadonlySet<SessionId>,
): 'live' | 'recreated' | undefined {
  if (session.state === 'joined') return undefined;
  if (live.has(session.sessionId)) return 'live';
  return trash.isRecreated(session) ? 'recreated' : undefined;
}

const NO_ROOM_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/** On a disk that is full to the last byte there is no room for a mark: sessions whose time is over make it, one by one. */
function markOrFail(
  trash: Trash,
  run: ByteName,
  marked: readonly TrashedSession[],
  nowMs: number,
  unmarked: readonly TrashedSession[],
): void {
  const roomMakers = [...marked];
  for (;;) {
    try {
      trash.markForPurge(run, marked, nowMs, unmarked);
      return;
    } catch (error) {
      const roomMaker = NO_ROOM_CODES.has(errorCode(error) ?? '') ? roomMakers.shift() : undefined;
      if (roomMaker === undefined) throw systemError(`mark the trash run ${run}`, error);
      trash.destroyUnmarked(roomMaker);
    }
  }
}

function groupByRun(sessions: readonly TrashedSession[]): Map<ByteName, TrashedSession[]> {
  const sessionsByRun = new Map<ByteName, TrashedSession[]>();
  for (const session of sessions) {
    const ofRun = sessionsByRun.get(session.run);
    if (ofRun === undefined) sessionsByRun.set(session.run, [session]);
    else ofRun.push(session);
  }
  return sessionsByRun;
}
