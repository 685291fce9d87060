/** One JSON line an event, on stderr: stdout belongs to results. Each is written when the call returns, so the last before an exit is never lost. */

import { writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Clock, systemClock } from './clock.ts';
import { errorCode } from './errors.ts';
import { redacted } from './format/shown-text.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What is asked of a logger. In the fields, `err` may be an error: its stack is told. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Whose level may change while it is in use. */
export interface AdjustableLogger extends Logger {
  setLevel(level: LogLevel): void;
}

/** Numbers, as pino and bunyan write them, so that their readers read these lines too. */
const LEVEL_NUMBERS: Readonly<Record<LogLevel, number>> = {
  ...{ trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 },
  silent: Number.POSITIVE_INFINITY,
};

/** @param write takes one line, its end included */
export function createLogger(
  level: LogLevel,
  write: (line: string) => void = writeToStderr,
  clock: Clock = systemClock,
): AdjustableLogger {
  let least = LEVEL_NUMBERS[level];
  const origin = { pid: process.pid, hostname: hostname(), name: 'claude-session-sweeper' };
  const at = (name: LogLevel) => {
    const number = LEVEL_NUMBERS[name];
    return (fields: object, message: string) => {
      if (number < least) return;
      const line = JSON.stringify({ level: number, time: clock.now(), ...origin, ...fields, msg: message }, shownError);
      write(`${redacted(line)}\n`);
    };
  };
  const setLevel = (next: LogLevel) => {
    least = LEVEL_NUMBERS[next];
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), setLevel };
}

/** What an error is about stands in fields that JSON does not show. */
function shownError(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return { type: value.name, message: value.message, stack: value.stack, code: errorCode(value) };
}

const STDERR_FD = 2;
/** For which a reader that is slow may hold the work up, line by line. */
const WAIT_MS = 1_000;

function writeToStderr(line: string): void {
  const bytes = Buffer.from(line);
  const givesUpAt = performance.now() + WAIT_MS;
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(STDERR_FD, bytes, written);
    } catch (error) {
      // A log that cannot be written, on a full disk for one, must not end the work: the ledger and the exit code tell as well.
      if (errorCode(error) !== 'EAGAIN' || performance.now() > givesUpAt) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, 1);
    }
  }
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
