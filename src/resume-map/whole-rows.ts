/**
 * Rows of a map with all their columns, those of a host's own table included: each as a text that can be kept elsewhere, and that
 * becomes the very row again.
 */

import { errorCode, errorMessage, OperatingError } from '../errors.ts';
import type { MapConnection } from './map-connection.ts';
import type { MapTable } from './map-table.ts';
import type { RowContent, RowFates, UncheckedResumeRow, WholeRow } from './resume-map.ts';
import type { RowOrder } from './row-order.ts';
import type { ShortDeletions } from './short-deletions.ts';
import { boundAsRead, unchanged } from './walk.ts';

/** Texts and bytes as hexadecimal digits, whole numbers as decimal ones: neither need fit into JavaScript's own. */
type Column = readonly [name: string, type: string, value: string | number | null];

export class WholeRows {
  readonly #connection: MapConnection;
  readonly #order: RowOrder;
  readonly #table: MapTable;

  constructor(connection: MapConnection, order: RowOrder) {
    this.#connection = connection;
    this.#order = order;
    this.#table = order.table;
  }

  /** Those that still are as they were read, with everything that stands in them. */
  async read(rows: readonly UncheckedResumeRow[]): Promise<readonly WholeRow[]> {
    return this.#connection.read('read', () => {
      return rows.flatMap((row) => {
        const content = this.#contentOf(row);
        return content === undefined ? [] : [{ ...row, content }];
      });
    });
  }

  /** Deletes a row that still is what its text says. @returns what became of it; undefined where it was gone already */
  delete(row: WholeRow): keyof RowFates | undefined {
    const content = this.#contentOf(row);
    if (content === row.content) return this.#deleteAsRead(row) > 0 ? 'deleted' : undefined;
    return content !== undefined || this.#isKeyThere(columnsOf(row.content)) ? 'stayed' : undefined;
  }

  /**
   * Puts a row back as it was.
   * @param usedAtMs when it counts as used; as it was then where that is undefined
   * @throws OperatingError (`bad-data`) where there is a row of its key, or the table does not take it any more
   */
  insert(content: RowContent, usedAtMs: number | undefined): void {
    const columns = columnsOf(content);
    if (this.#isKeyThere(columns)) throw new OperatingError('bad-data', 'there is a row of this key again');
    const names = columns.map(([name]) => quoted(name)).join(', ');
    const values = columns.map(([, type], index) => valueSql(type, `@column${index}`)).join(', ');
    const bound = Object.fromEntries(columns.map((column, index) => [`column${index}`, boundValue(column)]));
    // A table may say REPLACE of itself; nothing that came since is to give way.
    const insert = `INSERT OR ABORT INTO ${this.#table.name} (${names}) VALUES (${values})`;
    takenByTable('the table does not take it any more', () => this.#connection.statement(insert).run(bound));
    if (usedAtMs === undefined) return;
    const { name, lastUsed } = this.#table;
    const { isKey, bound: key } = this.#keyOf(columns);
    this.#connection
      .statement(`UPDATE ${name} SET ${lastUsed.column} = @used WHERE ${isKey('IS')}`)
      .run({ used: lastUsed.valueOf(usedAtMs), ...key });
  }

  /** Whether the map holds this very row. */
  has(content: RowContent): boolean {
    const { isKey, bound } = this.#keyOf(columnsOf(content));
    return this.#select(isKey('IS'), bound) === content;
  }

  #isKeyThere(columns: readonly Column[]): boolean {
    const { isKey, bound } = this.#keyOf(columns);
    return this.#connection.statement(`SELECT 1 FROM ${this.#table.name} WHERE ${isKey('=')}`).get(bound) !== undefined;
  }

  /** @throws OperatingError (`bad-data`) where it is no row of such a map */
  #keyOf(columns: readonly Column[]) {
    const name = this.#table.key;
    const column = columns.find((one) => one[0].toLowerCase() === name);
    if (column === undefined) throw new OperatingError('bad-data', 'what was kept of it has no key');
    const isKey = (operator: '=' | 'IS') => `${name} ${operator} ${valueSql(column[1], '@key')}`;
    return { isKey, bound: { key: boundValue(column) } };
  }

  #contentOf(row: UncheckedResumeRow): RowContent | undefined {
    return this.#select(
      `${this.#order.isAt(row.locator)} AND ${unchanged(this.#table)}`,
      boundAsRead(this.#order, row),
    );
  }

  #select(condition: string, bound: Readonly<Record<string, unknown>>): RowContent | undefined {
    const names = this.#connection
      .statement('SELECT name FROM pragma_table_info(?)')
      .pluck()
      .all(this.#table.name) as string[];
    const sql = `SELECT ${names.map(columnSql).join(', ')} FROM ${this.#table.name} WHERE ${condition}`;
    const found = this.#connection.statement(sql).raw().get(bound) as unknown[] | undefined;
    if (found === undefined) return undefined;
    return JSON.stringify(names.map((name, index) => [name, found[2 * index], shown(found[2 * index + 1])]));
  }

  #deleteAsRead(row: WholeRow): number {
    return this.#connection
      .statement(`DELETE FROM ${this.#table.name} WHERE ${this.#order.isAt(row.locator)} AND ${unchanged(this.#table)}`)
      .run(boundAsRead(this.#order, row)).changes;
  }
}

/** What a host's own table says against a row: a rule of its own, or a column that is gone. @throws OperatingError (`bad-data`) */
export function takenByTable(refusal: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!/^SQLITE_(CONSTRAINT|ERROR|MISMATCH)/.test(errorCode(error) ?? '')) throw error;
    throw new OperatingError('bad-data', `${refusal}: ${errorMessage(error)}`, { cause: error });
  }
}

/** Deletes those that still are what their texts say, and yields after each hold what became of them. */
export async function* deleteWhole(
  rows: readonly WholeRow[],
  whole: WholeRows,
  deletions: ShortDeletions,
  holds: Parameters<ShortDeletions['deleteEach']>[2],
): AsyncGenerator<RowFates> {
  for await (const fates of deletions.deleteEach(rows, (row) => ({ row, fate: whole.delete(row) }), holds)) {
    const those = (wanted: keyof RowFates) => fates.filter(({ fate }) => fate === wanted).map(({ row }) => row);
    yield { deleted: those('deleted'), stayed: those('stayed') };
  }
}

function columnSql(name: string): string {
  const column = quoted(name);
  return `typeof(${column}), CASE typeof(${column}) WHEN 'text' THEN hex(CAST(${column} AS BLOB)) WHEN 'blob' THEN hex(${column})
    WHEN 'integer' THEN CAST(${column} AS TEXT) ELSE ${column} END`;
}

/** JSON knows no infinity. */
function shown(value: unknown): unknown {
  return typeof value === 'number' ? String(value) : value;
}

function columnsOf(content: RowContent): readonly Column[] {
  return JSON.parse(content) as Column[];
}

function boundValue([, type, value]: Column): unknown {
  if (type === 'text' || type === 'blob') return Buffer.from(String(value), 'hex');
  return type === 'real' ? Number(value) : value;
}

function valueSql(type: string, bound: string): string {
  if (type === 'text') return `CAST(${bound} AS TEXT)`;
  return type === 'integer' ? `CAST(${bound} AS INTEGER)` : bound;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
