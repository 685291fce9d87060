/** One event as a log shows it: JSON for programs, a line for a terminal, a line with its priority for the journal. Always without secrets. */

import { escapeControls, redacted } from './shown-text.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** `auto` is what fits whatever the log is written to. */
export const LOG_FORMATS = ['auto', 'json', 'text', 'journal'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogEvent {
  readonly level: LogLevel;
  /** Unix epoch ms. */
  readonly timeMs: number;
  /** The origin says who has written it: for JSON alone, since a terminal and the journal know. */
  readonly origin: object;
  readonly fields: object;
  readonly message: string;
}

export interface LineStyle {
  readonly format: Exclude<LogFormat, 'auto'>;
  /** Only for a terminal. */
  readonly isColored: boolean;
}

/** @returns the line, its end included */
export function logLine(event: LogEvent, { format, isColored }: LineStyle): string {
  const line = format === 'json' ? jsonLine(event) : format === 'journal' ? journalLine(event) : textLine(event);
  const shown = redacted(escapeControls(line));
  if (format !== 'text' || !isColored) return `${shown}\n`;
  const color = COLORS[event.level];
  return color === undefined ? `${shown}\n` : `${shown.replace(WORD_OF_LEVEL, `\u001b[${color}m$&\u001b[39m`)}\n`;
}

function jsonLine({ level, timeMs, origin, fields, message }: LogEvent): string {
  const head = { level, time: new Date(timeMs).toISOString() };
  return JSON.stringify({ ...head, ...origin, ...fields, msg: message }, shownError);
}

/** sd-daemon(3): the priorities of syslog. */
const PRIORITIES: Readonly<Record<LogLevel, number>> = {
  ...{ trace: 7, debug: 7, info: 6, warn: 4, error: 3, fatal: 2 },
  silent: 7,
};

/** Longer than all the faults that are shown of a run. */
const WHOLE_VALUE_MAX = 8_000;

function journalLine({ level, fields, message }: LogEvent): string {
  return `<${PRIORITIES[level]}>${message}${pairs(fields, WHOLE_VALUE_MAX)}`;
}

/** Red and yellow, as a terminal is told. */
const COLORS: Readonly<Partial<Record<LogLevel, number>>> = { warn: 33, error: 31, fatal: 31 };
/** It follows date and time. */
const WORD_OF_LEVEL = /(?<=^\S+ \S+ )[A-Z]+/;
const LEVEL_WIDTH = 5;
/** A person reads the beginning of what went well; the whole is in JSON. */
const TEXT_VALUE_MAX = 300;

function textLine({ level, timeMs, fields, message }: LogEvent): string {
  return `${localTime(new Date(timeMs))} ${level.toUpperCase().padEnd(LEVEL_WIDTH)} ${message}${pairs(fields, COLORS[level] === undefined ? TEXT_VALUE_MAX : WHOLE_VALUE_MAX)}`;
}

function localTime(time: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}

/** `  job=purge-trash errors=[]`, what is empty left out. */
function pairs(fields: object, lengthMax: number): string {
  const shown = Object.entries(fields).flatMap(([name, value]) => {
    const text = value instanceof Error ? String(value.stack ?? value.message) : value;
    const words = typeof text === 'string' ? plainOrQuoted(text) : JSON.stringify(text, shownError);
    if (words === undefined || words === 'null' || words === '[]' || words === '{}') return [];
    return `${name}=${words.length <= lengthMax ? words : `${words.slice(0, lengthMax)}…`}`;
  });
  return shown.length === 0 ? '' : `  ${shown.join(' ')}`;
}

function plainOrQuoted(text: string): string {
  return /^[^\s"=\\]+$/.test(text) ? text : JSON.stringify(text);
}

/** An error tells what it is about in fields that JSON does not show. */
function shownError(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const code = 'code' in value ? value.code : undefined;
  return { type: value.name, message: value.message, stack: value.stack, code };
}
