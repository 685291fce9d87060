/** When a row of a resume map is stale. Times that make no sense never expire: unknown means keep. */

import { EARLIEST_SENSIBLE_TIME_MS } from '../clock.ts';

/** Milliseconds, or `never`: some conversations go on for months. */
export type SessionMaxAge = number | 'never';

/** `last_used_at` of a row that came from the oldest form of sessions.json, which held no times: stale at once. */
export const NEVER_USED = 0;

/**
 * Whether a row's time can be believed. Negative, in seconds instead of milliseconds, text, NULL or in the future cannot.
 * @param lastUsedAtMs what the database holds, unparsed
 */
export function isSensibleTime(lastUsedAtMs: unknown, nowMs: number): lastUsedAtMs is number {
  if (typeof lastUsedAtMs !== 'number' || !Number.isFinite(lastUsedAtMs)) return false;
  return lastUsedAtMs === NEVER_USED || (lastUsedAtMs >= EARLIEST_SENSIBLE_TIME_MS && lastUsedAtMs <= nowMs);
}

export function isStale(lastUsedAtMs: unknown, nowMs: number, maxAge: SessionMaxAge): boolean {
  return maxAge !== 'never' && isSensibleTime(lastUsedAtMs, nowMs) && nowMs - lastUsedAtMs > maxAge;
}
