/** One line an event, on stderr: stdout belongs to results. Each is written when the call returns, so the last before an exit is never lost. */

import { hostname } from 'node:os';
import { type Clock, systemClock } from './clock.ts';
import { type LineStyle, LOG_LEVELS, type LogLevel, logLine } from './format/log-line.ts';
import { type LineOutput, lineOutput } from './log-output.ts';

/** A logger need be no more than this. In the fields, `err` may be an error: its stack is told. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The process's own: its level and its style may change while it is in use. */
export interface AdjustableLogger extends Logger {
  fatal(fields: object, message: string): void;
  adjust(level: LogLevel, style: LineStyle): void;
}

export interface LoggerOptions {
  readonly style?: LineStyle;
  readonly output?: LineOutput;
  readonly clock?: Clock;
}

const JSON_STYLE: LineStyle = { format: 'json', isColored: false };

export function createLogger(
  level: LogLevel,
  { style = JSON_STYLE, output = lineOutput(), clock = systemClock }: LoggerOptions = {},
): AdjustableLogger {
  const origin = { pid: process.pid, hostname: hostname(), name: 'claude-session-sweeper' };
  let least = LOG_LEVELS.indexOf(level);
  let inUse = style;
  let lost = 0;
  const write = (of: LogLevel, fields: object, message: string): boolean => {
    const line = logLine({ level: of, timeMs: clock.now(), origin, fields, message }, inUse);
    return output.write(line, LOG_LEVELS.indexOf(of) >= LOG_LEVELS.indexOf('info'));
  };
  const at = (of: LogLevel) => (fields: object, message: string) => {
    if (LOG_LEVELS.indexOf(of) < least) return;
    if (lost > 0 && write('warn', { lost }, 'lines of the log were lost: nobody read them')) lost = 0;
    if (lost > 0 || !write(of, fields, message)) lost += 1;
  };
  const adjust = (nextLevel: LogLevel, nextStyle: LineStyle) => {
    least = LOG_LEVELS.indexOf(nextLevel);
    inUse = nextStyle;
  };
  return {
    ...{ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') },
    adjust,
  };
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
