/** The tables of the resume map in PostgreSQL, which are those of the one in SQLite, with the host that holds each transcript. */

import { OperatingError } from '../../errors.ts';
import { checkPostgresVersion, hasTable, migratePostgres } from '../../postgres/migrate.ts';
import type { PostgresTransaction } from '../../postgres/postgres-database.ts';
import {
  COUNTERS_TABLE,
  DEAD_TURNS_TABLE,
  LEASES_TABLE,
  SESSIONS_TABLE,
  SETTINGS_TABLE,
  VERSION_TABLE,
} from '../schema.ts';

/**
 * Each entry brings the database one version further. Append; never edit. Texts are compared and ordered by their bytes, whatever the
 * collation of the database.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE ${SESSIONS_TABLE} (
     key TEXT COLLATE "C" PRIMARY KEY,
     session_id TEXT COLLATE "C" NOT NULL,
     last_used_at BIGINT NOT NULL,
     created_at BIGINT NOT NULL,
     host TEXT COLLATE "C",
     claude_dir TEXT COLLATE "C"
   );
   CREATE INDEX ${SESSIONS_TABLE}_by_session_id ON ${SESSIONS_TABLE} (lower(session_id));
   CREATE TABLE ${COUNTERS_TABLE} (name TEXT COLLATE "C" PRIMARY KEY, value BIGINT NOT NULL);
   CREATE TABLE ${SETTINGS_TABLE} (name TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL);
   CREATE TABLE ${LEASES_TABLE} (
     key TEXT COLLATE "C" PRIMARY KEY,
     holder TEXT NOT NULL,
     process TEXT NOT NULL,
     expires_at BIGINT NOT NULL
   );
   CREATE TABLE ${DEAD_TURNS_TABLE} (key TEXT COLLATE "C" PRIMARY KEY, session_id TEXT NOT NULL, turns BIGINT NOT NULL)`,
];

/** What a host does with the first call. */
export function makeMap(transaction: PostgresTransaction): Promise<void> {
  return migratePostgres(transaction, VERSION_TABLE, MIGRATIONS);
}

/**
 * What the worker does instead: it makes nothing, since a map that is not there must never read as one in which nothing is live.
 * @throws OperatingError `config`, and `bad-data` where the schema comes from a newer release
 */
export async function findMap(transaction: PostgresTransaction): Promise<void> {
  if (!(await hasTable(transaction, SESSIONS_TABLE))) {
    throw new OperatingError('config', `it holds no table ${SESSIONS_TABLE}: a host makes it with its first call`);
  }
  await checkPostgresVersion(transaction, VERSION_TABLE, MIGRATIONS);
}

/** Whatever else a deletion from the table would change. */
const OBSTACLE = `
  SELECT 'its trigger ' || tgname AS what FROM pg_trigger
   WHERE tgrelid = to_regclass('${SESSIONS_TABLE}') AND NOT tgisinternal AND tgtype & 8 <> 0 AND tgenabled <> 'D'
  UNION ALL
  SELECT 'its rule ' || rulename FROM pg_rewrite
   WHERE ev_class = to_regclass('${SESSIONS_TABLE}') AND ev_type = '4' AND ev_enabled <> 'D'
  UNION ALL
  SELECT 'the foreign key ' || conname FROM pg_constraint
   WHERE confrelid = to_regclass('${SESSIONS_TABLE}') AND contype = 'f' AND confdeltype NOT IN ('a', 'r')
  LIMIT 1`;

export async function deletionObstacle(transaction: PostgresTransaction): Promise<string | undefined> {
  const [found] = await transaction.rows<{ what: string }>(OBSTACLE);
  return found === undefined ? undefined : `${found.what} acts on each deletion`;
}
