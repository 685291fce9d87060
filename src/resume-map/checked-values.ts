/** What a host hands to a resume map, checked before anything is written: an age, and a session id. */

import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import { OperatingError } from '../errors.ts';
import type { SessionMaxAge } from './row-age.ts';

/** By 0 every row would be stale, by NaN none. */
export function checkedMaxAge(maxAge: SessionMaxAge): SessionMaxAge {
  if (maxAge === 'never' || (Number.isFinite(maxAge) && maxAge > 0)) return maxAge;
  throw new OperatingError('usage', `session max age: ${maxAge} must be milliseconds, more than 0, or 'never'`);
}

export function checkedMaxAgeIfSet(maxAge: SessionMaxAge | undefined): SessionMaxAge | undefined {
  return maxAge === undefined ? undefined : checkedMaxAge(maxAge);
}

export function checkedSessionId(sessionId: string): SessionId {
  const id = parseSessionId(sessionId);
  if (id !== undefined) return id;
  const shown = JSON.stringify(String(sessionId).slice(0, 64));
  throw new OperatingError('usage', `session id: ${shown} is not a lower-case UUID`);
}
