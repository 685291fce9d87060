/** Which sessions of a store each host protects, written beside the store: what one host alone knows to be wanted goes by no other's hand. */

import type { SessionId } from '../claude-dir/session-id.ts';
import type { PostgresTransaction } from '../postgres/postgres-database.ts';
import { NOW_MS, textArray } from '../postgres/sql-text.ts';

/** Of the versions of the trash beside the same store. */
export function keptMigration(kept: string): string {
  return `CREATE TABLE ${kept} (
       session_id TEXT NOT NULL,
       host TEXT NOT NULL,
       told_at BIGINT NOT NULL,
       PRIMARY KEY (session_id, host)
     )`;
}

/** Replaces all that the host has said before. What a host that is gone has said goes on to protect. */
export async function tellKept(
  transaction: PostgresTransaction,
  kept: string,
  host: string,
  sessionIds: readonly SessionId[],
): Promise<void> {
  const ids = textArray(sessionIds);
  await transaction.change(
    `DELETE FROM ${kept} WHERE host = $1::text AND session_id <> ALL ($2::text::text[])`,
    host,
    ids,
  );
  await transaction.change(
    `INSERT INTO ${kept} (session_id, host, told_at) SELECT id, $1::text, ${NOW_MS} FROM unnest($2::text::text[]) AS given (id)
     ON CONFLICT (session_id, host) DO UPDATE SET told_at = excluded.told_at`,
    host,
    ids,
  );
}

/** A condition: no other host protects the session that `of` names. @param host the number of its parameter, e.g. `$5` */
export function isKeptByNone(kept: string, of: string, host: string): string {
  return `NOT EXISTS (SELECT 1 FROM ${kept} AS kept WHERE kept.session_id = ${of}.session_id AND kept.host <> ${host}::text)`;
}
