/** Which sessions a resume map in PostgreSQL names, whichever host they are on. */

import { parseProtectedId, type SessionId } from '../../claude-dir/session-id.ts';
import { OperatingError } from '../../errors.ts';
import type { PostgresTransaction } from '../../postgres/postgres-database.ts';
import { serverNowMs, textArray } from '../../postgres/sql-text.ts';
import { DROPPED } from '../counter-names.ts';
import type { LiveIds } from '../resume-map.ts';
import { isSensibleTime } from '../row-age.ts';
import { SESSIONS_TABLE } from '../schema.ts';
import { counted } from './counters.ts';

/** No answer takes long, and none much memory. */
const PAGE_ROWS = 20_000;
const PAGE = `SELECT key, session_id AS "sessionId", last_used_at AS "lastUsedAtMs" FROM ${SESSIONS_TABLE}
  WHERE $1::text IS NULL OR key > $1::text ORDER BY key LIMIT ${PAGE_ROWS}`;
const GIVEN = `SELECT DISTINCT asked.id FROM unnest($1::text::text[]) AS asked (id)
  JOIN ${SESSIONS_TABLE} AS sessions ON lower(sessions.session_id) = asked.id`;

/** @param transaction in which all is of one moment: a row that moves between two pages would be in neither */
export async function readLiveIds(transaction: PostgresTransaction): Promise<LiveIds> {
  const [server] = await transaction.rows<{ isStandby: boolean }>('SELECT pg_is_in_recovery() AS "isStandby"');
  if (server?.isStandby !== false)
    throw new OperatingError('unavailable', 'it is a standby, which may not know all yet');
  const nowMs = await serverNowMs(transaction);
  const ids = new Set<SessionId>();
  let malformed = 0;
  let senselessTimes = 0;
  for (let after: string | null | undefined = null; after !== undefined; ) {
    const rows: readonly PageRow[] = await transaction.rows<PageRow>(PAGE, after);
    for (const { sessionId, lastUsedAtMs } of rows) {
      const id = parseProtectedId(sessionId);
      if (id === undefined) malformed += 1;
      else ids.add(id);
      if (!isSensibleTime(lastUsedAtMs, nowMs)) senselessTimes += 1;
    }
    after = rows.at(-1)?.key;
  }
  return { ids, malformed, senselessTimes, droppedOnPurpose: await counted(transaction, DROPPED) };
}

interface PageRow {
  readonly key: string;
  readonly sessionId: string;
  readonly lastUsedAtMs: number;
}

/** Those of `ids` that the map names now. */
export async function liveAmong(transaction: PostgresTransaction, ids: readonly SessionId[]): Promise<Set<SessionId>> {
  const found = await transaction.rows<{ id: SessionId }>(GIVEN, textArray(ids));
  return new Set(found.map(({ id }) => id));
}
