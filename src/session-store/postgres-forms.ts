/** The forms in which programs keep session entries in PostgreSQL: how each is told from the others, and read without being changed. */

import { STORE_FORMS, type StoreForm } from '../config/store-settings.ts';
import { OperatingError } from '../errors.ts';
import { hasTable } from '../postgres/migrate.ts';
import type { PostgresTransaction } from '../postgres/postgres-database.ts';
import { trashOf } from './postgres-trash.ts';
import { STORED_TABLE } from './schema.ts';

/** One store's tables and columns, as statements name them. */
export interface StoreTables {
  readonly form: StoreForm;
  /** With quotation marks, as are the others. */
  readonly entries: string;
  readonly trash: string;
  readonly trashVersions: string;
  readonly kept: string;
  /** Of ours: the table with a row a session. */
  readonly stored?: string;
  /** Of another program's, whose rows tell all: the time of a row `t` in Unix epoch ms, and the type of its entry. */
  readonly time?: string;
  readonly entryType?: string;
  /** What rows of entries are numbered by. */
  readonly order: string;
  /** Of the session of one row: what a form knows of it. Stands after SELECT and before a condition on `t`. */
  readonly session: string;
  /** Ends a statement that gives several sessions. */
  readonly grouped: string;
  /** To which an id is cast, so that an index serves. */
  readonly idType: 'text' | 'uuid';
  /** Whether sessions can be read a few at a time. */
  readonly isIndexed: boolean;
}

const COLUMNS: Readonly<Record<StoreForm, readonly string[]>> = {
  sweeper: ['id', 'project_key', 'session_id', 'subpath', 'uuid', 'entry', 'created_at'],
  entries: ['id', 'project_key', 'session_id', 'subpath', 'entry', 'created_at'],
  python: ['project_key', 'session_id', 'subpath', 'seq', 'entry', 'mtime'],
};

type ColumnTypes = ReadonlyMap<string, string>;

const TYPES = `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
  WHERE attrelid = to_regclass($1::text) AND attnum > 0 AND NOT attisdropped`;
const IS_INDEXED = `SELECT EXISTS (SELECT 1 FROM pg_index JOIN pg_attribute AS first ON first.attrelid = indrelid AND first.attnum = indkey[0]
    JOIN pg_attribute AS second ON second.attrelid = indrelid AND second.attnum = indkey[1]
    WHERE indrelid = to_regclass($1::text) AND indisvalid AND indpred IS NULL
      AND first.attname = 'project_key' AND second.attname = 'session_id') AS "isIndexed"`;

/** @throws OperatingError `config` where there is no such table, or it is not of that form */
export async function inspectStore(
  transaction: PostgresTransaction,
  table: string,
  form: StoreForm,
): Promise<StoreTables> {
  const entries = quoted(table);
  if (!(await hasTable(transaction, entries))) throw new OperatingError('config', `there is no table ${table}`);
  const found = await transaction.rows<{ name: string; type: string }>(TYPES, entries);
  const types: ColumnTypes = new Map(found.map(({ name, type }) => [name, type]));
  const isOwn = types.has('uuid') && (await hasTable(transaction, quoted(storedOf(table))));
  const seen = isOwn ? 'sweeper' : STORE_FORMS.find((one) => one !== 'sweeper' && hasAll(types, one));
  if (seen !== form) throw wrongForm(table, form, seen);
  const [index] = await transaction.rows<{ isIndexed: boolean }>(IS_INDEXED, entries);
  const common = { form, entries, ...trashOf(table), idType: idTypeOf(types, table) };
  return form === 'sweeper'
    ? { ...common, order: 'id', isIndexed: true, ...ownSession(table) }
    : { ...common, isIndexed: index?.isIndexed === true, ...otherSession(entries, form, types, table) };
}

/** Each part in quotation marks, so that no name is taken for a word of SQL. @param table one that `storeTable` lets through */
export function quoted(table: string): string {
  return table
    .split('.')
    .map((part) => `"${part}"`)
    .join('.');
}

function storedOf(table: string): string {
  return [...table.split('.').slice(0, -1), STORED_TABLE].join('.');
}

function hasAll(types: ColumnTypes, form: StoreForm): boolean {
  return COLUMNS[form].every((name) => types.has(name));
}

function wrongForm(table: string, form: StoreForm, seen: StoreForm | undefined): OperatingError {
  const hint = seen === undefined ? 'of none of the forms that are known' : `of the form ${seen}; give readAs: ${seen}`;
  const whose = form === 'sweeper' ? 'was made by another program' : `is not of the form ${form}`;
  return new OperatingError('config', `the table ${table} ${whose}: it is ${hint}`);
}

function idTypeOf(types: ColumnTypes, table: string): 'text' | 'uuid' {
  const [key = 'none', id = 'none'] = [types.get('project_key'), types.get('session_id')];
  const isText = (type: string) => type === 'text' || type === 'character varying';
  if (!isText(key) || !(isText(id) || id === 'uuid')) {
    throw new OperatingError('config', `the table ${table} names sessions by ${key} and ${id}: expected text`);
  }
  return id === 'uuid' ? 'uuid' : 'text';
}

/** An append or a load changes what a session's row says. */
function ownSession(table: string): Pick<StoreTables, 'session' | 'grouped' | 'stored'> {
  const stored = quoted(storedOf(table));
  return {
    stored,
    session: `t.project_key AS "projectKey", t.session_id AS "sessionId", t.last_used_at AS "lastUsedAtMs", t.bytes,
      t.has_main AS "hasMain", t.last_used_at || ' ' || t.bytes AS version FROM ${stored} AS t`,
    grouped: '',
  };
}

/** Rows are only ever added to a session: their number and the last of their numbers tell whether any was. */
function otherSession(
  entries: string,
  form: StoreForm,
  types: ColumnTypes,
  table: string,
): Pick<StoreTables, 'session' | 'grouped' | 'order' | 'time' | 'entryType'> {
  const [order, timeColumn] = form === 'python' ? ['seq', 'mtime'] : ['id', 'created_at'];
  const time = timeOf(`t.${timeColumn}`, types.get(timeColumn) ?? 'none');
  if (time === undefined) {
    throw new OperatingError(
      'config',
      `the table ${table} has no time in ${timeColumn}: it is ${types.get(timeColumn)}`,
    );
  }
  return {
    order,
    time,
    entryType: types.get('entry') ?? 'none',
    // Of a row without a time it is not known how old it is.
    session: `t.project_key::text AS "projectKey", t.session_id::text AS "sessionId",
      CASE WHEN bool_and((${time}) IS NOT NULL) THEN floor(max(${time}))::bigint END AS "lastUsedAtMs",
      coalesce(sum(pg_column_size(t.entry)), 0)::bigint AS bytes,
      bool_or(t.subpath IS NULL OR t.subpath = '') AS "hasMain",
      count(*) || ' ' || max(t.${order}) AS version FROM ${entries} AS t`,
    grouped: 'GROUP BY t.project_key, t.session_id',
  };
}

/** A zone that is not told lies at the most so far behind UTC: the later of all readings keeps for longer. */
const ZONE_MAX_S = 43_200;

/** Unix epoch milliseconds; null for what is no time. */
function timeOf(column: string, type: string): string | undefined {
  if (type === 'timestamp with time zone')
    return `CASE WHEN isfinite(${column}) THEN extract(epoch FROM ${column})::numeric * 1000 END`;
  if (type === 'timestamp without time zone')
    return `CASE WHEN isfinite(${column}) THEN (extract(epoch FROM ${column})::numeric + ${ZONE_MAX_S}) * 1000 END`;
  if (!/^(bigint|integer|numeric|double precision)$/.test(type)) return undefined;
  // Seconds of our time are so few that as milliseconds they would be of 1970.
  return `CASE WHEN ${column} > 0 AND ${column} < 1e11 THEN ${column}::numeric * 1000
    WHEN ${column} >= 1e11 AND ${column} < 1e15 THEN ${column}::numeric END`;
}
