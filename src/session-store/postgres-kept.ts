/** Which sessions of a store each host protects, written beside the store: what one host alone knows to be wanted goes by no other's hand. */

import type { SessionId } from '../claude-dir/session-id.ts';
import type { PostgresTransaction } from '../postgres/postgres-database.ts';
import { NOW_MS, textArray } from '../postgres/sql-text.ts';

const DAY_MS = 24 * 60 * 60_000;
const SILENT_MS = 2 * DAY_MS;
const FORGOTTEN_MAX = 1_000;

/** Of the versions of the trash beside the same store. */
export function keptMigration(kept: string): string {
  return `CREATE TABLE ${kept} (
       session_id TEXT NOT NULL,
       host TEXT NOT NULL,
       told_at BIGINT NOT NULL,
       PRIMARY KEY (session_id, host)
     )`;
}

/**
 * Appended later: a word has an end. One that was given before it had one counts for as long as that of a host that prunes on some days of
 * a month.
 */
export function keptUntilMigration(kept: string): string {
  return `ALTER TABLE ${kept} ADD COLUMN counts_until BIGINT NOT NULL DEFAULT (${NOW_MS} + ${250 * DAY_MS})`;
}

export interface SilentHost {
  readonly host: string;
  readonly sessions: number;
  readonly toldAtMs: number;
  readonly countsUntilMs: number;
}

/** Replaces all that the host has said before. What a host that is gone has said last protects for `wordMs`, by the server's clock. */
export async function tellKept(
  transaction: PostgresTransaction,
  kept: string,
  host: string,
  sessionIds: readonly SessionId[],
  wordMs: number,
): Promise<void> {
  const ids = textArray(sessionIds);
  await transaction.change(
    `DELETE FROM ${kept} WHERE host = $1::text AND session_id <> ALL ($2::text::text[])`,
    host,
    ids,
  );
  await transaction.change(
    `INSERT INTO ${kept} (session_id, host, told_at, counts_until)
     SELECT id, $1::text, now.ms, now.ms + $3::bigint
     FROM unnest($2::text::text[]) AS given (id) CROSS JOIN (SELECT ${NOW_MS} AS ms) AS now
     ON CONFLICT (session_id, host) DO UPDATE SET told_at = excluded.told_at, counts_until = excluded.counts_until`,
    host,
    ids,
    wordMs,
  );
}

/** Deletes what has had its time, so many at a time. @returns whether there may be more */
export async function forgetKept(transaction: PostgresTransaction, kept: string): Promise<boolean> {
  const gone = await transaction.change(
    `DELETE FROM ${kept} AS gone USING (SELECT session_id, host FROM ${kept} WHERE counts_until <= ${NOW_MS} LIMIT ${FORGOTTEN_MAX}) AS over
     WHERE gone.session_id = over.session_id AND gone.host = over.host AND gone.counts_until <= ${NOW_MS}`,
  );
  return gone === FORGOTTEN_MAX;
}

/** Hosts that have said nothing for more than two days, and whose word counts still; the longest silent first. */
export async function silentHosts(transaction: PostgresTransaction, kept: string): Promise<readonly SilentHost[]> {
  // Where it is only looked at, a table of an older release is as it was.
  const [column] = await transaction.rows<{ isThere: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1::text) AND attname = 'counts_until') AS "isThere"`,
    kept,
  );
  if (column?.isThere !== true) return [];
  return transaction.rows<SilentHost>(
    `SELECT host, count(*)::int AS sessions, max(told_at) AS "toldAtMs", max(counts_until) AS "countsUntilMs" FROM ${kept}
     WHERE counts_until > ${NOW_MS} GROUP BY host HAVING max(told_at) < ${NOW_MS} - ${SILENT_MS} ORDER BY max(told_at), host`,
  );
}

/** A condition: no other host protects the session that `of` names. @param host the number of its parameter, e.g. `$5` */
export function isKeptByNone(kept: string, of: string, host: string): string {
  return `NOT EXISTS (SELECT 1 FROM ${kept} AS kept WHERE kept.session_id = ${of}.session_id
    AND kept.host <> ${host}::text AND kept.counts_until > ${NOW_MS})`;
}
