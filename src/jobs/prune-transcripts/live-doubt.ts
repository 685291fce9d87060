/** Whether it is in doubt who is live, and what a prune then does: nothing at first, and then without touching what was named before. */

import type { NamedBefore } from '../../claude-dir/named-sessions.ts';
import type { LiveSessions } from '../../live-sources/live-source.ts';
import { asHeldPrune, DOUBT, stageOf } from '../guards/doubt.ts';
import type { Held } from '../guards/guards.ts';
import type { RunState } from '../run-state.ts';
import { neededByRun } from '../whole-run-error.ts';
import type { PruneDependencies } from './dependencies.ts';
import type { ObservedPlace, PrunablePlace } from './place.ts';
import { namedIn, withRemembered } from './remembered.ts';

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
    const stage = sinceMs === undefined ? 'over' : stageOf(nowMs - sinceMs, rowAgeMs);
    if (sinceMs === undefined || stage === 'over') return places;
    this.#isThere = true;
    const isHeld = doubts.map((held) => this.#state.isHeld(asHeldPrune(held, sinceMs, stage))).some(Boolean);
    if (stage === 'remembering') return places.filter((place) => this.#remembers(place));
    return isHeld ? undefined : places;
  }

  liveAt(path: string, sessions: LiveSessions): LiveSessions {
    const named = this.#remembered.get(path);
    return named === undefined ? sessions : withRemembered(sessions, named);
  }

  /** For the next prune. Where sessions are named to go, nothing of it changes. */
  record(place: PrunablePlace, observed: ObservedPlace, sessions: LiveSessions): void {
    const { policy, onlyAt, clock } = this.#dependencies;
    if (this.#isThere || this.#state.isOver || policy.only !== undefined || onlyAt !== undefined) return;
    // What could not be looked into this time may hold what was named before.
    const before = observed.faults.length === 0 ? [] : (place.namedBefore()?.ids ?? []);
    place.recordNamed({ atMs: clock.now(), ids: new Set([...before, ...namedIn(observed, sessions)]) });
  }

  #remembers(place: PrunablePlace): boolean {
    const named = place.namedBefore();
    if (named !== undefined) this.#remembered.set(place.path, named);
    else this.#state.addFault(`prune ${place.path}: who was named before is not known, so nothing is removed there`);
    return named !== undefined;
  }
}
