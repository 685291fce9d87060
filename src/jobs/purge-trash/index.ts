/** purge-trash: destroys what has lain in the trash for longer than its time; the only job that destroys bytes. */

import type { SessionId } from '../../claude-dir/session-id.ts';
import { errorCode, errorMessage, OperatingError } from '../../errors.ts';
import { PROTECTIONS } from '../../live-sources/live-source.ts';
import type { Destroyed, TrashedEntry } from '../../trash/purge.ts';
import { asHeldPurge, isPurgeHeld } from '../guards/doubt.ts';
import type { Held } from '../guards/guards.ts';
import type { Job, JobContext } from '../job.ts';
import type { ClockHistory } from '../ledger-contracts.ts';
import { LiveHolds } from '../live-holds.ts';
import { type LiveObservation, withAllSources } from '../observe-live.ts';
import type { PurgeReport } from '../report.ts';
import { RunState } from '../run-state.ts';
import { WholeRunError } from '../whole-run-error.ts';
import { applyPurge, type DueSessions } from './apply.ts';
import type { PurgeDependencies } from './dependencies.ts';
import { DirectoryPlace } from './directory-place.ts';
import { earlyPlanOf, NOTHING_EARLY } from './early.ts';
import type { FolderToOpen, OpenTrash, PurgeablePlace, TrashFolder } from './place.ts';
import {
  asOneSession,
  type EarlyPlan,
  type LiveNames,
  type PurgeDecision,
  type PurgeKeepReason,
  planPurge,
  purgeObstacle,
} from './plan.ts';
import { StorePlace } from './store-place.ts';
import { purgeSweptRows } from './swept-rows.ts';
import { leastUnwitnessed } from './witness.ts';

const NONE_LIVE: ReadonlySet<SessionId> = new Set();

export function purgeTrashJob(dependencies: PurgeDependencies): Job<'purge-trash'> {
  return {
    name: 'purge-trash',
    // What is live again is spared, so nothing may be destroyed where any source cannot be read in full.
    run: (context) =>
      withAllSources('purge-trash', dependencies, context, (live) => new Purge(dependencies, context, live).run()),
  };
}

class Purge {
  readonly #dependencies: PurgeDependencies;
  readonly #context: JobContext;
  readonly #live: LiveObservation;
  /** Whoever is at work on a session in the trash writes it anew in its old place: only what is named matters here. */
  readonly #liveIds: LiveNames;
  readonly #holds: LiveHolds;
  readonly #state: RunState;
  readonly #purged = { sessions: 0, bytes: 0 };
  readonly #trash = { sessions: 0, bytes: 0 };
  #purgedRows = 0;
  readonly #kept: Partial<Record<PurgeKeepReason, number>> = {};
  readonly #progress = { done: 0, total: 0 };
  readonly #early = { sessions: 0, bytes: 0 };
  #overLimitBytes = 0;
  #givenBack = 0;
  /** By what the place at hand knows of the clocks, too. */
  #unwitnessedMs: PurgeDependencies['unwitnessedMs'];
  /** What goes from the place at hand before its time. */
  #earlyPlan: EarlyPlan = NOTHING_EARLY;
  /** Sessions of the place at hand of which a folder that was looked at holds a part that has time left. */
  readonly #withNewerPart = new Set<SessionId>();

  constructor(dependencies: PurgeDependencies, context: JobContext, live: LiveObservation) {
    this.#dependencies = dependencies;
    this.#context = context;
    this.#live = live;
    this.#unwitnessedMs = dependencies.unwitnessedMs;
    const named = PROTECTIONS.map((protection) => live.sessions[protection]);
    this.#liveIds = { has: (id) => named.some(({ ids, prefixes }) => ids.has(id) || prefixes.match(id)) };
    this.#holds = new LiveHolds(dependencies.sources, dependencies.holds);
    this.#state = new RunState(context);
  }

  async run(): Promise<PurgeReport> {
    const places = await this.#allowedPlaces();
    // A run that a guard holds as a whole has looked at nothing, and has nothing to say of it.
    const { sources } = this.#live;
    if (places === undefined) return { job: 'purge-trash', sources, ...this.#state.end() };
    for (const place of places) {
      await this.#state.inPlace(`purge the trash of ${place.path}`, () => this.#purge(place));
    }
    await this.#state.attempt('purge swept rows', () => this.#purgeRows());
    const figures = {
      sources,
      purged: this.#purged,
      ...(this.#early.sessions > 0 ? { purgedEarly: this.#early } : {}),
      ...(this.#overLimitBytes > 0 ? { overLimit: this.#overLimitBytes } : {}),
      ...(this.#givenBack > 0 ? { givenBack: this.#givenBack } : {}),
      ...(this.#purgedRows > 0 ? { purgedRows: this.#purgedRows } : {}),
      kept: this.#kept,
      trash: this.#trash,
    };
    return { job: 'purge-trash', ...figures, ...this.#state.end() };
  }

  #places(): readonly PurgeablePlace[] {
    const { claudeDirs, stores, storeHolds } = this.#dependencies;
    return [
      ...claudeDirs.map((claudeDir) => new DirectoryPlace(claudeDir, this.#context)),
      ...stores.map((store) => new StorePlace(store, storeHolds)),
    ];
  }

  /** Asks the guards of the whole run, before anything is done anywhere. @returns where it is to be worked; undefined for nowhere */
  async #allowedPlaces(): Promise<readonly PurgeablePlace[] | undefined> {
    const { guards, refusedStores } = this.#dependencies;
    const doubts = [guards.emptiedSource(this.#live.counts, this.#live.droppedOnPurpose)];
    const places: PurgeablePlace[] = [];
    for (const error of refusedStores) this.#state.failPlace(error);
    for (const place of this.#places()) {
      const askOfMap = () => {
        doubts.push(guards.unknownMap(place.path, place.knownMaps()));
      };
      if (await this.#state.attempt(`purge the trash of ${place.path}`, askOfMap)) places.push(place);
    }
    return this.#isHeldBy(doubts) ? undefined : places;
  }

  #isHeldBy(doubts: readonly (Held | undefined)[]): boolean {
    const { guards, clock, unwitnessedMs } = this.#dependencies;
    const nowMs = clock.now();
    const sinceMs = guards.doubtedSinceMs() ?? nowMs;
    if (!isPurgeHeld(nowMs - sinceMs - unwitnessedMs(sinceMs))) return false;
    return doubts.map((held) => this.#state.isHeld(held && asHeldPurge(held, sinceMs))).some(Boolean);
  }

  async #purge(place: PurgeablePlace): Promise<void> {
    const trash = await place.open();
    if (trash === undefined) return;
    try {
      this.#withNewerPart.clear();
      const history = this.#witnessed(place);
      this.#earlyPlan = await this.#planEarly(trash);
      for (const folder of await trash.folders()) {
        if (await this.#state.shouldStop()) break;
        await this.#purgeFolder(folder, place.path);
      }
      if (!this.#context.dryRun) this.#givenBack += await trash.giveBack(() => this.#state.shouldStop());
      if (history !== undefined) place.recordWitnessed(history);
      const { sessions, bytes, faults } = await trash.amount();
      this.#state.addFaults(faults);
      this.#trash.sessions += sessions;
      this.#trash.bytes += bytes;
    } finally {
      trash.close();
    }
  }

  #witnessed(place: PurgeablePlace): ClockHistory | undefined {
    const { begun, unwitnessedMs: byLedger } = this.#dependencies;
    const history = begun && place.witnessed(begun);
    this.#unwitnessedMs = history === undefined ? byLedger : leastUnwitnessed(byLedger, history);
    return history;
  }

  async #planEarly(trash: OpenTrash): Promise<EarlyPlan> {
    const { limits, keepMs, clock, only } = this.#dependencies;
    const unwitnessedMs = this.#unwitnessedMs;
    if (only !== undefined) return NOTHING_EARLY;
    const shouldStop = () => this.#state.shouldStop();
    const asked = { limits, keepMs, live: this.#liveIds, nowMs: clock.now(), unwitnessedMs, shouldStop };
    const plan = await earlyPlanOf(trash, asked);
    this.#overLimitBytes += plan.missingBytes;
    return plan;
  }

  /** One folder that cannot be worked in does not stop the others; what is marked is tried again the next time. */
  async #purgeFolder({ name, open }: FolderToOpen, path: string): Promise<void> {
    let folder: TrashFolder | undefined;
    try {
      folder = open(this.#dependencies.clock.now());
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      this.#state.addFault(`read the ${name}: ${code}`);
    }
    if (folder === undefined) return;
    try {
      await this.#purgeOpen(folder, name, path);
    } finally {
      folder.close();
    }
    this.#context.onProgress({ phase: 'purge', ...this.#progress });
  }

  async #purgeOpen(folder: TrashFolder, name: string, path: string): Promise<void> {
    const due = this.#dueOf(folder.sessions());
    this.#progress.total += due.sessions.length;
    if (this.#context.dryRun) {
      this.#countDue(folder, due);
      return;
    }
    try {
      this.#note(name, await applyPurge(folder, due, this.#applyOptions(path)));
    } catch (error) {
      if (error instanceof WholeRunError || errorCode(error) === undefined) throw error;
      this.#state.addFault(`purge the ${name}: ${errorMessage(error)}`);
    }
  }

  #applyOptions(path: string) {
    return {
      holds: this.#holds,
      clock: this.#dependencies.clock,
      shouldStop: () => this.#state.shouldStop(),
      onMarked: (sessions: readonly TrashedEntry[]) => this.#record(path, sessions),
      onKept: (reason: PurgeKeepReason) => this.#keep(reason),
    };
  }

  /** What is full or locked there keeps nothing from its end here: on a full disk, it is the purge that makes room. */
  #record(path: string, sessions: readonly TrashedEntry[]): void {
    const { recorder, clock } = this.#dependencies;
    try {
      recorder?.recordPurges(path, sessions, clock.now());
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#state.addFaults([error]);
    }
  }

  #note(name: string, { sessions, faults, leftOver }: Destroyed): void {
    for (const session of sessions) this.#count(session);
    this.#progress.done += sessions.length;
    for (const { sessionId, message } of faults) this.#state.addFault(`purge session ${sessionId}: ${message}`);
    if (leftOver !== undefined) this.#state.addFault(`purge the ${name}: ${leftOver}`);
  }

  /** What has had its time, or was marked as such by a purge that did not come to its end. */
  #dueOf(sessions: readonly TrashedEntry[]): DueSessions {
    const { only } = this.#dependencies;
    const due: TrashedEntry[] = [];
    const spared = new Map<TrashedEntry, PurgeKeepReason>();
    // The originals of a joined session are not the session: whether it is live says nothing of them.
    const joined = sessions.filter(({ state }) => state === 'joined');
    const others = sessions.filter(({ state }) => state !== 'joined');
    for (const decision of [
      ...asOneSession(this.#decide(others, this.#liveIds), this.#withNewerPart),
      ...this.#decide(joined, NONE_LIVE),
    ]) {
      if (only?.has(decision.session.sessionId) === false) this.#keep('within-keep');
      else if (decision.purge) due.push(decision.session);
      else if (decision.session.state !== 'purging') this.#keep(decision.reason);
      else {
        // Marked by a purge that went by another clock or setting, and then was stopped.
        spared.set(decision.session, decision.reason);
        due.push(decision.session);
      }
    }
    return { sessions: due, spared };
  }

  #decide(sessions: readonly TrashedEntry[], live: LiveNames): readonly PurgeDecision<TrashedEntry>[] {
    const { keepMs, clock } = this.#dependencies;
    const unwitnessedMs = this.#unwitnessedMs;
    const isEarly = ({ sessionId }: TrashedEntry) => this.#earlyPlan.sessionIds.has(sessionId);
    const early = sessions.filter(isEarly);
    const others = early.length === 0 ? sessions : sessions.filter((session) => !isEarly(session));
    const nowMs = clock.now();
    return [
      ...planPurge(others, live, keepMs, nowMs, unwitnessedMs),
      ...planPurge(early, live, Math.min(this.#earlyPlan.keepAtLeastMs, keepMs), nowMs, unwitnessedMs),
    ];
  }

  #countDue(folder: TrashFolder, { sessions, spared }: DueSessions): void {
    for (const found of folder.find(sessions)) {
      const obstacle = purgeObstacle(found, NONE_LIVE, spared);
      if (obstacle === undefined) this.#count(found.session);
      else this.#keep(obstacle);
    }
    this.#progress.done += sessions.length;
  }

  #purgeRows(): void {
    if (this.#dependencies.only !== undefined) return;
    const { sweptRows, keepMs, clock, unwitnessedMs } = this.#dependencies;
    if (sweptRows === undefined || this.#state.isOver) return;
    const rules = { keepMs, nowMs: clock.now(), unwitnessedMs, dryRun: this.#context.dryRun };
    this.#purgedRows += purgeSweptRows(sweptRows, rules);
  }

  #keep(reason: PurgeKeepReason): void {
    this.#kept[reason] = (this.#kept[reason] ?? 0) + 1;
  }

  #count({ sessionId, bytes }: Pick<TrashedEntry, 'sessionId' | 'bytes'>): void {
    this.#purged.sessions += 1;
    this.#purged.bytes += bytes;
    if (!this.#earlyPlan.sessionIds.has(sessionId)) return;
    this.#early.sessions += 1;
    this.#early.bytes += bytes;
  }
}
