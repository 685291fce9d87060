/** When a row of a resume map is stale. Times that make no sense never expire: unknown means keep. */

import { EARLIEST_SENSIBLE_TIME_MS } from '../clock.ts';

/** Milliseconds, or `never`: some conversations go on for months. */
export type SessionMaxAge = number | 'never';

/** `last_used_at` of a row that came from the oldest form of sessions.json, which held no times: stale once the row itself is old enough. */
export const NEVER_USED = 0;

/**
 * Whether a row's time can be believed. Negative, in seconds instead of milliseconds, text, NULL or in the future cannot.
 * @param lastUsedAtMs what the database holds, unparsed
 */
export function isSensibleTime(lastUsedAtMs: unknown, nowMs: number): lastUsedAtMs is number {
  if (typeof lastUsedAtMs !== 'number' || !Number.isFinite(lastUsedAtMs)) return false;
  return lastUsedAtMs === NEVER_USED || (lastUsedAtMs >= EARLIEST_SENSIBLE_TIME_MS && lastUsedAtMs <= nowMs);
}

/** The two times of a row, unparsed. */
export interface RowTimes {
  readonly lastUsedAtMs: unknown;
  readonly createdAtMs: unknown;
}

/**
 * Whether a row is stale. The younger of its times counts: a row whose time of use is a column's default, or came out of a dump, was
 * not used before it was made.
 */
export function isStale({ lastUsedAtMs, createdAtMs }: RowTimes, nowMs: number, maxAge: SessionMaxAge): boolean {
  if (maxAge === 'never' || !isSensibleTime(lastUsedAtMs, nowMs)) return false;
  const isYoung = (timeMs: unknown) => typeof timeMs === 'number' && timeMs >= nowMs - maxAge;
  return !isYoung(lastUsedAtMs) && !isYoung(createdAtMs);
}

/**
 * How late a session's transcript may be: Claude writes it a moment after the first message, and a volume may be mounted long after
 * the host has started.
 */
const TRANSCRIPT_LATE_MAX_MS = 3_600_000;

/** Whether a row is so young that its transcript may still be to come: then nothing follows from its absence. */
export function mayBeLate({ lastUsedAtMs, createdAtMs }: RowTimes, nowMs: number): boolean {
  return [lastUsedAtMs, createdAtMs].some((timeMs) => {
    return typeof timeMs === 'number' && timeMs > nowMs - TRANSCRIPT_LATE_MAX_MS;
  });
}

/** A rename takes microseconds; whoever waits here is about to lose a conversation. */
export const SECOND_LOOK_AFTER_MS = 50;
