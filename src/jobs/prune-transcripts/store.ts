/** Prunes a session store as a directory is pruned: same policy, same live sources, same reasons; what goes is hidden, not deleted. */

import { setTimeout as sleep } from 'node:timers/promises';
import { BusyError, OperatingError } from '../../errors.ts';
import { withLiveOfAll } from '../../sessions/live-sources/live-source.ts';
import { displayName, ownName, parseByteName } from '../../transcripts/byte-name.ts';
import type { StoredSession, StoredSessions } from '../../transcripts/entry-store/stored-sessions.ts';
import type { Unit } from '../../transcripts/unit.ts';
import { massRemoval } from '../guards.ts';
import type { JobContext } from '../job.ts';
import { type ApplyResult, type LateKeepReason, type Removal, removalRecord } from './apply.ts';
import type { PruneDependencies } from './index.ts';
import { markOf } from './marks.ts';
import type { LiveObservation } from './observe.ts';
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
  const sessionOf = new Map<Unit, StoredSession>(store.sessions().map((session) => [toUnit(session), session]));
  const observe = (unit: Unit) => {
    const session = sessionOf.get(unit);
    return { mark: session && markOf(store.marks(session), dependencies.keepNamed) };
  };
  const decisions = planWithMarks([...sessionOf.keys()], observe, live, dependencies, context, tally);
  if (tally.isOver) return;
  const path = displayName(store.path);
  const removals = decisions.filter((decision): decision is Removal => decision.remove);
  const plan = { sessions: decisions.length, removals: removals.length };
  const mass = dependencies.memory && massRemoval(path, plan, dependencies.memory);
  if (mass !== undefined) tally.refuse(mass, context);
  const applied = context.dryRun
    ? { removed: removals, kept: new Map(), faults: [], failure: undefined, stopped: false }
    : await hide(store, removals, sessionOf, dependencies, context);
  tally.addDecisions(path, decisions, applied);
  tally.addTrash(store.trashed());
}

async function hide(
  store: StoredSessions,
  removals: readonly Removal[],
  sessionOf: ReadonlyMap<Unit, StoredSession>,
  { sources, clock, recorder }: PruneDependencies,
  context: JobContext,
): Promise<ApplyResult> {
  const removed: Removal[] = [];
  const kept = new Map<Unit, LateKeepReason>();
  const startedAtMs = clock.now();
  const run = new Date(startedAtMs).toISOString().replace(/[-:]|\.\d+/g, '');
  let failure: OperatingError | undefined;
  let stopped = false;
  const hideOne = (removal: Removal, live: ReadonlySet<string>) => {
    const { unit, reason } = removal;
    const session = sessionOf.get(unit);
    if (live.has(unit.sessionId)) kept.set(unit, 'live');
    else if (session !== undefined && store.trash(session, reason, clock.now())) removed.push(removal);
    else kept.set(unit, 'changed');
  };
  try {
    for (let start = 0; start < removals.length && !stopped; start += HOLD_BATCH_SESSIONS) {
      stopped = context.shouldStop();
      if (stopped) break;
      const batch = removals.slice(start, start + HOLD_BATCH_SESSIONS);
      const ids = batch.map(({ unit }) => unit.sessionId);
      const heldSince = performance.now();
      await withLiveOfAll(sources, ids, (live) => {
        for (const removal of batch) hideOne(removal, live);
      });
      context.onProgress({ phase: 'remove', done: removed.length, total: removals.length });
      await sleep(Math.max(PAUSE_MIN_MS, performance.now() - heldSince));
    }
    recorder.recordRemovals(
      removed.map(({ unit, reason }) => removalRecord({ ...unit, reason }, displayName(store.path), run, startedAtMs)),
    );
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    failure = error;
    for (const { unit } of removals) if (error instanceof BusyError && !kept.has(unit)) kept.set(unit, 'busy');
  }
  return { removed, kept, faults: [], failure, stopped };
}

function toUnit({ sessionId, projectKey, lastUsedAtMs, bytes, hasMain }: StoredSession): Unit {
  return {
    sessionId,
    project: parseByteName(projectKey) ?? NO_PROJECT,
    hasTranscript: hasMain,
    doubt: undefined,
    parts: [],
    files: 0,
    bytes,
    newestMtimeMs: lastUsedAtMs,
    digest: 0,
  };
}
