/** Brings our tables in a PostgreSQL database to the newest schema, in one transaction, whoever comes first. */

import { OperatingError } from '../errors.ts';
import type { PostgresTransaction } from './postgres-database.ts';

/** One at a time: two that create a table at once would fail, `IF NOT EXISTS` or not. */
const LOCK = `SELECT pg_advisory_xact_lock(hashtextextended('claude_session_sweeper', 0))`;

/**
 * Applies what is missing of `migrations`, in order.
 * @throws OperatingError `bad-data` where the schema comes from a newer release; `config` where the database is not in UTF-8
 */
export async function migratePostgres(
  transaction: PostgresTransaction,
  versionTable: string,
  migrations: readonly string[],
): Promise<void> {
  await throwIfNotUtf8(transaction);
  if ((await appliedVersion(transaction, versionTable, migrations.length)) === migrations.length) return;
  await transaction.rows(LOCK);
  await transaction.change(
    `CREATE TABLE IF NOT EXISTS ${versionTable} (version INTEGER PRIMARY KEY, applied_at BIGINT NOT NULL)`,
  );
  const applied = await appliedVersion(transaction, versionTable, migrations.length);
  for (const [index, sql] of migrations.entries()) {
    if (index < applied) continue;
    await transaction.change(sql);
    await transaction.change(
      `INSERT INTO ${versionTable} (version, applied_at) VALUES ($1, floor(extract(epoch FROM clock_timestamp()) * 1000))`,
      index + 1,
    );
  }
}

/**
 * For a database that is only looked at, which is not migrated: an older schema is left to its hosts.
 * @throws OperatingError `bad-data` where the schema comes from a newer release
 */
export async function checkPostgresVersion(
  transaction: PostgresTransaction,
  versionTable: string,
  migrations: readonly string[],
): Promise<void> {
  await appliedVersion(transaction, versionTable, migrations.length);
}

/** A view of that name may show a part. */
export async function hasTable(transaction: PostgresTransaction, table: string): Promise<boolean> {
  const [row] = await transaction.rows<{ isThere: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM pg_class WHERE oid = to_regclass($1::text) AND relkind IN ('r', 'p')) AS "isThere"`,
    table,
  );
  return row?.isThere === true;
}

async function appliedVersion(transaction: PostgresTransaction, table: string, known: number): Promise<number> {
  if (!(await hasTable(transaction, table))) return 0;
  const [row] = await transaction.rows<{ version: number | null }>(`SELECT max(version) AS version FROM ${table}`);
  const applied = row?.version ?? 0;
  if (applied <= known) return applied;
  throw new OperatingError(
    'bad-data',
    `the schema of ${table} is version ${applied}, this release knows ${known} at the most`,
  );
}

async function throwIfNotUtf8(transaction: PostgresTransaction): Promise<void> {
  const [row] = await transaction.rows<{ encoding: string }>(`SELECT current_setting('server_encoding') AS encoding`);
  if (row?.encoding === 'UTF8') return;
  throw new OperatingError(
    'config',
    `the database is in ${row?.encoding}, which does not hold every text: it must be in UTF8`,
  );
}
