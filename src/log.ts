/** One JSON line an event, on stderr: stdout belongs to results. */

import { pino } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What the worker asks of a logger; pino has this shape. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const STDERR_FD = 2;

/** Synchronous, so that the last line before an exit is never lost. */
export function createLogger(level: LogLevel): Logger {
  return pino({ name: 'claude-session-sweeper', level }, pino.destination({ fd: STDERR_FD, sync: true }));
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
