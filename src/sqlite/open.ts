/** Opens SQLite files the one safe way: full synchronous writes, a bounded wait, and errors that an operator can read. */

import { chmodSync, linkSync, lstatSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BusyError, errorCode, errorMessage, OperatingError } from '../errors.ts';
import type { ErrorKind } from '../exit-codes.ts';
import { makeGivenFile } from '../files/given-away.ts';
import { makePrivateDirectory } from '../files/private-directory.ts';
import { isProcessAlive } from '../process/process-alive.ts';
import { openDatabase, type SqliteDatabase } from './binding.ts';

export type { SqliteDatabase, SqliteStatement } from './binding.ts';

/** Long enough for a busy host's transactions, short enough that a run is not held up for minutes. */
export const BUSY_TIMEOUT_MS = 5_000;

/** A file that should be a database and is damaged, or none. */
export class CorruptError extends OperatingError {
  constructor(message: string, options?: ErrorOptions) {
    super('bad-data', message, options);
    this.name = 'CorruptError';
  }
}

/** Opens a database that must be there already. Its journal mode is its owner's business. */
export function openExistingDatabase(path: string, options: { readonly busyTimeoutMs?: number } = {}): SqliteDatabase {
  throwIfMissingOrEmpty(path);
  return guarded(path, 'open', () => {
    const database = openDatabase(path, { fileMustExist: true, timeout: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS });
    // NORMAL loses committed rows of a WAL database at a power cut.
    database.pragma('synchronous = FULL');
    // The binding turns them on, SQLite does not: a deletion of ours must not reach into tables that the host's own never do.
    database.pragma('foreign_keys = OFF');
    return database;
  });
}

/** A database that is nowhere on disk. */
export function openDatabaseInMemory(): SqliteDatabase {
  return openDatabase(':memory:');
}

/**
 * Opens a database for reading so that no byte of it changes.
 * A plain read-only open leaves `-wal` and `-shm` files behind, and a read-write open checkpoints a WAL that a crash left.
 * So: a WAL with content is opened read-only, which never checkpoints; without one, a query-only connection cleans up after itself.
 */
export function openDatabaseForReading(
  path: string,
  { busyTimeoutMs = BUSY_TIMEOUT_MS }: { readonly busyTimeoutMs?: number } = {},
): SqliteDatabase {
  throwIfMissingOrEmpty(path);
  return guarded(path, 'open', () => {
    // SQLite keeps them beside the file itself, wherever a link to it lies.
    const file = realpathSync(path);
    const hasContent = (name: string) => (lstatSync(name, { throwIfNoEntry: false })?.size ?? 0) > 0;
    // A killed transaction's journal would be rolled back: read-only, that is refused.
    const readonly = hasContent(`${file}-wal`) || hasContent(`${file}-journal`);
    const database = openDatabase(path, { fileMustExist: true, readonly, timeout: busyTimeoutMs });
    database.pragma('query_only = ON');
    return database;
  });
}

/**
 * Opens a database of our own, making it first where there is none.
 * It is made whole under another name and then linked into place: so an empty file at `path` is never a half-made
 * database but one that something truncated, and is refused.
 * @param initialise creates the schema in the new file; later schema changes are the caller's migrations
 */
export function openOwnDatabase(
  path: string,
  initialise: (database: SqliteDatabase) => void,
  options: { readonly busyTimeoutMs?: number } = {},
): SqliteDatabase {
  guarded(path, 'create', () => {
    // A symlink that leads nowhere is something, too: opening it fails and says so.
    const isAbsent = () => lstatSync(path, { throwIfNoEntry: false }) === undefined;
    for (let attempt = 1; isAbsent(); attempt += 1) createOwnDatabase(path, initialise, attempt);
    removeAbandoned(path);
  });
  return openExistingDatabase(path, options);
}

/** Another container's process may take an unfinished file for abandoned; it does not do so again and again. */
const CREATE_ATTEMPTS_MAX = 3;
export const SIDE_FILES = ['', '-wal', '-shm', '-journal'];

function createOwnDatabase(path: string, initialise: (database: SqliteDatabase) => void, attempt: number): void {
  makePrivateDirectory(dirname(path));
  const unfinished = `${path}.new-${process.pid}-${process.hrtime.bigint()}`;
  try {
    makeGivenFile(unfinished);
    const database = openDatabase(unfinished, { timeout: BUSY_TIMEOUT_MS });
    try {
      // So that free pages can be given back later; once there is anything in it, it is too late for that.
      database.pragma('auto_vacuum = INCREMENTAL');
      database.pragma('journal_mode = WAL');
      database.pragma('synchronous = FULL');
      initialise(database);
      writeBack(database);
    } finally {
      database.close();
    }
    chmodSync(unfinished, 0o600);
    linkSync(unfinished, path);
  } catch (error) {
    const code = errorCode(error);
    // Another process made it in the meantime, and theirs is as good; or took ours away, and we begin again.
    if (attempt === CREATE_ATTEMPTS_MAX || (code !== 'EEXIST' && code !== 'ENOENT')) throw error;
  } finally {
    for (const suffix of SIDE_FILES) rmSync(unfinished + suffix, { force: true });
  }
}

/**
 * Brings everything from the WAL into the file, which alone gets the final name. Closing does so too, but is silent where it
 * cannot, on a full disk for one: what is linked then is no database.
 */
function writeBack(database: SqliteDatabase): void {
  const busy = database.pragma('wal_checkpoint(TRUNCATE)', { simple: true });
  if (busy !== 0) throw new BusyError(`create database ${database.name}: another process reads it already`);
}

/** Removes what a killed process left of a database that it was making. */
function removeAbandoned(path: string): void {
  const prefix = `${basename(path)}.new-`;
  for (const entry of readdirSync(dirname(path), { withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.startsWith(prefix)) continue;
    const pid = /^(\d+)-\d+(-wal|-shm|-journal)?$/.exec(entry.name.slice(prefix.length))?.[1];
    if (pid !== undefined && !isProcessAlive(Number(pid))) rmSync(join(dirname(path), entry.name), { force: true });
  }
}

/** The smallest page. SQLite takes a file of no or one byte for a new, empty database. */
const DATABASE_BYTES_MIN = 512;

function throwIfMissingOrEmpty(path: string): void {
  const stats = guarded(path, 'open', () => lstatSync(path, { throwIfNoEntry: false }));
  if (stats === undefined) throw new OperatingError('unavailable', `open database ${path}: there is no such file`);
  // What a symlink leads to counts here: SQLite follows it.
  const target = guarded(path, 'open', () => statSync(path, { throwIfNoEntry: false }));
  if (target?.isFile() && target.size < DATABASE_BYTES_MIN) {
    throw new CorruptError(`open database ${path}: the file is empty or cut off, so it has been truncated`);
  }
}

const KIND_BY_SQLITE_CODE: readonly (readonly [RegExp, ErrorKind])[] = [
  [/^SQLITE_(FULL|IOERR|READONLY)/, 'io'],
  [/^SQLITE_(CANTOPEN|PERM|AUTH|PROTOCOL|NOLFS|NOMEM)/, 'unavailable'],
  [/^(ENOSPC|EROFS|EIO|EDQUOT)$/, 'io'],
  [/^E[A-Z]+$/, 'unavailable'],
];

/** Runs a database call; what SQLite or the system reports becomes an OperatingError, programmer's errors pass as they are. */
export function guarded<T>(path: string, action: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw databaseError(path, action, error);
  }
}

export function databaseError(path: string, action: string, error: unknown): unknown {
  if (error instanceof OperatingError) return error;
  if (isClosedError(error))
    return new OperatingError('usage', `${action} database ${path}: it was closed`, { cause: error });
  const code = errorCode(error) ?? (isDirectoryMissing(error) ? 'ENOENT' : '');
  const message = `${action} database ${path}: ${errorMessage(error)} (${code})`;
  if (isBusyCode(error)) return new BusyError(message, { cause: error });
  if (/^SQLITE_(NOTADB|CORRUPT|FORMAT)/.test(code)) return new CorruptError(message, { cause: error });
  const kind = KIND_BY_SQLITE_CODE.find(([pattern]) => pattern.test(code))?.[1];
  if (kind === undefined) return error;
  return new OperatingError(kind, message, { cause: error });
}

/** better-sqlite3 looks for the directory itself, and takes one that has gone meanwhile for a mistake of its caller. */
function isDirectoryMissing(error: unknown): boolean {
  return error instanceof TypeError && error.message.endsWith('the directory does not exist');
}

/** Knows what better-sqlite3 says of a database that has been closed. */
function isClosedError(error: unknown): boolean {
  return error instanceof TypeError && error.message === 'The database connection is not open';
}

/** For a call that would need nothing of the database. @throws OperatingError `usage` */
export function throwIfClosed(database: SqliteDatabase): void {
  if (!database.open) throw new OperatingError('usage', `use database ${database.name}: it was closed`);
}

/** SQLite's own answer that another holds the lock. */
export function isBusyCode(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(errorCode(error) ?? '');
}

/**
 * Runs `act` while no other process does the same: under SQLite's lock on an empty file, which dies with its holder.
 * @throws OperatingError where another holds it for longer than the busy timeout
 */
export function withFileLock<T>(path: string, act: () => T): T {
  const lock = guarded(path, 'lock', () => openDatabase(path, { timeout: BUSY_TIMEOUT_MS }));
  try {
    guarded(path, 'lock', () => {
      lock.pragma('journal_mode = MEMORY');
      lock.exec('BEGIN EXCLUSIVE');
    });
    return act();
  } finally {
    lock.close();
  }
}
