/** Walks and sweeps a whole resume map in SQLite, in steps so short that no host waits long. */

import { EARLIEST_SENSIBLE_TIME_MS } from '../clock.ts';
import type { MapConnection } from './map-connection.ts';
import type { UncheckedResumeRow } from './resume-map.ts';
import { SESSIONS_TABLE } from './schema.ts';
import type { ShortDeletions } from './short-deletions.ts';

/** Rows read at a time. */
const READ_PAGE_ROWS = 1_000;
/** Rows found at a time, to be deleted. */
const STALE_PAGE_ROWS = 256;

const ROW_COLUMNS = 'key, session_id AS sessionId, last_used_at AS lastUsedAtMs, created_at AS createdAtMs';
const PAGE = `SELECT ${ROW_COLUMNS} FROM ${SESSIONS_TABLE} WHERE key > ? ORDER BY key LIMIT ${READ_PAGE_ROWS}`;
/** The same as `isStale`, in SQL: what is no number is never stale. */
const STALE = `typeof(last_used_at) IN ('integer', 'real') AND (last_used_at = 0 OR last_used_at >= ${EARLIEST_SENSIBLE_TIME_MS}) AND last_used_at < @cutoffMs`;
const STALE_PAGE = `SELECT key FROM ${SESSIONS_TABLE} WHERE key > @after AND ${STALE} ORDER BY key LIMIT ${STALE_PAGE_ROWS}`;
const DELETE_STALE = `DELETE FROM ${SESSIONS_TABLE} WHERE key = @key AND ${STALE}`;
const DELETE_UNCHANGED = `DELETE FROM ${SESSIONS_TABLE} WHERE key = @key AND session_id IS @sessionId AND last_used_at IS @lastUsedAtMs`;

export async function* readPages(connection: MapConnection): AsyncGenerator<readonly UncheckedResumeRow[]> {
  let after: unknown = '';
  for (;;) {
    const rows = (await connection.read('read', () => connection.statement(PAGE).all(after))) as UncheckedResumeRow[];
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    after = last.key;
  }
}

/** @returns how many were deleted */
export async function sweepStale(
  connection: MapConnection,
  deletions: ShortDeletions,
  cutoffMs: number,
): Promise<number> {
  let swept = 0;
  let after = '';
  for (;;) {
    // Read outside of the transaction: looking for stale rows among a million fresh ones must not hold a writer back.
    const page = () => connection.statement(STALE_PAGE).pluck().all({ after, cutoffMs });
    const keys = (await connection.read('sweep', page)) as string[];
    const last = keys.at(-1);
    if (last === undefined) return swept;
    after = last;
    swept += await deletions.deleteEach(keys, (key) => {
      return connection.statement(DELETE_STALE).run({ key, cutoffMs }).changes;
    });
  }
}

/** Deletes a row that still is as it was read. @returns how many rows that were */
export function deleteUnchanged(
  connection: MapConnection,
  { key, sessionId, lastUsedAtMs }: Omit<UncheckedResumeRow, 'createdAtMs'>,
): number {
  return connection.statement(DELETE_UNCHANGED).run({ key, sessionId, lastUsedAtMs }).changes;
}
