/** Brings the threads of an old host's JSON file into its database: whole or not at all, and no fault of the file keeps a host from starting. */

import { isAbsolute, parse as parsePath } from 'node:path';
import { OperatingError } from '../errors.ts';
import { shownValue } from '../format/shown-text.ts';
import { identityOf, type OldFile, readOldFile, setAside } from '../resume-map/import/old-file.ts';
import { guarded, type SqliteDatabase } from '../sqlite/open.ts';
import { parseLegacyRows } from './legacy-rows.ts';
import type { WrittenRow } from './rows.ts';
import { COLUMNS } from './schema.ts';

/** Far more than a hundred thousand threads. */
const FILE_BYTES_MAX = 64 * 2 ** 20;
const INSERT = `INSERT OR IGNORE INTO sessions (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map((column) => `@${column}`).join(', ')})`;

/**
 * The files beside a database that may hold its threads: `threads.json` and `threads.db.json` beside `threads.db`.
 * @param databasePath absolute
 */
export function legacyPaths(databasePath: string): readonly string[] {
  const { dir, name } = parsePath(databasePath);
  const instead = `${dir === '/' ? '' : dir}/${name}.json`;
  return [...new Set([instead, `${databasePath}.json`])].filter((path) => path !== databasePath && isAbsolute(path));
}

/**
 * Imports each of them that is there and renames it to `.bak`, or the next free name. Killed in between, the next start finds the rows in
 * the database and ends the renaming.
 * @param onWarning is told what keeps a file from being imported or renamed; it stays as it is
 */
export function importLegacyJson(database: SqliteDatabase, onWarning: (message: string) => void): void {
  for (const path of legacyPaths(database.name)) {
    const file = attempt(
      () => readOldFile(path, FILE_BYTES_MAX, (bytes) => parseLegacyRows(bytes, path)),
      (fault) => onWarning(`the threads of ${path} are not imported: ${fault}`),
    );
    if (file === undefined) continue;
    const isImported = attempt(
      () => guarded(database.name, 'import threads into', () => insertAll(database, path, file)),
      (fault) => onWarning(`the threads of ${path} are not imported: ${fault}`),
    );
    if (isImported !== true) continue;
    attempt(
      // Under the lock, so that no other process of ours takes the name for the backup meanwhile.
      () => guarded(database.name, 'lock', () => database.transaction(() => setAside(path, file.identity)).immediate()),
      (fault) => onWarning(`the threads of ${path} are imported, and it cannot be renamed: ${fault}`),
    );
  }
}

/** @returns undefined where it has failed, and that was told */
function attempt<T>(act: () => T, onFault: (fault: string) => void): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    onFault(error.message);
    return undefined;
  }
}

/** In one transaction. */
function insertAll(database: SqliteDatabase, path: string, file: OldFile<WrittenRow>): true {
  const insert = database.prepare(INSERT);
  const isThere = database.prepare('SELECT 1 FROM sessions WHERE thread_ts = ?');
  const insertEach = database.transaction(() => {
    // Another process has imported it, and its host may have deleted some of the rows since.
    if (identityOf(path) !== file.identity) return;
    for (const row of file.rows) {
      // IGNORE would pass over a rule of the host's own table, too.
      if (insert.run(row).changes === 1 || isThere.get(row.thread_ts) !== undefined) continue;
      throw new OperatingError('bad-data', `its table does not take the thread ${shownValue(row.thread_ts)}`);
    }
  });
  insertEach.immediate();
  return true;
}
