/** The wall clock as a parameter, so that no decision reads the time behind its caller's back. */

export interface Clock {
  /** Unix epoch milliseconds. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** No transcript is older than Claude Code itself: an earlier time is senseless, and senseless means keep. */
export const EARLIEST_SENSIBLE_TIME_MS = Date.UTC(2023, 0, 1);
