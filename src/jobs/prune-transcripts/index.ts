/** prune-transcripts: moves expired transcripts to the trash; what any live source names stays. */

import type { Clock } from '../../clock.ts';
import { OperatingError, systemError } from '../../errors.ts';
import type { LiveSource } from '../../sessions/live-sources/live-source.ts';
import { displayName } from '../../transcripts/byte-name.ts';
import type { ClaudeDir } from '../../transcripts/claude-dir.ts';
import { Trash } from '../../transcripts/trash/trash.ts';
import type { Unit } from '../../transcripts/unit.ts';
import type { Job, JobContext, JobFault } from '../job.ts';
import { type ApplyResult, applyPrune, type Removal, type RemovalRecorder } from './apply.ts';
import { emptiedSource, massRemoval, type PruneMemory } from './guards.ts';
import { type LiveObservation, observeLive, observeTranscripts, scanFaults } from './observe.ts';
import { type Decision, type PrunePolicy, planPrune } from './plan.ts';
import { PruneTally } from './tally.ts';

export interface PruneDependencies {
  readonly claudeDirs: readonly ClaudeDir[];
  /** Those of all Claude directories together: what is live in one is live in all. */
  readonly sources: readonly LiveSource[];
  readonly policy: PrunePolicy;
  readonly recorder: RemovalRecorder;
  /** Undefined where an operator has said that a mass removal is right. */
  readonly memory: PruneMemory | undefined;
  readonly clock: Clock;
}

export function pruneTranscriptsJob(dependencies: PruneDependencies): Job {
  return {
    name: 'prune-transcripts',
    run: async (context) => {
      const tally = new PruneTally();
      const live = await observeLive(dependencies.sources);
      const emptied = dependencies.memory && emptiedSource(live.counts, dependencies.memory);
      if (emptied !== undefined) refuse(emptied, context, tally);
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
      return tally.report(live.counts);
    },
  };
}

async function pruneOne(
  claudeDir: ClaudeDir,
  live: LiveObservation,
  dependencies: PruneDependencies,
  context: JobContext,
  tally: PruneTally,
): Promise<void> {
  const trash = context.dryRun ? Trash.openIfThere(claudeDir) : Trash.openOrMake(claudeDir);
  try {
    if (trash !== undefined && !context.dryRun) tally.addFaults(reconcile(trash, dependencies.clock));
    const scan = observeTranscripts(claudeDir, context);
    tally.addFaults(scanFaults(scan.faults));
    // Half a scan is no ground for any decision.
    if (scan.stopped) {
      tally.stop();
      return;
    }
    const decisions = planPrune(scan.units, live.ids, dependencies.policy, dependencies.clock.now());
    const plan = { sessions: decisions.length, removals: decisions.filter(({ remove }) => remove).length };
    const mass = dependencies.memory && massRemoval(displayName(claudeDir.path), plan, dependencies.memory);
    if (mass !== undefined) refuse(mass, context, tally);
    const applied = await applyUnlessDry(decisions, trash, dependencies, context);
    tally.addDecisions(claudeDir, decisions, applied);
    if (trash !== undefined) tally.addTrash(trash.contents());
  } finally {
    trash?.close();
  }
}

async function applyUnlessDry(
  decisions: readonly Decision[],
  trash: Trash | undefined,
  dependencies: PruneDependencies,
  context: JobContext,
): Promise<ApplyResult> {
  const removals = decisions.filter((decision): decision is Removal => decision.remove);
  if (context.dryRun || trash === undefined) {
    return { removed: removals, kept: new Map<Unit, never>(), faults: [], failure: undefined, stopped: false };
  }
  const { sources, recorder, clock } = dependencies;
  return applyPrune(removals, { trash, sources, recorder, clock, context });
}

/** A dry run shows the plan all the same, and that it would be refused. */
function refuse(refusal: OperatingError, context: JobContext, tally: PruneTally): void {
  if (!context.dryRun) throw refusal;
  tally.addFaults([{ kind: refusal.kind, message: refusal.message }]);
}

/** First of all, what a killed run had begun is ended. */
function reconcile(trash: Trash, clock: Clock): JobFault[] {
  const { unreadableRuns } = trash.reconcile(clock.now());
  return unreadableRuns.map(({ run, code }) => ({ kind: 'io', message: `read the trash run ${run}: ${code}` }));
}
