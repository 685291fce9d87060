/** The tables of the resume map in SQLite: how ours are made, and how a host's own are checked. */

import { OperatingError } from '../errors.ts';
import type { SqliteDatabase } from '../sqlite/open.ts';
import type { MapTable } from './map-table.ts';

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

export const RESUME_MAP_TABLE: MapTable = {
  what: 'resume map',
  name: SESSIONS_TABLE,
  columns: ['key', 'session_id', 'last_used_at', 'created_at'],
  key: 'key',
  sessionId: 'session_id',
  lastUsedAtMs: 'last_used_at',
  createdAtMs: 'created_at',
  isOthers: '0',
  lastUsed: { column: 'last_used_at', valueOf: (timeMs) => timeMs },
};

/** @throws OperatingError (`config`) where the database does not hold such a map: it must never read as “nothing is live” */
export function checkMapTable(database: SqliteDatabase, table: MapTable): void {
  const { what, name, key } = table;
  const columns = database.prepare(`SELECT name FROM pragma_table_info(?)`).pluck().all(name);
  const missing = table.columns.filter((column) => !columns.includes(column));
  const fault = !hasTable(database, name)
    ? `it holds no table ${name}`
    : missing.length > 0
      ? `its table ${name} lacks ${missing.join(', ')}`
      : isKeyUnique(database, table)
        ? undefined
        : `the column ${key} of its table ${name} is not unique`;
  if (fault !== undefined) throw new OperatingError('config', `open ${what} ${database.name}: ${fault}`);
}

/** Whether a primary key or a unique index over all rows is of the key alone. */
function isKeyUnique(database: SqliteDatabase, { name, key }: MapTable): boolean {
  const primaryKey = database.prepare('SELECT name FROM pragma_table_info(?) WHERE pk > 0').pluck().all(name);
  if (primaryKey.join() === key) return true;
  const indexes = database
    .prepare('SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial')
    .pluck()
    .all(name);
  return indexes.some((index) => {
    return database.prepare('SELECT name FROM pragma_index_info(?)').pluck().all(index).join() === key;
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
export function deleteTrigger(database: SqliteDatabase, table: MapTable): string | undefined {
  const triggers = database
    .prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE`)
    .all(table.name) as { readonly name: string; readonly sql: string }[];
  return triggers.find(({ sql }) => /\bDELETE\s+ON\b/i.test(sql))?.name;
}
