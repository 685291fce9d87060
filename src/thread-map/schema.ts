/** The table of the thread map in SQLite, which another program may have made, and may have open. */

import { isUtf8 } from 'node:buffer';
import { OperatingError } from '../errors.ts';
import type { MapTable } from '../resume-map/map-table.ts';
import { checkMapTable } from '../resume-map/schema.ts';
import { guarded, type SqliteDatabase } from '../sqlite/open.ts';
import { formatInstant, parseInstant } from './instants.ts';

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS sessions (
  thread_ts TEXT PRIMARY KEY,
  session_id TEXT NOT NULL,
  repo TEXT NOT NULL,
  repo_path TEXT NOT NULL,
  agent_kind TEXT NOT NULL DEFAULT 'claude',
  channel_id TEXT NOT NULL,
  created_at TEXT NOT NULL,
  last_active TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'active',
  total_turns INTEGER NOT NULL DEFAULT 0,
  model TEXT
)`;
const INDEX = 'idx_sessions_session_id';
const CREATE_INDEX = `CREATE INDEX IF NOT EXISTS ${INDEX} ON sessions (session_id)`;

/** In the order of the table. */
export const COLUMNS = [
  'thread_ts',
  'session_id',
  'repo',
  'repo_path',
  'agent_kind',
  'channel_id',
  'created_at',
  'last_active',
  'status',
  'total_turns',
  'model',
] as const;

/** The first of the given times, where all of them can be read; else the first that cannot. */
const INSTANT_MS = 'claude_instant_ms';
/** Whether a value is text that can be read: another program may have written any bytes. */
const IS_TEXT = 'claude_is_text';

export const THREAD_MAP_TABLE: MapTable = {
  what: 'thread map',
  name: 'sessions',
  columns: COLUMNS,
  key: 'thread_ts',
  sessionId: 'session_id',
  // A row with any time that cannot be read is as old as nobody knows.
  lastUsedAtMs: `${INSTANT_MS}(last_active, created_at)`,
  createdAtMs: `${INSTANT_MS}(created_at)`,
  isOthers: "agent_kind IS NOT 'claude'",
  lastUsed: { column: 'last_active', valueOf: formatInstant },
};

/** Whether the times of a row can be read. */
export const HAS_TIMES = `typeof(${THREAD_MAP_TABLE.lastUsedAtMs}) IN ('integer', 'real')`;
/** Whether a row was neither active nor made since `@cutoffMs`. */
export const IS_EXPIRED = `${HAS_TIMES} AND ${THREAD_MAP_TABLE.lastUsedAtMs} < @cutoffMs AND ${THREAD_MAP_TABLE.createdAtMs} < @cutoffMs`;
export const HAS_CHANNEL = `${IS_TEXT}(typeof(repo), CAST(repo AS BLOB)) AND ${IS_TEXT}(typeof(channel_id), CAST(channel_id AS BLOB))`;
/** Whether the channel of a row is not among `@channels`, a JSON list of pairs of repository and channel. */
export const IS_STALE_CHANNEL = `${HAS_CHANNEL} AND NOT EXISTS (SELECT 1 FROM json_each(@channels) AS pair
  WHERE json_extract(pair.value, '$[0]') = repo AND json_extract(pair.value, '$[1]') = channel_id)`;

/** Lets SQL read times and tell texts. To be called for each connection. */
export function addFunctions(database: SqliteDatabase): void {
  const options = { deterministic: true, directOnly: true };
  database.function(INSTANT_MS, { ...options, varargs: true }, (...times: unknown[]) => {
    const unreadable = times.findIndex((time) => parseInstant(time) === undefined);
    if (unreadable < 0) return parseInstant(times[0]);
    // A number would pass for milliseconds.
    const time = times[unreadable];
    return typeof time === 'number' ? String(time) : time;
  });
  database.function(IS_TEXT, options, (type: unknown, bytes: unknown) => {
    return Number(type === 'text' && bytes instanceof Uint8Array && isUtf8(bytes));
  });
}

/** Makes what is missing, where the database is new or another program's. @throws OperatingError `config` where its table is another one */
export function ensureSchema(database: SqliteDatabase): void {
  const hasTable = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'sessions' COLLATE NOCASE").get();
  if (hasTable === undefined) database.transaction(() => makeSchema(database)).immediate();
  checkSchema(database);
  const hasIndex = database.prepare('SELECT 1 FROM sqlite_schema WHERE name = ? COLLATE NOCASE').get(INDEX);
  if (hasIndex !== undefined) return;
  try {
    guarded(database.name, 'index', () => database.exec(CREATE_INDEX));
  } catch (error) {
    // Everything works without it, and the next opening tries again.
    if (!(error instanceof OperatingError)) throw error;
  }
}

/** For a new database. */
export function makeSchema(database: SqliteDatabase): void {
  database.exec(`${CREATE_TABLE}; ${CREATE_INDEX};`);
}

/** @throws OperatingError `config` where the database does not hold a thread map */
export function checkSchema(database: SqliteDatabase): void {
  checkMapTable(database, THREAD_MAP_TABLE);
}
