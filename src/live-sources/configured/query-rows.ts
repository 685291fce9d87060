/** Reads all rows that one statement gives, from a database that nothing of it changes; a statement that could change something is refused. */

import { errorMessage, OperatingError } from '../../errors.ts';
import { formatNumber } from '../../format/counts.ts';
import type { SqliteDatabase, SqliteStatement } from '../../sqlite/binding.ts';
import { fileIdentity } from '../../sqlite/file-identity.ts';
import { databaseError, openDatabaseForReading } from '../../sqlite/open.ts';
import { throwIfTorn } from '../../sqlite/whole-pages.ts';
import type { QueryTask } from './query-messages.ts';

const ROWS_MAX = 500_000;
const WAIT_MS = 1_000;
/** What else gives rows, a PRAGMA for one, may do something. */
const READING = /^(\s|--[^\n]*\n|\/\*.*?\*\/)*(select|with|values)\b/is;
const COLUMNS = ['id', 'project', 'until', 'why'];
const NAMING = ['id', 'project'];

/** @returns ids, or objects with one and what else the statement names. @throws OperatingError */
export function queryRows({ db, sql }: QueryTask): readonly unknown[] {
  return withDatabase(db, (database) => readRows(prepared(database, sql)));
}

/** Looks whether the statement is one that can be run, and reads no row. @throws OperatingError */
export function checkQuery({ db, sql }: QueryTask): void {
  withDatabase(db, (database) => prepared(database, sql));
}

function withDatabase<T>(db: string, ask: (database: SqliteDatabase) => T): T {
  const identity = fileIdentity(db);
  const database = openDatabaseForReading(db, { busyTimeoutMs: WAIT_MS });
  try {
    throwIfTorn(database);
    const answer = ask(database);
    // What was read is not what the host writes to by now.
    if (fileIdentity(db) === identity) return answer;
    throw new OperatingError('unavailable', `query ${db}: it was replaced meanwhile`);
  } catch (error) {
    throw queryError(db, error);
  } finally {
    database.close();
  }
}

interface PreparedQuery {
  readonly statement: SqliteStatement;
  readonly columns: readonly string[];
}

function prepared(database: SqliteDatabase, sql: string): PreparedQuery {
  if (!READING.test(sql)) throw new Error('expected one statement that begins with SELECT, WITH or VALUES');
  const statement = database.prepare<unknown[]>(sql);
  if (!statement.reader || !statement.readonly) throw new Error('expected a statement that only reads');
  const columns = statement.columns().map(({ name }) => name);
  const unknown = columns.find((name) => !COLUMNS.includes(name));
  if (columns.length > 1 && unknown !== undefined) {
    throw new Error(`expected one column, or columns called ${COLUMNS.join(', ')}, and there is ${unknown}`);
  }
  const isNaming = columns.length === 1 || NAMING.some((name) => columns.includes(name));
  if (!isNaming) throw new Error('none of its columns is called id or project');
  return { statement, columns };
}

function readRows({ statement, columns }: PreparedQuery): readonly unknown[] {
  const naming = columns.length === 1 ? [0] : NAMING.map((name) => columns.indexOf(name));
  const rows: unknown[] = [];
  for (const values of statement.raw().iterate() as Iterable<readonly unknown[]>) {
    if (rows.length === ROWS_MAX) throw new Error(`it gives more than ${formatNumber(ROWS_MAX)} rows`);
    // A conversation that has no session yet.
    if (naming.every((column) => (values[column] ?? null) === null)) continue;
    rows.push(columns.length === 1 && columns[0] !== 'project' ? values[0] : entryOf(columns, values));
  }
  return rows;
}

function entryOf(columns: readonly string[], values: readonly unknown[]): object {
  const fields = columns.map((name, index) => [name, values[index]] as const);
  return Object.fromEntries(fields.filter(([, value]) => value !== null));
}

function queryError(db: string, error: unknown): OperatingError {
  const known = databaseError(db, 'query', error);
  if (known instanceof OperatingError) return known;
  return new OperatingError('bad-data', `query ${db}: ${errorMessage(error)}`, { cause: error });
}
