/** From a row of the thread map to a session and back: no row is left out for what stands in it, and what is written is checked first. */

import {
  ageMs,
  checkOptions,
  expected,
  type OptionCheck,
  type OptionChecks,
  required,
  someText,
} from '../config/host-options.ts';
import { ConfigError, OperatingError } from '../errors.ts';
import { shownValue } from '../format/shown-text.ts';
import { formatInstant, parseInstant } from './instants.ts';
import { COLUMNS } from './schema.ts';
import type { NewThreadSession, ThreadChange, ThreadSession } from './thread-map.ts';

type Field = keyof ThreadSession;
export type Column = (typeof COLUMNS)[number];
/** A row as SQLite gives it, unchecked. */
export type RawRow = Readonly<Record<Column, unknown>>;
/** What is bound to a statement, by column. */
export type WrittenRow = Readonly<Partial<Record<Column, string | number | null>>>;

export const THREAD_TEXT_LENGTH_MAX = 1024;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here.
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

const line = expected(`text on one line of at most ${THREAD_TEXT_LENGTH_MAX} characters`, (value) => {
  return isText(value) && value !== '' && value.length <= THREAD_TEXT_LENGTH_MAX && !CONTROL_CHARACTER.test(value);
});
const text = expected('text', isText);
const time = expected('a time as RFC 3339 writes it, or a Date', (value) => textOfTime(value) !== undefined);
const count = expected('a whole number', (value) => Number.isSafeInteger(value) && Number(value) >= 0);

const FIELD_OF: Readonly<Record<Column, Field>> = {
  thread_ts: 'threadTs',
  session_id: 'sessionId',
  repo: 'repo',
  repo_path: 'repoPath',
  agent_kind: 'agentKind',
  channel_id: 'channelId',
  created_at: 'createdAt',
  last_active: 'lastActive',
  status: 'status',
  total_turns: 'totalTurns',
  model: 'model',
};

/** What may stand in each field. */
export const FIELD_CHECKS: OptionChecks<NewThreadSession> = {
  threadTs: line,
  sessionId: line,
  repo: text,
  repoPath: text,
  agentKind: line,
  channelId: text,
  createdAt: time,
  lastActive: time,
  status: expected('active or error', (value) => value === 'active' || value === 'error'),
  totalTurns: count,
  model: expected('text, or null', (value) => value === null || isText(value)),
};
const { threadTs: _, ...CHANGE_CHECKS } = FIELD_CHECKS;

const WITHOUT_DEFAULT = ['thread_ts', 'session_id', 'repo', 'repo_path', 'channel_id', 'created_at', 'last_active'];
const DEFAULTS: WrittenRow = { agent_kind: 'claude', status: 'active', total_turns: 0, model: null };

/** What may stand in each column of a new row, and what must. */
export const NEW_COLUMN_CHECKS = Object.fromEntries(
  COLUMNS.map((column) => {
    const check = FIELD_CHECKS[FIELD_OF[column]];
    return [column, WITHOUT_DEFAULT.includes(column) ? required(check) : check];
  }),
) as Readonly<Record<Column, OptionCheck>>;
const NEW_FIELD_CHECKS = Object.fromEntries(
  COLUMNS.map((column) => [FIELD_OF[column], NEW_COLUMN_CHECKS[column]]),
) as OptionChecks<NewThreadSession>;

/** Text that SQLite gives back as it was: halves of surrogate pairs and what comes after a NUL would be lost. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
}

/** Undefined for what is no time. */
function textOfTime(value: unknown): string | undefined {
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? undefined : rfcTextOf(formatInstant(value.getTime()));
  return typeof value === 'string' ? rfcTextOf(value) : undefined;
}

/** Dates go beyond the years that RFC 3339 can write. */
function rfcTextOf(value: string): string | undefined {
  return parseInstant(value) === undefined ? undefined : value;
}

/** @throws ConfigError naming every field that is wrong */
export function newRow(session: NewThreadSession): WrittenRow {
  checkOptions<NewThreadSession>('insert', session, NEW_FIELD_CHECKS);
  return withDefaults(written(session));
}

export function withDefaults(row: WrittenRow): WrittenRow {
  return { ...DEFAULTS, ...row };
}

/** @throws ConfigError naming every field that is wrong */
export function changedRow(change: ThreadChange): WrittenRow {
  checkOptions<ThreadChange>('update', change, CHANGE_CHECKS);
  return written(change);
}

function written(fields: Readonly<Partial<Record<Field, unknown>>>): WrittenRow {
  const entries = COLUMNS.flatMap((column) => {
    const value = fields[FIELD_OF[column]];
    if (value === undefined) return [];
    return [[column, column.endsWith('_at') || column === 'last_active' ? textOfTime(value) : value]];
  });
  return Object.fromEntries(entries) as WrittenRow;
}

/** Whatever stands in the row. */
export function toSession(row: RawRow): ThreadSession {
  return {
    threadTs: shown(row.thread_ts),
    sessionId: shown(row.session_id),
    repo: shown(row.repo),
    repoPath: shown(row.repo_path),
    agentKind: shown(row.agent_kind),
    channelId: shown(row.channel_id),
    createdAt: shown(row.created_at),
    lastActive: shown(row.last_active),
    status: row.status === 'error' ? 'error' : 'active',
    totalTurns: typeof row.total_turns === 'number' ? row.total_turns : 0,
    model: row.model === null ? null : shown(row.model),
  };
}

/** Another program's table may hold anything in any column. */
function shown(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  return value === null || value === undefined ? '' : String(value);
}

/** The fields in which two differ, of those that can change. @throws OperatingError `usage` where another thread is meant */
export function changeFrom(before: ThreadSession, wanted: Readonly<Record<string, unknown>>): ThreadChange {
  if (wanted.threadTs !== before.threadTs) {
    throw new OperatingError('usage', 'update thread map: the thread of a row cannot change; insert another one');
  }
  const was: Readonly<Record<string, unknown>> = { ...before };
  return Object.fromEntries(Object.entries(wanted).filter(([name, value]) => value !== was[name])) as ThreadChange;
}

/** @throws ConfigError */
export function checkText(call: string, name: string, value: unknown): void {
  checkOptions<Readonly<Record<string, unknown>>>(call, { [name]: value }, { [name]: required(someText) });
}

/** @throws ConfigError */
export function checkTtl(ttl: unknown): void {
  checkOptions<{ readonly ttl: unknown }>('pruneExpired', { ttl }, { ttl: required(ageMs) });
}

/**
 * @returns as a JSON list of pairs
 * @throws ConfigError
 */
export function channelPairs(channels: Readonly<Record<string, string>> | ReadonlyMap<string, string>): string {
  const isMap = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  const isWhole = expected('an object, or a Map, of the channel of each repository', isMap);
  checkOptions<{ readonly channels: unknown }>('pruneStaleChannels', { channels }, { channels: required(isWhole) });
  const pairs: readonly (readonly [unknown, unknown])[] = [
    ...(channels instanceof Map ? channels : Object.entries(channels)),
  ];
  const faults = pairs
    .filter((pair) => !pair.every(isText))
    .map(([repo]) => `pruneStaleChannels: channels: the channel of ${shownValue(repo)}: expected text`);
  if (faults.length > 0) throw new ConfigError(faults);
  return JSON.stringify(pairs);
}
