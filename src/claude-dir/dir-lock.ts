/**
 * One lock per Claude directory, over processes and containers, that dies with its holder on whatever death: SQLite's lock
 * on an empty file in the directory. The kernel gives it back when the process is gone.
 */

import { accessSync, closeSync, constants, readdirSync, statSync } from 'node:fs';
import { errorCode, OperatingError, operatingError } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, displayName, fixedName } from '../files/byte-name.ts';
import { openDatabase, type SqliteDatabase } from '../sqlite/binding.ts';
import { isBusyCode } from '../sqlite/open.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { SWEEPER_DIRECTORY } from './layout.ts';
import { withOwnRemedy } from './own-remedy.ts';
import { describeWorker, readWorkerRecord } from './worker-record.ts';

/** `run`: held while a job works. `worker`: held by a daemon as long as it lives. */
export type LockName = 'run' | 'worker';

/** Somebody may be asking whether it is held, which takes microseconds. */
const LOOK_WAIT_MS = 100;

const LOCK_FILES: Readonly<Record<LockName, ByteName>> = {
  run: fixedName('run.lock'),
  worker: fixedName('worker.lock'),
};

/** Which directories are locked, as `ClaudeDir.identity` tells them, in the order of their names. */
export type LockedDirs = readonly string[];

export interface DirLock {
  readonly directories: LockedDirs;
  release(): void;
}

/**
 * Takes the lock at once or not at all.
 * @throws OperatingError `locked` where another holds it; `io` where the directory cannot be written
 */
export function acquireDirLock(claudeDir: ClaudeDir, name: LockName): DirLock {
  const action = `lock Claude directory ${displayName(claudeDir.path)}`;
  try {
    const ours = claudeDir.root.openOrMakeChild(SWEEPER_DIRECTORY);
    try {
      return { directories: [claudeDir.identity], release: lockFile(ours, LOCK_FILES[name]) };
    } finally {
      ours.close();
    }
  } catch (error) {
    if (isBusyCode(error)) {
      const holder = name === 'worker' ? otherWorker(claudeDir) : 'another run is at work in it';
      throw new OperatingError('locked', `${action}: ${holder}`, { cause: error });
    }
    throw operatingError('io', action, withOwnRemedy(claudeDir, error));
  }
}

/** Its record may not be written yet, or may never be: then it is told without. */
function otherWorker(claudeDir: ClaudeDir): string {
  const worker = readWorkerRecord(claudeDir);
  return `another worker runs on it${worker === undefined ? '' : ` (${describeWorker(worker)})`}`;
}

/** For a moment, the lock is shared; whoever takes it meanwhile waits for that. @returns undefined where it cannot be asked */
export function isDirLocked(claudeDir: ClaudeDir, name: LockName): boolean | undefined {
  try {
    const ours = claudeDir.root.openChild(SWEEPER_DIRECTORY);
    try {
      const file = LOCK_FILES[name];
      if (ours.lstat(file)?.isFile() !== true) return false;
      const database = openDatabase(lockPath(ours, file), { readonly: true, fileMustExist: true, timeout: 0 });
      try {
        database.prepare('SELECT 1 FROM sqlite_schema').get();
        return false;
      } finally {
        database.close();
      }
    } finally {
      ours.close();
    }
  } catch (error) {
    if (isBusyCode(error)) return true;
    return errorCode(error) === 'ENOENT' ? false : undefined;
  }
}

function lockPath(ours: AnchoredDir, file: ByteName): string {
  return Buffer.from(`${ours.currentPath()}/${file}`, 'latin1').toString('utf8');
}

/** @returns gives the lock back */
function lockFile(ours: AnchoredDir, file: ByteName): () => void {
  makeFile(ours, file);
  // SQLite takes a path; it may neither make the file nor follow a link at its end, and nothing is ever written to it.
  const path = lockPath(ours, file);
  // On a read-only file system SQLite would open it for reading, and its lock would exclude nobody.
  accessSync(path, constants.W_OK);
  const database = openDatabase(path, { fileMustExist: true, timeout: LOOK_WAIT_MS });
  try {
    throwIfRedirected(ours, file);
    // Keeps the lock's journal in memory: no second file comes and goes beside it.
    database.pragma('journal_mode = MEMORY');
    database.exec('BEGIN EXCLUSIVE');
    return () => releaseOnce(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Never opens a file that is there: closing any descriptor of it would give back a lock this process holds on it. */
function makeFile(ours: AnchoredDir, file: ByteName): void {
  const stats = ours.lstat(file);
  if (stats?.isFile()) return;
  if (stats !== undefined) throw new OperatingError('unsafe-root', `lock: ${file} is not a regular file`);
  try {
    const fd = ours.openFile(file, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      ours.giveTo(ours, fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

/**
 * SQLite went by the path, and what stands on it may have been swapped in that moment. It touches a file with its first
 * statement only; so this looks before, at the descriptors themselves, since opening any of them could give back a lock.
 */
function throwIfRedirected(ours: AnchoredDir, file: ByteName): void {
  const expected = ours.lstat(file);
  const isOpen = readdirSync('/proc/self/fd').some((fd) => {
    const opened = statSync(`/proc/self/fd/${fd}`, { throwIfNoEntry: false });
    return opened !== undefined && opened.ino === expected?.ino && opened.dev === expected.dev;
  });
  if (!isOpen) throw new OperatingError('unsafe-root', `lock: ${file} was exchanged while it was opened`);
}

function releaseOnce(database: SqliteDatabase): void {
  if (database.open) database.close();
}

/** Of several that lead to the same sessions one is worked in: the one whose own they are, as only that sees all that they have. */
export function distinctPlaces(claudeDirs: readonly ClaudeDir[]): ClaudeDir[] {
  const chosen = new Map<string, ClaudeDir>();
  for (const claudeDir of claudeDirs) {
    const other = chosen.get(claudeDir.identity);
    if (other === undefined || (other.link !== undefined && claudeDir.link === undefined)) {
      chosen.set(claudeDir.identity, claudeDir);
    }
  }
  return claudeDirs.filter((claudeDir) => chosen.get(claudeDir.identity) === claudeDir);
}

/** All of them or none: what was taken is given back where one of the later ones is held by another. */
export function acquireDirLocks(claudeDirs: readonly ClaudeDir[], name: LockName): DirLock {
  const locks: DirLock[] = [];
  const release = () => {
    for (const lock of locks.splice(0).reverse()) lock.release();
  };
  try {
    for (const claudeDir of distinctPlaces(claudeDirs)) locks.push(acquireDirLock(claudeDir, name));
  } catch (error) {
    release();
    throw error;
  }
  return { directories: locks.flatMap((lock) => lock.directories), release };
}
