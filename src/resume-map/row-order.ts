/**
 * An order over the rows of a map that always advances, whatever a host has let into its table: by SQLite's own row numbers, and
 * only in a table that has none by the key.
 */

import type { SqliteDatabase } from '../sqlite/open.ts';
import type { MapTable } from './map-table.ts';
import type { RowLocator } from './resume-map.ts';

/** Pieces of SQL over one table; what they bind is given by `bind`. */
export interface RowOrder {
  readonly table: MapTable;
  /** What of a row is handed back as its `place`. */
  readonly place: string;
  readonly by: string;
  /** Whether a row is the one at the bound place. */
  isAt(locator: RowLocator): string;
  /** Whether a row comes after the bound place. */
  isAfter(locator: RowLocator): string;
  bind(locator: RowLocator): Readonly<Record<string, unknown>>;
}

/** Names of SQLite's row number; each is hidden by a column of that name. */
const ROW_NUMBER_NAMES = ['rowid', '_rowid_', 'oid'];

export function rowOrderOf(database: SqliteDatabase, table: MapTable): RowOrder {
  const rowNumber = rowNumberOf(database, table.name);
  return { table, ...(rowNumber === undefined ? byKey(table.key) : byRowNumber(rowNumber)) };
}

function rowNumberOf(database: SqliteDatabase, table: string): string | undefined {
  const hasRowNumbers = database
    .prepare(`SELECT 1 FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE AND NOT wr`)
    .get(table);
  if (hasRowNumbers === undefined) return undefined;
  const columns = database.prepare('SELECT lower(name) FROM pragma_table_info(?)').pluck().all(table);
  return ROW_NUMBER_NAMES.find((name) => !columns.includes(name));
}

/** Row numbers have 64 bits, and JavaScript's numbers 53: they travel as text. */
function byRowNumber(name: string): Omit<RowOrder, 'table'> {
  const bound = 'CAST(@place AS INTEGER)';
  return {
    place: `CAST(${name} AS TEXT)`,
    by: name,
    isAt: () => `${name} = ${bound}`,
    isAfter: () => `${name} > ${bound}`,
    bind: ({ place }) => ({ place }),
  };
}

/** What a key is bound as, by its type: a text as its very bytes, and a whole number as its digits, of which it may have many. */
const BOUND_KEYS: Readonly<Record<string, string>> = {
  text: 'CAST(@place AS TEXT)',
  integer: 'CAST(CAST(@place AS TEXT) AS INTEGER)',
};
const boundKey = ({ keyType }: RowLocator) => BOUND_KEYS[String(keyType)] ?? '@place';

function byKey(key: string): Omit<RowOrder, 'table'> {
  return {
    place: key,
    by: key,
    isAt: (locator) => `${key} = ${boundKey(locator)}`,
    isAfter: (locator) => `${key} > ${boundKey(locator)}`,
    bind: ({ place, keyType, keyBytes }) => ({ place: String(keyType) in BOUND_KEYS ? keyBytes : place }),
  };
}
