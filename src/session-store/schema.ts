/** The tables of the session store in SQLite. */

export const ENTRIES_TABLE = 'claude_session_entries';
export const STORED_TABLE = 'claude_session_stored';
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
   CREATE INDEX ${STORED_TABLE}_by_session ON ${STORED_TABLE} (session_id);`,
];
