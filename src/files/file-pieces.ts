/** Reads regular files alone: whole, piece by piece, or both ends of them. */

import { closeSync, fstatSync, readSync } from 'node:fs';
import { nativeCalls } from './native-calls.ts';

/** Shared by all: what is read is looked at before anything else is. */
const PIECE = Buffer.allocUnsafeSlow(1 << 18);

export interface FileEnds {
  readonly head: Buffer;
  readonly tail: Buffer;
  readonly bytes: number;
}

/**
 * A piece is good until the next.
 * @param openNatively undefined where that failed, or the native part is not to be had
 * @param openByNode asked then, since its errors tell
 * @throws the system's error, or where it is no regular file
 */
export function* piecesOf(
  openNatively: () => number | undefined,
  openByNode: () => number,
): Generator<Buffer, void, void> {
  const native = nativeCalls();
  const fd = openNatively();
  if (native === undefined || fd === undefined) {
    yield* piecesByNode(openByNode());
    return;
  }
  try {
    if (!(native.fstat(fd) ?? fstatSync(fd)).isFile()) throw new Error('not a regular file');
    for (;;) {
      const length = native.read(fd, PIECE) ?? readSync(fd, PIECE);
      if (length === 0) return;
      yield PIECE.subarray(0, length);
    }
  } finally {
    native.close(fd);
  }
}

function* piecesByNode(fd: number): Generator<Buffer, void, void> {
  try {
    if (!fstatSync(fd).isFile()) throw new Error('not a regular file');
    for (let length = readSync(fd, PIECE); length > 0; length = readSync(fd, PIECE)) yield PIECE.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

/** Closes the descriptor. */
export function endsOf(fd: number, endBytes: number): FileEnds {
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error('not a regular file');
    const isWhole = stats.size <= 2 * endBytes;
    const head = readAt(fd, isWhole ? stats.size : endBytes, 0);
    const tail = isWhole ? Buffer.alloc(0) : readAt(fd, endBytes, stats.size - endBytes);
    return { head, tail, bytes: stats.size };
  } finally {
    closeSync(fd);
  }
}

/** As many bytes as are there, up to `length`. */
function readAt(fd: number, length: number, position: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const read = readSync(fd, bytes, filled, length - filled, position + filled);
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}
