/** The tables of the session store in SQLite: how ours are made, and how another program's are told from them. */

import { OperatingError } from '../errors.ts';
import type { SqliteDatabase } from '../sqlite/open.ts';

export const ENTRIES_TABLE = 'claude_session_entries';
export const STORED_TABLE = 'claude_session_stored';
/** Sessions that are purged, and whose entries go little by little; none of them is stored any more. */
export const PURGED_TABLE = 'claude_session_purged';
export const STORE_VERSION_TABLE = 'claude_session_entries_versions';

/** Each entry brings the database one version further. Append; never edit. */
export const STORE_MIGRATIONS: readonly string[] = [
  `CREATE TABLE ${ENTRIES_TABLE} (
     id INTEGER PRIMARY KEY,
     project_key TEXT NOT NULL,
     session_id TEXT NOT NULL,
     subpath TEXT NOT NULL DEFAULT '',
     uuid TEXT,
     entry TEXT NOT NULL,
     created_at INTEGER NOT NULL
   );
   CREATE INDEX ${ENTRIES_TABLE}_by_key ON ${ENTRIES_TABLE} (project_key, session_id, subpath, id);
   CREATE UNIQUE INDEX ${ENTRIES_TABLE}_by_uuid ON ${ENTRIES_TABLE} (project_key, session_id, subpath, uuid)
     WHERE uuid IS NOT NULL;
   CREATE TABLE ${STORED_TABLE} (
     project_key TEXT NOT NULL,
     session_id TEXT NOT NULL,
     mtime INTEGER NOT NULL,
     last_used_at INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     has_main INTEGER NOT NULL,
     summary TEXT,
     trashed_at INTEGER,
     trash_reason TEXT,
     PRIMARY KEY (project_key, session_id)
   ) WITHOUT ROWID;
   CREATE INDEX ${STORED_TABLE}_by_session ON ${STORED_TABLE} (session_id);
   CREATE TABLE ${PURGED_TABLE} (
     project_key TEXT NOT NULL,
     session_id TEXT NOT NULL,
     bytes INTEGER NOT NULL,
     trashed_at INTEGER NOT NULL,
     PRIMARY KEY (project_key, session_id)
   ) WITHOUT ROWID;`,
];

/**
 * Another program's adapter may have made a table of the same name: its columns mean something else.
 * @throws OperatingError `config`
 */
export function throwIfForeign(database: SqliteDatabase): void {
  const tables = database
    .prepare(`SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name IN (?, ?)`)
    .pluck()
    .all(ENTRIES_TABLE, STORED_TABLE);
  if (!tables.includes(ENTRIES_TABLE) || tables.includes(STORED_TABLE)) return;
  throw new OperatingError(
    'config',
    `open session store ${database.name}: its table ${ENTRIES_TABLE} was made by another program; give a file of its own`,
  );
}
