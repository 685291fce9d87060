/** purge-trash: destroys what has lain in the trash for longer than its time; the only job that destroys bytes. */

import type { Clock } from '../../clock.ts';
import { errorCode, errorMessage, OperatingError, systemError } from '../../errors.ts';
import { type LiveSource, readAllSources, withLiveOfAll } from '../../sessions/live-sources/live-source.ts';
import type { SessionId } from '../../sessions/session-id.ts';
import { type ByteName, displayName } from '../../transcripts/byte-name.ts';
import type { ClaudeDir } from '../../transcripts/claude-dir.ts';
import { Trash, type TrashedSession } from '../../transcripts/trash/trash.ts';
import type { Job, JobContext, JobFault, JobReport } from '../job.ts';
import { planPurge } from './plan.ts';

export interface PurgeDependencies {
  readonly claudeDirs: readonly ClaudeDir[];
  readonly sources: readonly LiveSource[];
  readonly keepMs: number;
  readonly clock: Clock;
}

/** Sessions that are marked while the writers of the resume map wait: one small append and its fsync. */
const MARK_BATCH_SESSIONS = 256;

export function purgeTrashJob(dependencies: PurgeDependencies): Job {
  return {
    name: 'purge-trash',
    run: async (context) => {
      const purge = new Purge(dependencies, context);
      for (const claudeDir of dependencies.claudeDirs) {
        if (purge.isOver) break;
        await purge.purgeOne(claudeDir);
      }
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
      if (trash !== undefined) await this.#purge(trash);
    } catch (error) {
      const failure = systemError(`purge the trash of ${displayName(claudeDir.path)}`, error);
      if (!(failure instanceof OperatingError)) throw error;
      this.#failure = failure;
    } finally {
      trash?.close();
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
    const { sources, keepMs, clock } = this.#dependencies;
    const { ids } = await readAllSources(sources);
    const live = new Set([...ids.live, ...ids.running, ...ids.pinned]);
    const { sessions, unreadableRuns } = trash.contents();
    for (const { run, code } of unreadableRuns) {
      this.#faults.push({ kind: 'io', message: `read the trash run ${run}: ${code}; nothing of it is purged` });
    }
    const due: TrashedSession[] = [];
    for (const decision of planPurge(sessions, live, keepMs, clock.now())) {
      if (decision.purge || decision.session.state === 'purging') due.push(decision.session);
      else this.#kept[decision.reason] = (this.#kept[decision.reason] ?? 0) + 1;
    }
    const unreadable = new Set(unreadableRuns.map(({ run }) => run));
    return { due, runs: trash.runs().filter((run) => !unreadable.has(run)) };
  }

  async #purgeRun(trash: Trash, run: ByteName, due: readonly TrashedSession[]): Promise<number> {
    if (this.#context.dryRun) {
      const kept = due.filter((session) => trash.isRecreated(session));
      if (kept.length > 0) this.#kept.recreated = (this.#kept.recreated ?? 0) + kept.length;
      for (const session of due) if (!kept.includes(session)) this.#count(session);
      return due.length;
    }
    for (let start = 0; start < due.length; start += MARK_BATCH_SESSIONS) {
      await this.#mark(trash, run, due.slice(start, start + MARK_BATCH_SESSIONS));
    }
    try {
      const { sessions, faults } = trash.destroyMarked(run, this.#dependencies.clock.now(), () => {
        this.#stopped ||= this.#context.shouldStop();
        return this.#stopped;
      });
      for (const session of sessions) this.#count(session);
      for (const { sessionId, message } of faults) {
        this.#faults.push({ kind: 'io', message: `purge session ${sessionId}: ${message}` });
      }
      return sessions.length;
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      // One run that cannot be destroyed does not stop the others; what is marked is tried again the next time.
      this.#faults.push({ kind: 'io', message: `purge the trash run ${run}: ${errorMessage(error)}` });
      return 0;
    }
  }

  async #mark(trash: Trash, run: ByteName, batch: readonly TrashedSession[]): Promise<void> {
    const ids = batch.map((session) => session.sessionId);
    await withLiveOfAll(this.#dependencies.sources, ids, (live) => {
      const marked: SessionId[] = [];
      const unmarked: TrashedSession[] = [];
      for (const session of batch) {
        const reason = live.has(session.sessionId) ? 'live' : trash.isRecreated(session) ? 'recreated' : undefined;
        // What a killed purge has begun to destroy can only be ended.
        const isLost = session.state === 'purging' && !trash.isWhole(session);
        if (reason === undefined || isLost) {
          if (session.state !== 'purging') marked.push(session.sessionId);
          continue;
        }
        this.#kept[reason] = (this.#kept[reason] ?? 0) + 1;
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

function markOrFail(
  trash: Trash,
  run: ByteName,
  sessionIds: readonly SessionId[],
  nowMs: number,
  unmarked: readonly TrashedSession[],
): void {
  try {
    trash.markForPurge(run, sessionIds, nowMs, unmarked);
  } catch (error) {
    throw systemError(`mark the trash run ${run}`, error);
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
