/** Clocks that holds are measured by, as a test wants them to run. */

import type { Pacer } from '../../src/sqlite/short-holds.ts';

/** A clock that only a test moves; who rests is through at once, and what each rested is written down. */
export class SetPacer implements Pacer {
  nowMs = 0;
  readonly rests: number[] = [];

  now(): number {
    return this.nowMs;
  }

  async rest(ms: number): Promise<void> {
    this.rests.push(ms);
    this.nowMs += ms;
  }
}

/** A clock that goes on by so much whenever it is looked at. */
export function pacerOf(msALook: number): Pacer {
  let looks = 0;
  return { now: () => Math.floor(msALook * looks++), rest: async () => undefined };
}
