/** Whether it is in doubt who is live, and what a prune then does: nothing at first, and then without touching what was named before. */

import type { NamedBefore } from '../../claude-dir/named-sessions.ts';
import { errorCode, isExhaustion } from '../../errors.ts';
import type { LiveSessions } from '../../live-sources/live-source.ts';
import { RESUME_MAP } from '../../live-sources/resume-map-source.ts';
import { asHeldPrune, DOUBT, stageOf } from '../guards/doubt.ts';
import type { Held } from '../guards/guards.ts';
import type { RunState } from '../run-state.ts';
import { neededByRun } from '../whole-run-error.ts';
import type { PruneDependencies } from './dependencies.ts';
import type { ObservedPlace, PrunablePlace } from './place.ts';
import { namedIn, withRemembered } from './remembered.ts';
import { NOBODY } from './sole-protection.ts';

type Dependencies = Pick<PruneDependencies, 'history' | 'clock' | 'rowAgeMs' | 'policy' | 'onlyAt'>;

export class LiveDoubt {
  readonly #dependencies: Dependencies;
  readonly #state: RunState;
  readonly #remembered = new Map<string, NamedBefore>();
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
   * @returns those of the places in which something may go; undefined where nothing may anywhere
   */
  allowed(doubts: readonly Held[], places: readonly PrunablePlace[]): readonly PrunablePlace[] | undefined {
    const { history, clock, rowAgeMs } = this.#dependencies;
    const nowMs = clock.now();
    const sinceMs = doubts.length === 0 ? undefined : (history.massNoticedAtMs(DOUBT) ?? nowMs);
    neededByRun(() => history.noteMass(DOUBT, sinceMs));
    if (sinceMs === undefined) return places;
    const remembered = places.map((place) => ({ place, named: this.#namedBefore(place) }));
    const isOfRows = doubts.every(({ source = RESUME_MAP }) => source === RESUME_MAP);
    // Of other sources nobody knows when what they named would have had its time.
    const ages = [isOfRows ? rowAgeMs : 'never', ...remembered.flatMap(({ named }) => named?.namedForMs ?? [])];
    const stage = stageOf(nowMs - sinceMs, ages.includes('never') ? 'never' : Math.max(...ages.map(Number)));
    if (stage === 'over') return places;
    this.#isThere = true;
    const isHeld = doubts.map((held) => this.#state.isHeld(asHeldPrune(held, sinceMs, stage))).some(Boolean);
    if (stage !== 'remembering') return isHeld ? undefined : places;
    return remembered.filter(({ place, named }) => this.#remembers(place, named)).map(({ place }) => place);
  }

  liveAt(path: string, sessions: LiveSessions): LiveSessions {
    const named = this.#remembered.get(path);
    return named === undefined ? sessions : withRemembered(sessions, named);
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

  #remembers(place: PrunablePlace, named: NamedBefore | undefined): boolean {
    if (named !== undefined) this.#remembered.set(place.path, named);
    else this.#state.addFault(`prune ${place.path}: who was named before is not known, so nothing is removed there`);
    return named !== undefined;
  }
}
