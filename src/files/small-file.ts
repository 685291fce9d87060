/** Reads a small file of a held directory: never through a symlink, never waiting, never more than it is allowed. */

import { type BigIntStats, closeSync, constants, fstatSync, readSync } from 'node:fs';
import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from './anchored-dir.ts';
import type { ByteName } from './byte-name.ts';

export type SmallFile =
  /** `isCut` where the file is longer than was allowed: the text is its beginning. */
  | { readonly kind: 'text'; readonly text: string; readonly isCut: boolean }
  | { readonly kind: 'absent' }
  /** A symlink, a directory, a FIFO, a socket or a device. */
  | { readonly kind: 'irregular' }
  /** The system's name of the error, e.g. EACCES or EIO. */
  | { readonly kind: 'unreadable'; readonly code: string };

/** Opening one of these as a file gives these errors. */
const IRREGULAR_CODES: ReadonlySet<string> = new Set(['ELOOP', 'ENXIO', 'EISDIR', 'ENODEV']);

/**
 * @param seen of the file just now: what is no regular file is not even opened, since that alone may do something
 * @throws the system's error where descriptors or memory have run out
 */
export function readSmallFile(
  directory: AnchoredDir,
  name: ByteName,
  bytesMax: number,
  seen: Pick<BigIntStats, 'isFile'>,
): SmallFile {
  if (!seen.isFile()) return { kind: 'irregular' };
  try {
    const fd = directory.openFile(name, constants.O_RDONLY);
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) return { kind: 'irregular' };
      const bytes = readBeginning(fd, Math.min(stats.size, bytesMax));
      return { kind: 'text', text: bytes.toString('utf8'), isCut: stats.size > bytesMax };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || isExhaustion(code)) throw error;
    if (code === 'ENOENT') return { kind: 'absent' };
    return IRREGULAR_CODES.has(code) ? { kind: 'irregular' } : { kind: 'unreadable', code };
  }
}

function readBeginning(fd: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, buffer, filled, length - filled, filled);
    // It has become shorter meanwhile.
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}
