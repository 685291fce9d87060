/** A clock that stands where a test sets it. */

import type { Clock } from '../../src/clock.ts';

export class SetClock implements Clock {
  nowMs: number;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  now(): number {
    return this.nowMs;
  }
}
