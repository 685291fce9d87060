/**
 * Keeps hosts from waiting long for their own database: whatever holds its writers back does so for one short hold at a time, which
 * ends with the unit of work in hand, and rests for as long after each.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { BusyError } from '../errors.ts';

/** Work in one hold, beside what a commit takes: with an fsync on a slow disk, hosts still wait for far less than 50 ms. */
const WORK_MAX_MS = 5;
/** Units of the first hold; of later ones as many as the time allows, and never fewer than these are asked about. */
const UNITS_FIRST = 16;
const UNITS_MAX = 1_024;
const PAUSE_MIN_MS = 2;
/** Each one is a full timeout's wait: after as many in a row, whoever holds the database will not let go soon. */
const BUSY_MAX = 3;

/** The monotonic clock that holds are measured by, and how they rest; milliseconds. */
export interface Pacer {
  now(): number;
  rest(ms: number): Promise<void>;
}

export const systemPacer: Pacer = { now: () => performance.now(), rest: async (ms) => sleep(ms) };

/** For a database that nobody else has open: nobody waits. */
export const withoutRests: Pacer = { now: () => performance.now(), rest: async () => undefined };

/** One hold, as whoever works in it sees it. */
export interface Hold {
  /** To be called as soon as the writers are held back: the time counts from there. */
  begin(): void;
  /** To be asked after each unit: whether the hold has to end with it. */
  isOver(): boolean;
  /** To be called when the writers are free again, where something else is done before the work returns. */
  end(): void;
}

export interface HoldLimits {
  readonly unitsMax?: number;
  /** How many holds in a row may find the writers busy before that is an error. */
  readonly busyMax?: number;
}

export class ShortHolds {
  readonly #pacer: Pacer;
  readonly #unitsMax: number;
  readonly #busyMax: number;
  #units = UNITS_FIRST;
  #busy = 0;
  #restEndsAt = 0;

  constructor(pacer: Pacer = systemPacer, { unitsMax = UNITS_MAX, busyMax = BUSY_MAX }: HoldLimits = {}) {
    this.#pacer = pacer;
    this.#unitsMax = unitsMax;
    this.#busyMax = busyMax;
  }

  /** For how many units the next hold is to be taken: as many as the last one would have had time for. */
  get units(): number {
    return this.#units;
  }

  /**
   * Rests for as long as the last hold took, and then lets `work` take one. SQLite's waiters poll: without the rest, a writer could
   * miss its turn again and again.
   * @returns what `work` returned; undefined where it found the writers busy, and may be tried again or passed over
   * @throws BusyError where that has happened too often in a row, and whatever else `work` throws
   */
  async take<T extends object>(work: (hold: Hold) => T | Promise<T>): Promise<T | undefined> {
    const restLeftMs = this.#restEndsAt - this.#pacer.now();
    if (restLeftMs > 0) await this.#pacer.rest(restLeftMs);
    const hold = new MeasuredHold(this.#pacer);
    try {
      const result = await work(hold);
      this.#busy = 0;
      return result;
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
      this.#busy += 1;
      this.#units = UNITS_FIRST;
      if (this.#busy >= this.#busyMax) throw error;
      return undefined;
    } finally {
      this.#note(hold);
    }
  }

  #note(hold: MeasuredHold): void {
    const held = hold.measured();
    if (held === undefined) return;
    const { units, heldMs, endedAt } = held;
    this.#restEndsAt = endedAt + Math.max(PAUSE_MIN_MS, heldMs);
    if (units === 0) return;
    // Syncing takes most of some, and that is known only afterwards.
    const allowed = heldMs === 0 ? Number.POSITIVE_INFINITY : Math.ceil((units * WORK_MAX_MS) / heldMs);
    this.#units = Math.max(UNITS_FIRST, Math.min(allowed, units * 2, this.#unitsMax));
  }
}

class MeasuredHold implements Hold {
  readonly #pacer: Pacer;
  #beganAt: number | undefined;
  #endedAt: number | undefined;
  #units = 0;

  constructor(pacer: Pacer) {
    this.#pacer = pacer;
  }

  begin(): void {
    this.#beganAt ??= this.#pacer.now();
  }

  isOver(): boolean {
    this.begin();
    this.#units += 1;
    return this.#pacer.now() - (this.#beganAt ?? 0) >= WORK_MAX_MS;
  }

  end(): void {
    this.#endedAt ??= this.#pacer.now();
  }

  /** Undefined where the writers were never held back. */
  measured(): { readonly units: number; readonly heldMs: number; readonly endedAt: number } | undefined {
    if (this.#beganAt === undefined) return undefined;
    this.end();
    const endedAt = this.#endedAt ?? this.#beganAt;
    return { units: this.#units, heldMs: endedAt - this.#beganAt, endedAt };
  }
}
