/** Whether it is in doubt who is live, and what a prune then does: nothing at first, and then without touching what was named before. */

import type { NamedBefore } from '../../claude-dir/named-sessions.ts';
import { errorCode, isExhaustion } from '../../errors.ts';
import type { LiveSessions } from '../../live-sources/live-source.ts';
import { RESUME_MAP } from '../../live-sources/resume-map-source.ts';
import { asHeldPrune, DOUBT, type DoubtStage, stageOf } from '../guards/doubt.ts';
import type { Held } from '../guards/guards.ts';
import type { RunState } from '../run-state.ts';
import { neededByRun } from '../whole-run-error.ts';
import type { PruneDependencies } from './dependencies.ts';
import type { ObservedPlace, PrunablePlace } from './place.ts';
import { namedIn, withRemembered } from './remembered.ts';
import { NOBODY } from './sole-protection.ts';

type Dependencies = Pick<PruneDependencies, 'history' | 'clock' | 'rowAgeMs' | 'unwitnessedMs' | 'policy' | 'onlyAt'>;

/** The most careful first. */
const STAGES: readonly DoubtStage[] = ['held', 'remembering', 'lasting', 'over'];

interface Doubted {
  readonly place: PrunablePlace;
  readonly named: NamedBefore | undefined;
  readonly stage: DoubtStage;
}

export class LiveDoubt {
  readonly #dependencies: Dependencies;
  readonly #state: RunState;
  readonly #remembered = new Map<string, Pick<NamedBefore, 'ids' | 'atMs'>>();
  #isThere = false;

  constructor(dependencies: Dependencies, state: RunState) {
    this.#dependencies = dependencies;
    this.#state = state;
  }

  /** Then nothing is written down of who is live now. */
  get isThere(): boolean {
    return this.#isThere;
  }

  /**
   * Notes since when it lasts. A dry run shows the plan as it would be without.
   * @param isWhole whether every place could be asked: one that could not may be in doubt still
   * @returns those of the places in which something may go; undefined where nothing may anywhere
   */
  allowed(
    doubts: readonly Held[],
    places: readonly PrunablePlace[],
    isWhole: boolean,
  ): readonly PrunablePlace[] | undefined {
    const { history, clock, unwitnessedMs } = this.#dependencies;
    if (doubts.length === 0) {
      if (isWhole) neededByRun(() => history.noteMass(DOUBT, undefined));
      return places;
    }
    const nowMs = clock.now();
    const sinceMs = history.massNoticedAtMs(DOUBT, nowMs) ?? nowMs;
    neededByRun(() => history.noteMass(DOUBT, sinceMs));
    const lastedMs = nowMs - sinceMs - unwitnessedMs(sinceMs);
    const isOfRows = doubts.every(({ source = RESUME_MAP }) => source === RESUME_MAP);
    const doubted = places.map((place): Doubted => {
      const named = this.#namedBefore(place);
      return { place, named, stage: stageOf(lastedMs, this.#namedForMs(named, isOfRows)) };
    });
    const [worst] = STAGES.filter((stage) => doubted.some((one) => one.stage === stage));
    if (worst === undefined || worst === 'over') return places;
    this.#isThere = true;
    const isHeld = doubts.map((held) => this.#state.isHeld(asHeldPrune(held, sinceMs, worst))).some(Boolean);
    if (worst === 'held') return isHeld ? undefined : places;
    return doubted.filter((one) => this.#isKnown(one)).map(({ place }) => place);
  }

  liveAt(path: string, sessions: LiveSessions): LiveSessions {
    const remembered = this.#remembered.get(path);
    return remembered === undefined ? sessions : withRemembered(sessions, remembered);
  }

  /** For the next prune. Where sessions are named to go, nothing of it changes. */
  record(place: PrunablePlace, observed: ObservedPlace, sessions: LiveSessions): void {
    const { policy, onlyAt, clock, rowAgeMs } = this.#dependencies;
    if (this.#isThere || this.#state.isOver || policy.only !== undefined || onlyAt !== undefined) return;
    // What could not be looked into this time may hold what was named before.
    const before = observed.faults.length === 0 ? [] : (place.namedBefore()?.ids ?? []);
    const ids = new Set([...before, ...namedIn(observed, sessions)]);
    const isAnyPinned = namedIn(observed, { ...sessions, live: NOBODY }).size > 0;
    place.recordNamed({ atMs: clock.now(), ids, namedForMs: isAnyPinned ? 'never' : rowAgeMs });
  }

  /** Of a record that cannot be read, nothing is known. */
  #namedBefore(place: PrunablePlace): NamedBefore | undefined {
    try {
      return place.namedBefore();
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined || isExhaustion(code)) throw error;
      return undefined;
    }
  }

  /** Of sources other than the map nobody knows when what they named would have had its time; where nothing is known, the map's rows tell. */
  #namedForMs(named: NamedBefore | undefined, isOfRows: boolean): number | 'never' {
    const { rowAgeMs } = this.#dependencies;
    if (named === undefined) return rowAgeMs;
    const isForEver = !isOfRows || rowAgeMs === 'never' || named.namedForMs === 'never';
    return isForEver ? 'never' : Math.max(rowAgeMs, named.namedForMs);
  }

  /** Where who was named is not known, nothing goes until that has had its time. */
  #isKnown({ place, named, stage }: Doubted): boolean {
    if (stage === 'over') return true;
    if (named === undefined) {
      this.#state.addFault(`prune ${place.path}: who was named before is not known, so nothing is removed there`);
      return false;
    }
    const { atMs, ids } = named;
    this.#remembered.set(place.path, { ids, atMs: stage === 'lasting' ? Number.POSITIVE_INFINITY : atMs });
    return true;
  }
}
