/** Brings the rows of an old host's `sessions.json` into the resume map: once, whole or not at all. */

import { guarded, openExistingDatabase, type SqliteDatabase } from '../../sqlite/open.ts';
import { IMPORTS_TABLE, SESSIONS_TABLE } from '../schema.ts';
import { byKey, type ImportedRow } from './imported-rows.ts';
import { type OldFile, readOldFile, setAside } from './old-file.ts';
import { parseSessionsJson } from './sessions-json-text.ts';

export type SessionsJson = OldFile<ImportedRow>;

/** Half a million rows; more is no resume map. Reading takes nine times the file's size in memory. */
const FILE_BYTES_MAX = 64 * 2 ** 20;
/** The cache of the import's connection: with the default, many rows are written in three times the time. */
const IMPORT_CACHE_KIB = 65_536;

/**
 * Reads and checks the whole file.
 * @returns undefined where there is none
 * @throws OperatingError (`bad-data`) naming line and column; (`io`, `unavailable`) where it cannot be read
 */
export function readSessionsJson(path: string, defaultForge: string): SessionsJson | undefined {
  return readOldFile(path, FILE_BYTES_MAX, (bytes) => parseSessionsJson(bytes, path, defaultForge));
}

/**
 * Imports `sessions.json` into a database of ours and renames the file to `sessions.json.bak`.
 * Idempotent and safe when killed at any point: rows and the mark of the imported file come in one transaction, so that
 * a second try neither doubles nor revives anything.
 * @returns the number of rows that were new
 */
export function importSessionsJson(databasePath: string, path: string, defaultForge: string, nowMs: number): number {
  const file = readSessionsJson(path, defaultForge);
  if (file === undefined) return 0;
  const database = openExistingDatabase(databasePath);
  try {
    database.pragma(`cache_size = -${IMPORT_CACHE_KIB}`);
    const added = guarded(databasePath, 'import sessions.json into', () => insertOnce(database, file, nowMs));
    database.transaction(() => setAside(path, file.identity)).immediate();
    return added;
  } finally {
    database.close();
  }
}

/** Inserts the rows of the file, unless it has been imported before. @returns the number of rows that were new */
export function insertOnce(database: SqliteDatabase, file: SessionsJson, nowMs: number): number {
  const mark = database.prepare(`INSERT OR IGNORE INTO ${IMPORTS_TABLE} (file_identity, imported_at) VALUES (?, ?)`);
  const insert = database.prepare(
    `INSERT OR IGNORE INTO ${SESSIONS_TABLE} (key, session_id, last_used_at, created_at) VALUES (?, ?, ?, ?)`,
  );
  // In the order of the table's own index, which is then written once, from its beginning to its end. Equal keys keep theirs.
  const rows = file.rows.toSorted(byKey);
  return database
    .transaction(() => {
      if (mark.run(file.identity, nowMs).changes === 0) return 0;
      let added = 0;
      for (const row of rows) {
        added += insert.run(row.key, row.sessionId, row.lastUsedAtMs, row.lastUsedAtMs).changes;
      }
      return added;
    })
    .immediate();
}
