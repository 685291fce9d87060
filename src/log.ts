/** One JSON line an event, on stderr: stdout belongs to results. */

import { createRequire } from 'node:module';
import { redacted } from './format/shown-text.ts';

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

/** The library is loaded with the first line, or before it, once the thread has nothing else to do. */
export function createLogger(level: LogLevel): Logger {
  if (level === 'silent') return silentLogger;
  let held: Logger | undefined;
  const logger = () => {
    held ??= pinoLogger(level);
    return held;
  };
  setImmediate(logger);
  return {
    debug: (fields, message) => logger().debug(fields, message),
    info: (fields, message) => logger().info(fields, message),
    warn: (fields, message) => logger().warn(fields, message),
    error: (fields, message) => logger().error(fields, message),
  };
}

/** Synchronous, so that the last line before an exit is never lost. */
function pinoLogger(level: LogLevel): Logger {
  const { pino } = createRequire(import.meta.url)('pino') as typeof import('pino');
  const destination = pino.destination({ fd: STDERR_FD, sync: true });
  // A log that cannot be written, on a full disk for one, must not end the work: the ledger and the exit code tell as well.
  destination.on('error', () => undefined);
  return pino({ name: 'claude-session-sweeper', level, hooks: { streamWrite: redacted } }, destination);
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
