/** Brings the rows of an old host's `sessions.json` into the resume map: once, whole or not at all. */

import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import { errorCode, operatingError } from '../../errors.ts';
import { guarded, openExistingDatabase, type SqliteDatabase } from '../../sqlite/open.ts';
import { IMPORTS_TABLE, SESSIONS_TABLE } from '../schema.ts';
import { byKey, type ImportedRow } from './imported-rows.ts';
import { malformed, parseSessionsJson } from './sessions-json-text.ts';

export interface SessionsJson {
  readonly rows: readonly ImportedRow[];
  /** Which file it was: a second import of the same one is none. */
  readonly identity: string;
}

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
  let fd: number;
  try {
    // Not blocking: the name may be a FIFO's.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    if (errorCode(error) === 'ELOOP') throw malformed(path, 'it is a symlink');
    throw operatingError('unavailable', `read ${path}`, error);
  }
  try {
    const before = fstatSync(fd, { bigint: true });
    if (!before.isFile()) throw malformed(path, 'it is not a regular file');
    if (before.size > FILE_BYTES_MAX) throw malformed(path, `it is larger than ${FILE_BYTES_MAX} bytes`);
    const bytes = readFileSync(fd);
    const identity = fileIdentity(fstatSync(fd, { bigint: true }));
    const standing = identityOf(path);
    // Another process has imported it and set it aside meanwhile.
    if (standing === undefined) return undefined;
    if (identity !== fileIdentity(before) || standing !== identity) {
      throw malformed(path, 'it was changed while it was read');
    }
    return { rows: parseSessionsJson(bytes, path, defaultForge), identity };
  } catch (error) {
    throw operatingError('io', `read ${path}`, error);
  } finally {
    closeSync(fd);
  }
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

/**
 * Renames to `.bak`, or the next free name. The caller holds the write lock of the database, so that no other process of ours
 * takes the name in between; an old host that puts a new file in place in that instant gets it back.
 */
function setAside(path: string, identity: string): void {
  // A new file under the old name, or none any more: another process has set it aside.
  if (identityOf(path) !== identity) return;
  let backup = `${path}.bak`;
  for (let suffix = 1; ![undefined, identity].includes(identityOf(backup)); suffix += 1)
    backup = `${path}.bak.${suffix}`;
  try {
    // A rename onto another name of the same file does nothing.
    if (identityOf(backup) === identity) unlinkSync(path);
    else renameSync(path, backup);
    if (identityOf(backup) === identity) return;
    linkSync(backup, path);
    unlinkSync(backup);
  } catch (error) {
    throw operatingError('io', `rename ${path}`, error);
  }
}

function identityOf(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && fileIdentity(stats);
}

function fileIdentity(stats: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint }): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}`;
}
