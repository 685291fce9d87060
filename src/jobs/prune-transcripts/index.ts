/** prune-transcripts: moves expired transcripts to the trash; what any live source names stays. */

import { hasRoom } from '../../files/room.ts';
import { FORMER_STATE } from '../../live-sources/former-state.ts';
import { freeSpace } from '../guards/free-space.ts';
import type { Job, JobContext } from '../job.ts';
import type { RemovalHistory } from '../ledger-contracts.ts';
import { LiveHolds } from '../live-holds.ts';
import { type LiveObservation, withAllSources } from '../observe-live.ts';
import type { PruneReport } from '../report.ts';
import { RunState } from '../run-state.ts';
import { neededByRun } from '../whole-run-error.ts';
import type { PrunePolicy } from './age-rules.ts';
import { announcedBy } from './announcements.ts';
import { AppliedPlan } from './applied-plan.ts';
import { applyPrune } from './apply.ts';
import type { PruneDependencies } from './dependencies.ts';
import { DirectoryPlace } from './directory-place.ts';
import { Listing, type ListingDependencies } from './listing.ts';
import { LiveDoubt } from './live-doubt.ts';
import type { ObservedPlace, PrunablePlace } from './place.ts';
import type { Plan } from './plan.ts';
import { planWithFacts } from './plan-with-facts.ts';
import { allGo, oldestOf, projectsOf, removalRows, roomFor } from './removal-rows.ts';
import { SessionCopies } from './session-copies.ts';
import { soleProtection } from './sole-protection.ts';
import { StorePlace } from './store-place.ts';
import { PruneTally } from './tally.ts';

export function pruneTranscriptsJob(dependencies: PruneDependencies): Job<'prune-transcripts'> {
  return {
    name: 'prune-transcripts',
    // Nothing may be removed where any source cannot be read in full.
    run: (context) =>
      withAllSources('prune-transcripts', dependencies, context, (live) =>
        new Prune(dependencies, context, live).run(),
      ),
  };
}

class Prune {
  readonly #dependencies: PruneDependencies;
  readonly #context: JobContext;
  readonly #live: LiveObservation;
  readonly #holds: LiveHolds;
  readonly #state: RunState;
  readonly #tally: PruneTally;
  readonly #listing: Listing | undefined;
  readonly #copies = new SessionCopies();
  readonly #doubt: LiveDoubt;

  constructor(dependencies: PruneDependencies, context: JobContext, live: LiveObservation) {
    this.#dependencies = dependencies;
    this.#context = context;
    this.#live = live;
    this.#holds = new LiveHolds(dependencies.sources, dependencies.holds);
    this.#state = new RunState(context);
    this.#doubt = new LiveDoubt(dependencies, this.#state);
    this.#tally = new PruneTally(context.listsRemoved);
    this.#listing = context.lists && new Listing(context.lists, { ...listingRules(dependencies), named: live.named });
  }

  async run(): Promise<PruneReport> {
    this.#state.addFaults(this.#live.faults);
    const places = await this.#allowedPlaces();
    // A run that a guard holds as a whole has looked at nothing, and has nothing to say of it.
    if (places === undefined) return { job: 'prune-transcripts', sources: this.#live.sources, ...this.#state.end() };
    await this.#noteStored();
    const prune = this.#dependencies.policy.isAllOrNone ? this.#pruneTogether(places) : this.#pruneInTurn(places);
    await prune;
    const listed = this.#listing?.end();
    return { ...this.#tally.report(this.#live), ...(listed === undefined ? {} : { listed }), ...this.#state.end() };
  }

  /** A store that cannot be read says so when its own turn comes. */
  async #noteStored(): Promise<void> {
    const { claudeDirs, stores } = this.#dependencies;
    if (claudeDirs.length === 0) return;
    for (const store of stores) {
      try {
        await this.#copies.addStore(store);
      } catch {
        // Nothing is lost by it: the copy in the directory goes by its own age, and to the trash.
      }
    }
  }

  #places(): readonly PrunablePlace[] {
    const { claudeDirs, stores } = this.#dependencies;
    const common = { ...this.#dependencies, dryRun: this.#context.dryRun };
    return [
      ...claudeDirs.map((claudeDir) => new DirectoryPlace(claudeDir, common)),
      ...stores.map((store) => new StorePlace(store, common)),
    ];
  }

  /** Asks the guards of the whole run, before anything is done anywhere. @returns where it is to be worked; undefined for nowhere */
  async #allowedPlaces(): Promise<readonly PrunablePlace[] | undefined> {
    const { guards, history, clock, refusedStores } = this.#dependencies;
    const { counts } = this.#live;
    const doubts = [guards.emptiedSource(counts, this.#live.droppedOnPurpose)].filter((held) => held !== undefined);
    const places: PrunablePlace[] = [];
    for (const error of refusedStores) this.#state.failPlace(error);
    const all = this.#places();
    for (const place of all) {
      const askOfMap = () => {
        doubts.push(...[guards.unknownMap(place.path, place.knownMaps())].filter((held) => held !== undefined));
      };
      if (await this.#state.attempt(`prune ${place.path}`, askOfMap)) places.push(place);
    }
    const allowed = this.#doubt.allowed(doubts, places, places.length === all.length);
    // What was known before stays known where a guard has something to say.
    if (allowed === undefined || this.#doubt.isThere) return allowed;
    const readAtMs = clock.now();
    for (const [source, ids] of Object.entries({ ...forgottenSources(counts, history), ...counts })) {
      history.recordKnownIds(source, { ids, droppedOnPurpose: this.#live.droppedOnPurpose[source] ?? 0, readAtMs });
    }
    return places;
  }

  async #pruneInTurn(places: readonly PrunablePlace[]): Promise<void> {
    for (const place of places) {
      await this.#state.inPlace(`prune ${place.path}`, async () => {
        const observed = await place.observe(this.#context);
        try {
          const plan = await this.#plan(place.path, observed);
          if (plan === undefined) return;
          const isThrough = await this.#carryOut(place.path, observed, plan);
          if (isThrough && !this.#context.dryRun) this.#doubt.record(place, observed, this.#live.sessions);
        } finally {
          observed.close();
        }
      });
    }
  }

  /** Every place is looked at before anything goes from one. */
  async #pruneTogether(places: readonly PrunablePlace[]): Promise<void> {
    const seen: { readonly path: string; readonly observed: ObservedPlace; plan?: Plan | undefined }[] = [];
    try {
      for (const place of places) {
        await this.#state.inPlace(`prune ${place.path}`, async () => {
          const one: (typeof seen)[number] = { path: place.path, observed: await place.observe(this.#context) };
          seen.push(one);
          one.plan = await this.#plan(place.path, one.observed);
          const { observed, plan } = one;
          const foreseen = plan && AppliedPlan.wholly(plan.length);
          if (foreseen && observed.kind === 'directory') this.#copies.addDirectory(observed, plan, foreseen);
        });
      }
      if (this.#state.isOver || !allGo(seen, this.#dependencies.policy.only ?? new Set())) return;
      for (const { path, observed, plan: foreseen } of seen) {
        await this.#state.inPlace(`prune ${path}`, async () => {
          // A copy in a directory may have stayed after all.
          const plan = observed.kind === 'directory' ? foreseen : await this.#planned(path, observed);
          if (plan !== undefined) await this.#carryOut(path, observed, plan);
        });
      }
    } finally {
      for (const { observed } of seen) observed.close();
    }
  }

  /** Undefined where the run is over. */
  async #plan(path: string, observed: ObservedPlace): Promise<Plan | undefined> {
    this.#state.addFaults(observed.faults);
    this.#tally.addReconciled(observed.reconciled);
    if (observed.stopped) this.#state.stop();
    if (this.#state.isOver) return undefined;
    const plan = await this.#planned(path, observed);
    this.#tally.addSole(soleProtection(observed, this.#live.named));
    if (plan !== undefined) await this.#listing?.add(path, observed, plan);
    return plan;
  }

  async #planned(path: string, observed: ObservedPlace): Promise<Plan | undefined> {
    const { clock } = this.#dependencies;
    const policy = this.#policyAt(path);
    const plan = await planWithFacts(observed, {
      live: this.#doubt.liveAt(path, this.#live.sessions),
      policy,
      copies: this.#copies,
      announced: this.#announced(path, policy),
      clock,
      state: this.#state,
    });
    return this.#state.isOver ? undefined : plan;
  }

  /** @returns whether nothing has ended it before its end */
  async #carryOut(path: string, observed: ObservedPlace, plan: Plan): Promise<boolean> {
    const { clock, history } = this.#dependencies;
    this.#announce(path, observed, plan, () => false);
    const rows = removalRows(observed.units, plan);
    const allowed = this.#allowedRows(path, plan, rows, observed);
    const applied = await this.#apply(path, observed, plan, rows, allowed);
    this.#announce(path, observed, plan, (row) => applied.isRemoved(row));
    if (observed.kind === 'directory') this.#copies.addDirectory(observed, plan, applied);
    const left = this.#tally.addPlan(path, observed.units, plan, applied);
    const isDone = allowed.length === rows.length && !applied.stopped && applied.failure === undefined;
    await this.#conclude(path, observed, plan, isDone);
    this.#state.addFaults(applied.faults);
    if (applied.stopped) this.#state.stop();
    if (applied.failure !== undefined) this.#state.failPlace(applied.failure);
    else if (isDone) neededByRun(() => history.recordKnownSessions(path, left, clock.now()));
    return applied.failure === undefined && !applied.stopped;
  }

  #announced(path: string, { only, noticeMs }: PrunePolicy): ReadonlyMap<string, number> | undefined {
    if (only !== undefined || noticeMs === undefined) return undefined;
    return neededByRun(() => this.#dependencies.announcements?.announced(path));
  }

  /** Before anything goes: killed in between, what is announced is. Where sessions are named, nothing of it changes. */
  #announce(path: string, observed: ObservedPlace, plan: Plan, isGone: (row: number) => boolean): void {
    if (this.#context.dryRun || this.#policyAt(path).only !== undefined) return;
    neededByRun(() =>
      this.#dependencies.announcements?.recordAnnounced(path, announcedBy(observed.units, plan, isGone)),
    );
  }

  #policyAt(path: string): PrunePolicy {
    const { policy, onlyAt } = this.#dependencies;
    return onlyAt === undefined
      ? policy
      : { ...policy, only: new Set(Object.hasOwn(onlyAt, path) ? onlyAt[path] : []) };
  }

  /** Asks the guards of one place. @returns those of the rows that may go in this run */
  #allowedRows(path: string, plan: Plan, rows: Uint32Array, observed: ObservedPlace): Uint32Array {
    const { guards, history, clock } = this.#dependencies;
    const mass = neededByRun(() => guards.massRemoval(path, { sessions: plan.length, removals: rows.length }));
    neededByRun(() => {
      history.noteMass(
        path,
        mass === undefined ? undefined : (history.massNoticedAtMs(path, clock.now()) ?? clock.now()),
      );
    });
    const allowed = this.#state.isHeld(mass) ? oldestOf(observed.units, rows, mass?.portion ?? 0) : rows;
    return this.#withRoomFor(path, allowed, observed);
  }

  /** Gives up what was kept for this where nothing else is left. @returns those of the rows that can be written down */
  #withRoomFor(path: string, rows: Uint32Array, observed: ObservedPlace): Uint32Array {
    if (rows.length === 0) return rows;
    const { units } = observed;
    const most = roomFor(units, rows.length);
    const room = observed.room();
    const held = hasRoom(room, most.bytes, most.inodes) ? undefined : freeSpace(path, projectsOf(units, rows), room);
    const allowed = this.#state.isHeld(held) ? oldestOf(units, rows, held?.portion ?? 0) : rows;
    if (allowed.length > 0 && !this.#context.dryRun) {
      const { bytes, inodes } = roomFor(units, allowed.length);
      this.#tally.addGivenUp(observed.makeRoom(bytes, inodes));
    }
    return allowed;
  }

  async #apply(
    path: string,
    observed: ObservedPlace,
    plan: Plan,
    rows: Uint32Array,
    allowed: Uint32Array,
  ): Promise<AppliedPlan> {
    if (this.#context.dryRun && allowed.length === rows.length) return AppliedPlan.wholly(plan.length);
    if (allowed.length === 0) return AppliedPlan.held(plan.length);
    const applied = await applyPrune(path, observed, plan, allowed, {
      ...this.#dependencies,
      holds: this.#holds,
      context: this.#context,
    });
    const isAllowed = new Set(allowed);
    for (const row of rows) if (!isAllowed.has(row)) applied.kept(row, 'held');
    return applied;
  }

  async #conclude(path: string, observed: ObservedPlace, plan: Plan, isDone: boolean): Promise<void> {
    const emptied = isDone ? observed.emptied(plan) : [];
    this.#tally.addConcluded(
      this.#context.dryRun
        ? { shielded: 0, emptyProjects: emptied.length, copies: { sessions: 0, bytes: 0 }, vanished: 0 }
        : await observed.conclude(plan, this.#doubt.isThere ? undefined : this.#live.counts, emptied, this.#context),
    );
    const { faults, ...inTrash } = await observed.trashAmount();
    this.#tally.addTrash(inTrash);
    this.#state.addFaults(faults);
    this.#tally.addExposure(path, observed.exposure(plan));
  }
}

function listingRules({ clock, policy }: PruneDependencies): Omit<ListingDependencies, 'named'> {
  return { nowMs: clock.now(), minAgeMs: policy.minAgeMs, noticeMs: policy.noticeMs ?? 0 };
}

/** Those that are none any more, and that nothing holds a run for: they name nobody from here on. */
function forgottenSources(counts: LiveObservation['counts'], history: Pick<RemovalHistory, 'knownIds'>) {
  return counts[FORMER_STATE] === undefined && history.knownIds(FORMER_STATE) !== undefined
    ? { [FORMER_STATE]: 0 }
    : {};
}
