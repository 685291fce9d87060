/**
 * Writes lines to stderr so that the last before an exit is never lost, and no reader holds the work up: where one does not read, it is waited
 * for once, and then what does not fit is lost and counted.
 */

import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { errorCode } from './errors.ts';
import type { LineStyle, LogFormat } from './format/log-line.ts';

const STDERR_FD = 2;
/** For which a reader that is slow may hold the work up. */
const WAIT_MS = 1_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** The style fits whatever stderr is. */
export function styleOf(format: LogFormat, environment: Environment): LineStyle {
  const isTerminal = isatty(STDERR_FD);
  const fitting = isTerminal ? 'text' : isJournal(environment.JOURNAL_STREAM) ? 'journal' : 'json';
  // https://no-color.org: any value that is not empty turns colours off.
  const isColored = isTerminal && !environment.NO_COLOR && environment.TERM !== 'dumb';
  return { format: format === 'auto' ? fitting : format, isColored };
}

/** systemd names device and inode of the stream that it gave; a program between may have put another in its place. */
function isJournal(stream: string | undefined): boolean {
  const [, dev, ino] = /^(\d+):(\d+)$/.exec(stream ?? '') ?? [];
  if (dev === undefined || ino === undefined) return false;
  try {
    const stats = fstatSync(STDERR_FD, { bigint: true });
    return stats.dev === BigInt(dev) && stats.ino === BigInt(ino);
  } catch {
    // It is closed.
    return false;
  }
}

export interface LineOutput {
  /** @param isUrgent whether a reader is worth waiting for @returns whether it was taken */
  write(line: string, isUrgent: boolean): boolean;
}

/** @param writeBytes as `writeSync` of a descriptor */
export function lineOutput(writeBytes: (bytes: Buffer) => number = writeToStderr, waitMs = WAIT_MS): LineOutput {
  /** The rest of a line that was begun. */
  let rest: Buffer = Buffer.alloc(0);
  /** Nobody has read for as long as is waited. */
  let isStuck = false;
  const write = (bytes: Buffer, mayWait: boolean): Buffer => {
    const givesUpAt = performance.now() + waitMs;
    let left = bytes;
    while (left.length > 0) {
      try {
        left = left.subarray(writeBytes(left));
        isStuck = false;
      } catch (error) {
        // A log that cannot be written, on a full disk for one, must not end the work: the ledger and the exit code tell as well.
        if (errorCode(error) !== 'EAGAIN') return Buffer.alloc(0);
        if (!mayWait || isStuck) return left;
        if (performance.now() > givesUpAt) {
          isStuck = true;
          return left;
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, 1);
      }
    }
    return left;
  };
  return {
    write: (line, isUrgent) => {
      rest = write(rest, isUrgent);
      if (rest.length > 0) return false;
      const bytes = Buffer.from(line);
      const left = write(bytes, isUrgent);
      // Nothing of it has gone: it is lost. Of what was begun, the rest is for the next time.
      if (left.length === bytes.length && left.length > 0) return false;
      rest = left;
      return true;
    },
  };
}

function writeToStderr(bytes: Buffer): number {
  return writeSync(STDERR_FD, bytes);
}
