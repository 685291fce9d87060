/**
 * Notices that the wall clock has jumped, by holding it against the time since boot (which goes on while the machine sleeps).
 * By a wrong clock everything is old; so after a jump each job is left out once, and the next look confirms or corrects it.
 */

import { uptime } from 'node:os';
import type { Clock } from './clock.ts';
import { JOB_NAMES, type JobName } from './jobs/job.ts';

/** More than any slewing or leap second, far less than any retention. */
const JUMP_MIN_MS = 10 * 60_000;

export class ClockGuard {
  readonly #clock: Clock;
  readonly #uptimeMs: () => number;
  readonly #unconfirmed = new Set<JobName>();
  #offsetMs: number;

  /** @param uptimeMs milliseconds since boot, sleep included */
  constructor(clock: Clock, uptimeMs: () => number = systemUptimeMs) {
    this.#clock = clock;
    this.#uptimeMs = uptimeMs;
    this.#offsetMs = this.#currentOffsetMs();
  }

  /** Looks at both clocks. @returns by how much the wall clock has jumped since the last look, or undefined */
  look(): number | undefined {
    const offsetMs = this.#currentOffsetMs();
    const jumpMs = offsetMs - this.#offsetMs;
    this.#offsetMs = offsetMs;
    if (Math.abs(jumpMs) < JUMP_MIN_MS) return undefined;
    for (const job of JOB_NAMES) this.#unconfirmed.add(job);
    return jumpMs;
  }

  /** Whether the job is to be left out this time, since the clock has jumped after its last turn. */
  isToBeLeftOut(job: JobName): boolean {
    return this.#unconfirmed.delete(job);
  }

  #currentOffsetMs(): number {
    return this.#clock.now() - this.#uptimeMs();
  }
}

/** Seconds since boot, the time asleep included. */
function systemUptimeMs(): number {
  return uptime() * 1_000;
}
