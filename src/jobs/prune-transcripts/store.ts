/** Prunes a session store as a directory is pruned: same policy, same live sources, same reasons; what goes is hidden, not deleted. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { UnitRows } from '../../claude-dir/unit.ts';
import { OperatingError } from '../../errors.ts';
import { type ByteName, displayName, ownName, parseByteName } from '../../files/byte-name.ts';
import { type LiveIdsByProtection, withLiveOfAll } from '../../live-sources/live-source.ts';
import type { StoredSession, StoredSessions } from '../../session-store/stored-sessions.ts';
import type { JobContext } from '../job.ts';
import { AppliedPlan } from './applied-plan.ts';
import { removalRecord } from './apply.ts';
import type { PruneDependencies } from './dependencies.ts';
import { markOf } from './marks.ts';
import type { LiveObservation } from './observe.ts';
import type { Plan } from './plan.ts';
import { planWithMarks } from './plan-with-marks.ts';
import type { PruneTally } from './tally.ts';

/** Sessions that are hidden while the resume map's writers wait. */
const HOLD_BATCH_SESSIONS = 16;
const PAUSE_MIN_MS = 2;
/** The files of a session that has no files. */
const NO_PROJECT = ownName('-');

export async function pruneStore(
  store: StoredSessions,
  live: LiveObservation,
  dependencies: PruneDependencies,
  context: JobContext,
  tally: PruneTally,
): Promise<void> {
  const sessions = store.sessions();
  const units = unitsOf(sessions);
  const plan = await planWithMarks(units, {
    protection: (row) => protectionOf(units.sessionId(row), live.ids),
    observe: (row) => {
      const session = sessions[row];
      return { mark: session && markOf(store.marks(session), dependencies.keepNamed) };
    },
    policy: dependencies.policy,
    clock: dependencies.clock,
    context,
    tally,
  });
  if (tally.isOver) return;
  const path = displayName(store.path);
  const rows = [...sessions.keys()].filter((row) => plan.isRemoval(row));
  tally.refuse(dependencies.guards.massRemoval(path, { sessions: sessions.length, removals: rows.length }), context);
  const applied = context.dryRun
    ? AppliedPlan.wholly(plan.length)
    : await hide(store, sessions, plan, rows, dependencies, context);
  const left = tally.addPlan(path, units, plan, applied);
  if (!tally.isOver) dependencies.history.recordKnownSessions(path, left, dependencies.clock.now());
  const trashed = store.trashed();
  tally.addTrash({ sessions: trashed.length, bytes: trashed.reduce((total, { bytes }) => total + bytes, 0) });
}

function protectionOf(id: SessionId, { live, running, pinned }: LiveIdsByProtection) {
  if (live.has(id)) return 'live';
  if (running.has(id)) return 'running';
  return pinned.has(id) ? 'pinned' : undefined;
}

async function hide(
  store: StoredSessions,
  sessions: readonly StoredSession[],
  plan: Plan,
  rows: readonly number[],
  { sources, clock, recorder }: PruneDependencies,
  context: JobContext,
): Promise<AppliedPlan> {
  const applied = new AppliedPlan(plan.length);
  const hidden: number[] = [];
  let stopped = false;
  let failure: OperatingError | undefined;
  const startedAtMs = clock.now();
  const run = new Date(startedAtMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const hideOne = (row: number, live: ReadonlySet<string>) => {
    const session = sessions[row];
    if (session === undefined) return;
    if (live.has(session.sessionId)) applied.kept(row, 'live');
    else if (store.trash(session, plan.reason(row), clock.now())) {
      applied.removed(row);
      hidden.push(row);
    } else applied.kept(row, 'changed');
  };
  try {
    for (let start = 0; start < rows.length; start += HOLD_BATCH_SESSIONS) {
      stopped = await context.shouldStop();
      if (stopped) break;
      const batch = rows.slice(start, start + HOLD_BATCH_SESSIONS);
      const ids = batch.flatMap((row) => sessions[row]?.sessionId ?? []);
      const heldSince = performance.now();
      await withLiveOfAll(sources, ids, (live) => {
        for (const row of batch) hideOne(row, live);
      });
      context.onProgress({ phase: 'remove', done: hidden.length, total: rows.length });
      await sleep(Math.max(PAUSE_MIN_MS, performance.now() - heldSince));
    }
    recorder.recordRemovals(
      hidden.flatMap((row) => {
        const session = sessions[row];
        if (session === undefined) return [];
        const { sessionId, bytes, lastUsedAtMs: newestMtimeMs } = session;
        const what = {
          sessionId,
          project: projectOf(session),
          reason: plan.reason(row),
          files: 0,
          bytes,
          newestMtimeMs,
        };
        return [removalRecord(what, displayName(store.path), run, startedAtMs)];
      }),
    );
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    // What was not come to counts as busy.
    failure = error;
  }
  applied.end({ faults: [], failure, stopped });
  return applied;
}

function projectOf({ projectKey }: StoredSession): ByteName {
  return parseByteName(projectKey) ?? NO_PROJECT;
}

function unitsOf(sessions: readonly StoredSession[]): UnitRows {
  const projects: ByteName[] = [];
  const indexes = new Map<ByteName, number>();
  const projectIndexes = sessions.map((session) => {
    const project = projectOf(session);
    const known = indexes.get(project) ?? projects.push(project) - 1;
    indexes.set(project, known);
    return known;
  });
  const at = (row: number): StoredSession => {
    const session = sessions[row];
    if (session === undefined) throw new Error(`no session in row ${row}`);
    return session;
  };
  return {
    length: sessions.length,
    projects,
    sessionId: (row) => at(row).sessionId,
    projectIndex: (row) => projectIndexes[row],
    hasTranscript: (row) => at(row).hasMain,
    doubt: () => undefined,
    files: () => 0,
    bytes: (row) => at(row).bytes,
    newestMtimeMs: (row) => at(row).lastUsedAtMs,
    compareIds: (left, right) => (at(left).sessionId < at(right).sessionId ? -1 : 1),
  };
}
