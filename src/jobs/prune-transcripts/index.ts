/** prune-transcripts: moves expired transcripts to the trash; what any live source names stays. */

import type { UnitRows } from '../../claude-dir/unit.ts';
import { freeSpace } from '../guards/free-space.ts';
import type { Job, JobContext, JobReport } from '../job.ts';
import { LiveHolds } from '../live-holds.ts';
import { type LiveObservation, observeLive } from '../observe-live.ts';
import { RunState } from '../run-state.ts';
import { neededByRun } from '../whole-run-error.ts';
import { AppliedPlan } from './applied-plan.ts';
import { applyPrune } from './apply.ts';
import type { PruneDependencies } from './dependencies.ts';
import { DirectoryPlace } from './directory-place.ts';
import type { ObservedPlace, PrunablePlace } from './place.ts';
import type { Plan } from './plan.ts';
import { planWithMarks } from './plan-with-marks.ts';
import { StorePlace } from './store-place.ts';
import { PruneTally } from './tally.ts';

export function pruneTranscriptsJob(dependencies: PruneDependencies): Job {
  return {
    name: 'prune-transcripts',
    run: async (context) => {
      // Nothing may be removed where any source cannot be read in full.
      const live = await observeLive(dependencies.sources);
      return new Prune(dependencies, context, live).run();
    },
  };
}

class Prune {
  readonly #dependencies: PruneDependencies;
  readonly #context: JobContext;
  readonly #live: LiveObservation;
  readonly #holds: LiveHolds;
  readonly #state: RunState;
  readonly #tally: PruneTally;

  constructor(dependencies: PruneDependencies, context: JobContext, live: LiveObservation) {
    this.#dependencies = dependencies;
    this.#context = context;
    this.#live = live;
    this.#holds = new LiveHolds(dependencies.sources, dependencies.holds);
    this.#state = new RunState(context);
    this.#tally = new PruneTally(context.listsRemoved);
  }

  async run(): Promise<JobReport> {
    for (const place of await this.#allowedPlaces()) {
      await this.#state.inPlace(`prune ${place.path}`, () => this.#prune(place));
    }
    return { ...this.#tally.report(this.#live), ...this.#state.end() };
  }

  #places(): readonly PrunablePlace[] {
    const { claudeDirs, stores } = this.#dependencies;
    const common = { ...this.#dependencies, dryRun: this.#context.dryRun };
    return [
      ...claudeDirs.map((claudeDir) => new DirectoryPlace(claudeDir, common)),
      ...stores.map((store) => new StorePlace(store, common)),
    ];
  }

  /** Asks the guards of the whole run, before anything is done anywhere. @returns where it is to be worked */
  async #allowedPlaces(): Promise<PrunablePlace[]> {
    const { guards, history, clock } = this.#dependencies;
    const { counts } = this.#live;
    let isHeld = this.#state.isHeld(guards.emptiedSource(counts));
    const places: PrunablePlace[] = [];
    for (const place of this.#places()) {
      const askOfMap = () => {
        isHeld = this.#state.isHeld(guards.unknownMap(place.path, place.knownMaps())) || isHeld;
      };
      if (await this.#state.attempt(`prune ${place.path}`, askOfMap)) places.push(place);
    }
    if (isHeld) return [];
    // What was known before stays known where a guard has something to say.
    const readAtMs = clock.now();
    for (const [source, ids] of Object.entries(counts)) history.recordKnownIds(source, { ids, readAtMs });
    return places;
  }

  async #prune(place: PrunablePlace): Promise<void> {
    const observed = await place.observe(this.#context);
    try {
      this.#state.addFaults(observed.faults);
      this.#tally.addReconciled(observed.reconciled);
      if (observed.stopped) this.#state.stop();
      else await this.#pruneObserved(place.path, observed);
    } finally {
      observed.close();
    }
  }

  async #pruneObserved(path: string, observed: ObservedPlace): Promise<void> {
    const { policy, clock, history } = this.#dependencies;
    const plan = await planWithMarks(observed, { live: this.#live.ids, policy, clock, state: this.#state });
    if (this.#state.isOver) return;
    const rows = removalRows(observed.units, plan);
    const isHeld = this.#isPlaceHeld(path, plan, rows.length, observed);
    const applied = await this.#apply(path, observed, plan, rows, isHeld);
    const left = this.#tally.addPlan(path, observed.units, plan, applied);
    const isDone = !isHeld && !applied.stopped && applied.failure === undefined;
    this.#tally.addTrash(this.#conclude(observed, plan, isDone));
    this.#state.addFaults(applied.faults);
    if (applied.stopped) this.#state.stop();
    if (applied.failure !== undefined) this.#state.failPlace(applied.failure);
    else if (isDone) neededByRun(() => history.recordKnownSessions(path, left, clock.now()));
  }

  #isPlaceHeld(path: string, plan: Plan, removals: number, observed: ObservedPlace): boolean {
    const { guards } = this.#dependencies;
    const mass = neededByRun(() => guards.massRemoval(path, { sessions: plan.length, removals }));
    return this.#state.isHeld(mass) || this.#state.isHeld(freeSpace(path, removals, observed.freeBytes()));
  }

  async #apply(
    path: string,
    observed: ObservedPlace,
    plan: Plan,
    rows: Uint32Array,
    isHeld: boolean,
  ): Promise<AppliedPlan> {
    if (isHeld) return AppliedPlan.held(plan.length);
    if (this.#context.dryRun) return AppliedPlan.wholly(plan.length);
    return applyPrune(path, observed, plan, rows, {
      ...this.#dependencies,
      holds: this.#holds,
      context: this.#context,
    });
  }

  #conclude(observed: ObservedPlace, plan: Plan, isDone: boolean) {
    const emptied = isDone ? observed.emptied(plan) : [];
    this.#tally.addConcluded(
      this.#context.dryRun
        ? { shielded: 0, emptyProjects: emptied.length }
        : observed.conclude(plan, this.#live.counts, emptied),
    );
    return observed.trashAmount();
  }
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
