/** A file of rows that an older host has left beside its new database: read whole, and set aside once its rows are in there. */

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
import { errorCode, OperatingError, operatingError } from '../../errors.ts';

export interface OldFile<Row> {
  readonly rows: readonly Row[];
  /** Which file it was: a second import of the same one is none. */
  readonly identity: string;
}

/**
 * Reads the whole file.
 * @returns undefined where there is none
 * @throws OperatingError (`bad-data`) where it is none that `parse` takes; (`io`, `unavailable`) where it cannot be read
 */
export function readOldFile<Row>(
  path: string,
  bytesMax: number,
  parse: (bytes: Uint8Array) => readonly Row[],
): OldFile<Row> | undefined {
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
    if (before.size > bytesMax) throw malformed(path, `it is larger than ${bytesMax} bytes`);
    const bytes = readFileSync(fd);
    const identity = fileIdentity(fstatSync(fd, { bigint: true }));
    const standing = identityOf(path);
    // Another process has imported it and set it aside meanwhile.
    if (standing === undefined) return undefined;
    if (identity !== fileIdentity(before) || standing !== identity) {
      throw malformed(path, 'it was changed while it was read');
    }
    return { rows: parse(bytes), identity };
  } catch (error) {
    throw operatingError('io', `read ${path}`, error);
  } finally {
    closeSync(fd);
  }
}

/**
 * Renames to `.bak`, or the next free name. The caller holds the write lock of the database, so that no other process of ours
 * takes the name in between; an old host that puts a new file in place in that instant gets it back.
 */
export function setAside(path: string, identity: string): void {
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

/** Undefined where there is none. */
export function identityOf(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && fileIdentity(stats);
}

function fileIdentity(stats: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint }): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}`;
}

export function malformed(path: string, fault: string): OperatingError {
  return new OperatingError('bad-data', `read ${path}: ${fault}`);
}
