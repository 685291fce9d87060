/** The tables of the resume map in SQLite: how ours are made, and how a host's own are checked. */

import { OperatingError } from '../errors.ts';
import type { SqliteDatabase } from '../sqlite/open.ts';

export const SESSIONS_TABLE = 'claude_sdk_sessions';
export const COUNTERS_TABLE = 'claude_sdk_session_counters';
export const IMPORTS_TABLE = 'claude_sdk_session_imports';
export const IDENTITY_TABLE = 'claude_sdk_sessions_identity';
export const LEASES_TABLE = 'claude_sdk_session_leases';
export const DEAD_TURNS_TABLE = 'claude_sdk_session_dead_turns';
export const SETTINGS_TABLE = 'claude_sdk_session_settings';
export const VERSION_TABLE = 'claude_sdk_sessions_versions';

const CREATE_COUNTERS = `CREATE TABLE IF NOT EXISTS ${COUNTERS_TABLE} (name TEXT PRIMARY KEY, value INTEGER NOT NULL)`;

const CREATE_SETTINGS = `CREATE TABLE IF NOT EXISTS ${SETTINGS_TABLE} (name TEXT PRIMARY KEY, value TEXT NOT NULL)`;

/** Each entry brings the default database one version further. Append; never edit. */
export const RESUME_MAP_MIGRATIONS: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS ${SESSIONS_TABLE} (
     key TEXT PRIMARY KEY,
     session_id TEXT NOT NULL,
     last_used_at INTEGER NOT NULL,
     created_at INTEGER NOT NULL
   );
   CREATE INDEX IF NOT EXISTS ${SESSIONS_TABLE}_by_session_id ON ${SESSIONS_TABLE} (session_id COLLATE NOCASE);
   ${CREATE_COUNTERS};
   CREATE TABLE IF NOT EXISTS ${IMPORTS_TABLE} (file_identity TEXT PRIMARY KEY, imported_at INTEGER NOT NULL);`,
  `CREATE TABLE ${IDENTITY_TABLE} (identity TEXT NOT NULL);
   INSERT INTO ${IDENTITY_TABLE} VALUES (lower(hex(randomblob(16))));`,
  `CREATE TABLE ${LEASES_TABLE} (
     key TEXT PRIMARY KEY,
     holder TEXT NOT NULL,
     process TEXT NOT NULL,
     expires_at INTEGER NOT NULL
   );`,
  `CREATE TABLE ${DEAD_TURNS_TABLE} (key TEXT PRIMARY KEY, session_id TEXT NOT NULL, turns INTEGER NOT NULL);`,
  `${CREATE_SETTINGS};`,
];

/** For copies in memory: holds whatever a host's table holds, as it is. */
export const PREVIEW_SCHEMA = `
  CREATE TABLE ${SESSIONS_TABLE} (key, session_id, last_used_at, created_at);
  CREATE UNIQUE INDEX ${SESSIONS_TABLE}_by_key ON ${SESSIONS_TABLE} (key);
  CREATE TABLE ${IMPORTS_TABLE} (file_identity TEXT PRIMARY KEY, imported_at INTEGER NOT NULL);
  ${CREATE_SETTINGS};`;

const REQUIRED_COLUMNS = ['key', 'session_id', 'last_used_at', 'created_at'];

/** @throws OperatingError (`config`) where the database does not hold a resume map: it must never read as “nothing is live” */
export function checkSessionsTable(database: SqliteDatabase): void {
  const columns = database.prepare(`SELECT name FROM pragma_table_info(?)`).pluck().all(SESSIONS_TABLE);
  const missing = REQUIRED_COLUMNS.filter((column) => !columns.includes(column));
  const fault = !hasTable(database, SESSIONS_TABLE)
    ? `it holds no table ${SESSIONS_TABLE}`
    : missing.length > 0
      ? `its table ${SESSIONS_TABLE} lacks ${missing.join(', ')}`
      : isKeyUnique(database)
        ? undefined
        : `the column key of its table ${SESSIONS_TABLE} is not unique`;
  if (fault !== undefined) throw new OperatingError('config', `open resume map ${database.name}: ${fault}`);
}

/** Whether a primary key or a unique index over all rows is of `key` alone. */
function isKeyUnique(database: SqliteDatabase): boolean {
  const primaryKey = database.prepare('SELECT name FROM pragma_table_info(?) WHERE pk > 0').pluck().all(SESSIONS_TABLE);
  if (primaryKey.join() === 'key') return true;
  const indexes = database
    .prepare('SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial')
    .pluck()
    .all(SESSIONS_TABLE);
  return indexes.some((index) => {
    return database.prepare('SELECT name FROM pragma_index_info(?)').pluck().all(index).join() === 'key';
  });
}

export function hasTable(database: SqliteDatabase, table: string): boolean {
  return database.prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?`).get(table) !== undefined;
}

/** A host's own database gets the table for counters at the first count, by the host's own hand. */
export function createCountersTable(database: SqliteDatabase): void {
  database.exec(CREATE_COUNTERS);
}

/** A host's own database gets the table for settings when the host opens it with an age, by the host's own hand. */
export function createSettingsTable(database: SqliteDatabase): void {
  database.exec(CREATE_SETTINGS);
}

/** The first trigger of a host's table that acts on deletions: what else it changes is nothing that a sweep may change. */
export function deleteTrigger(database: SqliteDatabase): string | undefined {
  const triggers = database
    .prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE`)
    .all(SESSIONS_TABLE) as { readonly name: string; readonly sql: string }[];
  return triggers.find(({ sql }) => /\bDELETE\s+ON\b/i.test(sql))?.name;
}
