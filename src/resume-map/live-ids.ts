/** Which sessions a map in SQLite names. */

import { idsMeantBy, parseProtectedId, type SessionId } from '../claude-dir/session-id.ts';
import { guarded } from '../sqlite/open.ts';
import { throwIfTorn } from '../sqlite/whole-pages.ts';
import type { MapConnection } from './map-connection.ts';
import type { MapTable } from './map-table.ts';
import type { LiveIds } from './resume-map.ts';
import { isSensibleTime } from './row-age.ts';

/** @throws CorruptError where the file may hold fewer rows than the host has written */
export function readLiveIds(
  connection: MapConnection,
  { name, sessionId: column, lastUsedAtMs: time }: MapTable,
  nowMs: number,
): Omit<LiveIds, 'droppedOnPurpose'> {
  throwIfTorn(connection.database);
  const ids = new Set<SessionId>();
  let malformed = 0;
  let senselessTimes = 0;
  const allIds = connection.statement(`SELECT ${column}, ${time} FROM ${name}`).raw();
  for (const [sessionId, lastUsedAtMs] of allIds.iterate() as Iterable<[unknown, unknown]>) {
    const id = parseProtectedId(sessionId);
    if (id === undefined) malformed += 1;
    for (const meant of id === undefined ? idsMeantBy(sessionId) : [id]) ids.add(meant);
    if (!isSensibleTime(lastUsedAtMs, nowMs)) senselessTimes += 1;
  }
  return { ids, malformed, senselessTimes };
}

/** Those of `ids` that the map names now. */
export function liveAmong(
  connection: MapConnection,
  { name, sessionId: column }: MapTable,
  ids: readonly SessionId[],
): Set<SessionId> {
  const givenIds = `SELECT ${column} FROM ${name} WHERE ${column} COLLATE NOCASE IN (SELECT value FROM json_each(?))`;
  const found = guarded(connection.database.name, 'read live ids from', () => {
    throwIfTorn(connection.database);
    return connection.statement(givenIds).pluck().all(JSON.stringify(ids));
  });
  return new Set(found.map(parseProtectedId).filter((id) => id !== undefined));
}
