/** prune-transcripts: moves expired transcripts to the trash; what any live source names stays. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { PlaceTimes } from '../../claude-dir/directory-fingerprints.ts';
import { readKnownMaps, recordKnownMap } from '../../claude-dir/known-maps.ts';
import type { UnitRows } from '../../claude-dir/unit.ts';
import { OperatingError, systemError } from '../../errors.ts';
import { displayName } from '../../files/byte-name.ts';
import type { LiveIdsByProtection } from '../../live-sources/live-source.ts';
import type { UnitTable } from '../../scan/unit-table.ts';
import type { KnownRun } from '../../trash/known-folders.ts';
import { type Reconciled, Trash } from '../../trash/trash.ts';
import { freeSpace } from '../guards/free-space.ts';
import type { Job, JobContext } from '../job.ts';
import { LiveHolds } from '../live-holds.ts';
import type { ShieldedTimes } from '../ports.ts';
import { AppliedPlan } from './applied-plan.ts';
import { applyPrune, CHUNK_UNITS, type Removal, removalRecord } from './apply.ts';
import type { PruneDependencies } from './dependencies.ts';
import { type FindableUnits, foreseenUnits } from './foreseen-units.ts';
import { MarkObserver } from './marks.ts';
import { type LiveObservation, observeLive, observeTranscripts, scanFaults } from './observe.ts';
import type { Plan, Protections, RemoveReason } from './plan.ts';
import { planWithMarks } from './plan-with-marks.ts';
import { shield, trulyAged } from './shield.ts';
import { pruneStore } from './store.ts';
import { PruneTally } from './tally.ts';

export function pruneTranscriptsJob(dependencies: PruneDependencies): Job {
  return {
    name: 'prune-transcripts',
    run: async (context) => {
      const tally = new PruneTally(context.listsRemoved);
      const live = await observeLive(dependencies.sources);
      tally.refuse(dependencies.guards.emptiedSource(live.counts), context);
      recordKnownIds(live, dependencies);
      for (const claudeDir of dependencies.claudeDirs) {
        if (tally.isOver) break;
        try {
          await pruneOne(claudeDir, live, dependencies, context, tally);
        } catch (error) {
          // What was done in the directories before this one has been done, and is told.
          const failure = systemError(`prune ${displayName(claudeDir.path)}`, error);
          if (!(failure instanceof OperatingError)) throw error;
          tally.fail(failure);
        }
      }
      for (const store of dependencies.stores) {
        if (tally.isOver) break;
        try {
          await pruneStore(store, live, dependencies, context, tally);
        } catch (error) {
          if (!(error instanceof OperatingError)) throw error;
          tally.fail(error);
        }
      }
      return tally.report(live);
    },
  };
}

const NOTHING_FORESEEN: Pick<Reconciled, 'unreadableRuns'> = { unreadableRuns: [] };

async function pruneOne(
  claudeDir: ClaudeDir,
  live: LiveObservation,
  dependencies: PruneDependencies,
  context: JobContext,
  tally: PruneTally,
): Promise<void> {
  const path = displayName(claudeDir.path);
  const trash = context.dryRun ? Trash.openIfThere(claudeDir) : Trash.openOrMake(claudeDir);
  try {
    tally.refuse(dependencies.guards.unknownMap(path, readKnownMaps(claudeDir)), context);
    const known = new Map(dependencies.trashCache?.knownRuns(path));
    const foreseen = context.dryRun ? trash?.foresee({ known }) : undefined;
    if (foreseen !== undefined) tally.addReconciled(foreseen);
    const { unreadableRuns } =
      foreseen ?? (trash === undefined ? NOTHING_FORESEEN : reconcile(path, trash, known, dependencies, tally));
    const shielded = dependencies.trueTimes?.shieldedTimes(path) ?? new Map();
    const placeTimes = context.dryRun ? undefined : PlaceTimes.observe(claudeDir);
    const scan = await observeTranscripts(claudeDir, context);
    tally.addFaults(scanFaults(scan.faults));
    // Half a scan is no ground for any decision.
    if (scan.stopped) {
      tally.stop();
      return;
    }
    // A killed run may have moved their transcripts, and what it has begun could not be undone.
    if (unreadableRuns.length > 0) scan.units.doubtOrphans();
    const units = foreseenUnits(scan.units, foreseen?.returning ?? []);
    // What is moved is held against what its files were, not against how old it is in truth.
    const plan = await planDirectory(claudeDir, units, trulyAged(units, shielded), live, dependencies, context, tally);
    if (tally.isOver) return;
    const removals = removalRows(units, plan);
    const share = { sessions: plan.length, removals: removals.length };
    tally.refuse(dependencies.guards.massRemoval(path, share), context);
    tally.refuse(freeSpace(path, removals.length, claudeDir.root.freeBytes()), context);
    const applied =
      context.dryRun || trash === undefined
        ? AppliedPlan.wholly(plan.length)
        : await applyToTrash(claudeDir, scan.units, plan, removals, { trash, placeTimes }, dependencies, context);
    const left = tally.addPlan(path, units, plan, applied);
    if (!tally.isOver) dependencies.history.recordKnownSessions(path, left, dependencies.clock.now());
    if (!context.dryRun) {
      tally.addShielded(shieldLive(claudeDir, scan.units, plan, shielded, dependencies));
      if (dependencies.mapIdentity !== undefined) {
        // The pins stand beside the map, and would be gone with it.
        const named = (live.counts['resume-map'] ?? 0) + (live.counts['keep-list'] ?? 0);
        recordKnownMap(claudeDir, dependencies.mapIdentity, named);
      }
    }
    if (applied.trashRun !== undefined) {
      known.set(applied.trashRun.name, applied.trashRun.known);
      dependencies.trashCache?.recordKnownRuns(path, known);
    }
    if (trash !== undefined) tally.addTrash(trash.amount(known));
  } finally {
    trash?.close();
  }
}

async function planDirectory(
  claudeDir: ClaudeDir,
  units: FindableUnits,
  aged: UnitRows,
  live: LiveObservation,
  { keepNamed, policy, clock }: PruneDependencies,
  context: JobContext,
  tally: PruneTally,
): Promise<Plan> {
  const protection = protectionOf(units, live.ids);
  const marks = new MarkObserver(claudeDir, keepNamed);
  const observe = (row: number) => {
    const project = units.projects[units.projectIndex(row) ?? -1];
    if (project === undefined || !units.hasTranscript(row)) return { mark: undefined };
    // One that is to come back from the trash had no mark when it was taken, and none can have come since.
    return marks.observe(project, units.sessionId(row));
  };
  try {
    return await planWithMarks(aged, { protection, observe, policy, clock, context, tally });
  } finally {
    marks.close();
  }
}

const PROTECTIONS = ['live', 'running', 'pinned'] as const;

/** By what each row is protected; of several, the first counts. */
function protectionOf(units: FindableUnits, ids: LiveIdsByProtection): Protections['protection'] {
  const codes = new Uint8Array(units.length);
  for (const [index, protection] of PROTECTIONS.entries()) {
    for (const id of ids[protection]) {
      const row = units.find(id);
      if (row !== undefined && codes[row] === 0) codes[row] = index + 1;
    }
  }
  return (row) => {
    const code = codes[row] ?? 0;
    return code === 0 ? undefined : PROTECTIONS[code - 1];
  };
}

/** By project, and of each the oldest first: a run that ends early has removed what a person doubts least. */
function removalRows(units: UnitRows, plan: Plan): Uint32Array {
  let count = 0;
  for (let row = 0; row < plan.length; row += 1) if (plan.isRemoval(row)) count += 1;
  const rows = new Uint32Array(count);
  for (let row = 0, next = 0; next < count; row += 1) {
    if (!plan.isRemoval(row)) continue;
    rows[next] = row;
    next += 1;
  }
  const projectOf = (row: number) => units.projectIndex(row) ?? -1;
  return rows.sort((left, right) => {
    return projectOf(left) - projectOf(right) || units.newestMtimeMs(left) - units.newestMtimeMs(right);
  });
}

async function applyToTrash(
  claudeDir: ClaudeDir,
  units: UnitTable,
  plan: Plan,
  rows: Uint32Array,
  { trash, placeTimes }: { readonly trash: Trash; readonly placeTimes: PlaceTimes | undefined },
  { sources, holds, recorder, clock }: PruneDependencies,
  context: JobContext,
): Promise<AppliedPlan> {
  const applied = new AppliedPlan(plan.length);
  const rowOf = ({ unit }: Removal) => units.find(unit.sessionId) ?? -1;
  const end = await applyPrune(
    { total: rows.length, chunks: chunksOf(units, plan, rows) },
    {
      ...{ claudeDir: displayName(claudeDir.path), trash, recorder, clock, context, placeTimes },
      holds: new LiveHolds(sources, holds),
      onRemoved: (removal) => applied.removed(rowOf(removal)),
      onKept: (removal, reason) => applied.kept(rowOf(removal), reason),
    },
  );
  applied.end(end);
  return applied;
}

/** Units become objects only for as long as their chunk is at hand. */
function* chunksOf(units: UnitTable, plan: Plan, rows: Uint32Array): Generator<readonly Removal[]> {
  for (let start = 0; start < rows.length; start += CHUNK_UNITS) {
    yield Array.from(rows.subarray(start, start + CHUNK_UNITS), (row): Removal => {
      return { unit: units.unit(row), reason: plan.reason(row) as RemoveReason };
    });
  }
}

/** @returns how many sessions were made younger */
function shieldLive(
  claudeDir: ClaudeDir,
  units: UnitTable,
  plan: Plan,
  before: ShieldedTimes,
  { shieldPeriodMs, trueTimes, clock }: PruneDependencies,
): number {
  const periodMs = shieldPeriodMs?.(claudeDir.path);
  if (periodMs === undefined || trueTimes === undefined) return 0;
  const { times, shielded } = shield(claudeDir, units, plan, before, periodMs, clock.now());
  trueTimes.recordShieldedTimes(displayName(claudeDir.path), times);
  return shielded;
}

/**
 * First of all, what a killed run had begun is ended, and what no ledger knows of is written down.
 * @param known runs of the trash that need not be read; afterwards, all that are there
 */
function reconcile(
  path: string,
  trash: Trash,
  known: Map<string, KnownRun>,
  { clock, recorder, trashCache }: PruneDependencies,
  tally: PruneTally,
): Reconciled {
  const before = new Map(known);
  const reconciled = trash.reconcile(clock.now(), {
    known: before,
    onRead: (run, lying, found) => {
      const removed = lying.filter(({ state }) => state !== 'joined');
      recorder.recordRemovals(removed.map((session) => removalRecord(session, path, run, session.trashedAtMs)));
      known.set(run, found);
    },
  });
  tally.addReconciled(reconciled);
  const runs = new Set<string>(trash.runs());
  for (const run of before.keys()) if (!runs.has(run)) known.delete(run);
  const isSame = known.size === before.size && [...known].every(([run, one]) => before.get(run) === one);
  if (!isSame) trashCache?.recordKnownRuns(path, known);
  return reconciled;
}

/** Only where the guards had nothing to say: what was known before stays known otherwise. */
function recordKnownIds({ counts }: LiveObservation, { history, clock }: PruneDependencies): void {
  const readAtMs = clock.now();
  for (const [source, ids] of Object.entries(counts)) history.recordKnownIds(source, { ids, readAtMs });
}
