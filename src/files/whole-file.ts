/** Reads a file that another program writes: all of it, as it stood at one moment, or an error. */

import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { errorCode, OperatingError, operatingError } from '../errors.ts';
import { formatBytes } from '../format/byte-size.ts';

/** One that is written in place, and not by a rename, is at rest sooner or later. */
const ATTEMPTS = 5;
const READ_BYTES = 65_536;

/**
 * Follows symlinks: a host may well have laid one.
 * @returns its text
 * @throws OperatingError (`unavailable`, `io`) where it cannot be read; (`bad-data`) where it is no regular file, is larger, is no UTF-8,
 * or is written again and again while it is read
 */
export function readWholeFile(path: string, bytesMax: number): string {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const bytes = readOnce(path, bytesMax);
    if (bytes !== undefined) return decoded(path, bytes);
  }
  throw new OperatingError('bad-data', `read ${path}: it was changed while it was read`);
}

/** Undefined where it was written to meanwhile. */
function readOnce(path: string, bytesMax: number): Buffer | undefined {
  const fd = opened(path);
  try {
    const before = fstatSync(fd, { bigint: true });
    if (!before.isFile()) throw new OperatingError('bad-data', `read ${path}: it is no regular file`);
    const bytes = readUpTo(fd, bytesMax + 1);
    if (bytes.length > bytesMax) {
      throw new OperatingError('bad-data', `read ${path}: it is larger than ${formatBytes(bytesMax)}`);
    }
    const after = fstatSync(fd, { bigint: true });
    return versionOf(before) === versionOf(after) && after.size === BigInt(bytes.length) ? bytes : undefined;
  } catch (error) {
    throw operatingError('io', `read ${path}`, error);
  } finally {
    closeSync(fd);
  }
}

function opened(path: string): number {
  try {
    // Not blocking: the name may be a FIFO's.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const isMissing = errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR';
    if (isMissing) throw new OperatingError('unavailable', `read ${path}: there is no such file`, { cause: error });
    throw operatingError('unavailable', `read ${path}`, error);
  }
}

/** To its end, however long it has become since it was looked at. */
function readUpTo(fd: number, bytesMax: number): Buffer {
  const chunks: Buffer[] = [];
  let length = 0;
  while (length < bytesMax) {
    const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, bytesMax - length));
    const count = readSync(fd, chunk, 0, chunk.length, length);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    length += count;
  }
  return Buffer.concat(chunks, length);
}

function versionOf({ size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${size}:${mtimeNs}:${ctimeNs}`;
}

function decoded(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new OperatingError('bad-data', `read ${path}: it is not UTF-8`, { cause: error });
  }
}
