/** Which sessions a resume map in SQLite names. */

import { parseProtectedId, type SessionId } from '../claude-dir/session-id.ts';
import { guarded } from '../sqlite/open.ts';
import type { MapConnection } from './map-connection.ts';
import type { LiveIds } from './resume-map.ts';
import { isSensibleTime } from './row-age.ts';
import { SESSIONS_TABLE } from './schema.ts';

const ALL_IDS = `SELECT session_id, last_used_at FROM ${SESSIONS_TABLE}`;
const GIVEN_IDS = `SELECT session_id FROM ${SESSIONS_TABLE} WHERE session_id COLLATE NOCASE IN (SELECT value FROM json_each(?))`;

export function readLiveIds(connection: MapConnection, nowMs: number): Omit<LiveIds, 'droppedOnPurpose'> {
  const ids = new Set<SessionId>();
  let malformed = 0;
  let senselessTimes = 0;
  for (const [sessionId, lastUsedAtMs] of connection.statement(ALL_IDS).raw().iterate() as Iterable<
    [unknown, unknown]
  >) {
    const id = parseProtectedId(sessionId);
    if (id === undefined) malformed += 1;
    else ids.add(id);
    if (!isSensibleTime(lastUsedAtMs, nowMs)) senselessTimes += 1;
  }
  return { ids, malformed, senselessTimes };
}

/** Those of `ids` that the map names now. */
export function liveAmong(connection: MapConnection, ids: readonly SessionId[]): Set<SessionId> {
  const found = guarded(connection.database.name, 'read live ids from', () => {
    return connection.statement(GIVEN_IDS).pluck().all(JSON.stringify(ids));
  });
  return new Set(found.map(parseProtectedId).filter((id) => id !== undefined));
}
