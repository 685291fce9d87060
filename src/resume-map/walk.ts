/** Walks, lists and sweeps a whole map in SQLite, in steps so short that no host waits long, whatever stands in the host's table. */

import { parseSessionId } from '../claude-dir/session-id.ts';
import { EARLIEST_SENSIBLE_TIME_MS } from '../clock.ts';
import type { ShortHolds } from '../sqlite/short-holds.ts';
import type { MapConnection } from './map-connection.ts';
import type { MapTable } from './map-table.ts';
import type { ResumeRow, RowLocator, UncheckedFields, UncheckedResumeRow } from './resume-map.ts';
import type { RowOrder } from './row-order.ts';
import type { ShortDeletions } from './short-deletions.ts';

/** Rows read at a time. */
const READ_PAGE_ROWS = 1_000;
/** Rows found at a time, to be deleted. */
const STALE_PAGE_ROWS = 256;

/**
 * Another program may have written any bytes: a text that is not UTF-8 reaches JavaScript changed, and would never be found again. So a
 * row is found again by its bytes and their type.
 */
function rowColumns({ key, sessionId, lastUsedAtMs, createdAtMs, isOthers }: MapTable): string {
  return `${key} AS key, ${sessionId} AS sessionId, ${lastUsedAtMs} AS lastUsedAtMs, ${createdAtMs} AS createdAtMs, ${isOthers} AS isOthers,
    CAST(${key} AS BLOB) AS keyBytes, typeof(${key}) AS keyType, CAST(${sessionId} AS BLOB) AS sessionIdBytes`;
}

/** The same as `isStale`, in SQL: what is no number is never stale, and the younger time counts. */
function staleBefore({ lastUsedAtMs: used, createdAtMs: created }: MapTable): string {
  const isNumber = (time: string) => `typeof(${time}) IN ('integer', 'real')`;
  return `${isNumber(used)} AND (${used} = 0 OR ${used} >= ${EARLIEST_SENSIBLE_TIME_MS}) AND ${used} < @cutoffMs
    AND NOT (${isNumber(created)} AND ${created} >= @cutoffMs)`;
}

/** Whether a row is as it was read, by what `boundAsRead` binds. */
export function unchanged({ key, sessionId, lastUsedAtMs }: MapTable): string {
  return `typeof(${key}) IS @keyType AND CAST(${key} AS BLOB) IS @keyBytes
    AND CAST(${sessionId} AS BLOB) IS @sessionIdBytes AND ${lastUsedAtMs} IS @lastUsedAtMs`;
}

type FoundRow = UncheckedFields & RowLocator;

const ALL_ROWS = { condition: '1', bound: {} };

export async function* readPages(
  connection: MapConnection,
  order: RowOrder,
): AsyncGenerator<readonly UncheckedResumeRow[]> {
  let after: RowLocator | undefined;
  for (;;) {
    const rows = await readPage(connection, order, after, ALL_ROWS, READ_PAGE_ROWS);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    after = last.locator;
  }
}

/** @returns how many were deleted */
export function sweepStale(
  connection: MapConnection,
  order: RowOrder,
  deletions: ShortDeletions,
  holds: ShortHolds,
  cutoffMs: number,
): Promise<number> {
  return sweepWhere(connection, order, deletions, holds, { condition: staleBefore(order.table), bound: { cutoffMs } });
}

/** Which rows are to go: SQL over one row, and what it binds beside the row itself. */
export interface Doomed {
  readonly condition: string;
  readonly bound: Readonly<Record<string, unknown>>;
}

/** Deletes the rows that are doomed when they are read, and still are when they are deleted. @returns how many were */
export async function sweepWhere(
  connection: MapConnection,
  order: RowOrder,
  deletions: ShortDeletions,
  holds: ShortHolds,
  doomed: Doomed,
): Promise<number> {
  let swept = 0;
  let after: RowLocator | undefined;
  for (;;) {
    // Read outside of the transaction: looking for stale rows among a million fresh ones must not hold a writer back.
    const rows = await readPage(connection, order, after, doomed, STALE_PAGE_ROWS);
    const last = rows.at(-1);
    if (last === undefined) return swept;
    after = last.locator;
    const deleteOne = (row: UncheckedResumeRow) => deleteIfDoomed(connection, order, row, doomed);
    for await (const deleted of deletions.deleteEach(rows, deleteOne, holds)) {
      swept += deleted.reduce((total, one) => total + one, 0);
    }
  }
}

export function boundAsRead(order: RowOrder, row: UncheckedResumeRow): Readonly<Record<string, unknown>> {
  const { keyType, keyBytes, sessionIdBytes } = row.locator;
  return { ...order.bind(row.locator), keyType, keyBytes, sessionIdBytes, lastUsedAtMs: row.lastUsedAtMs };
}

/** Deletes the row that a host's own key names, while it still is as it was read. @returns how many rows that were */
export function deleteRowOfKey(
  connection: MapConnection,
  { name, key, sessionId, lastUsedAtMs }: MapTable,
  row: { readonly key: string; readonly sessionId: unknown; readonly lastUsedAtMs: unknown },
): number {
  const sql = `DELETE FROM ${name} WHERE ${key} = @key AND ${sessionId} IS @sessionId AND ${lastUsedAtMs} IS @lastUsedAtMs`;
  return connection.statement(sql).run(row).changes;
}

function deleteIfDoomed(
  connection: MapConnection,
  order: RowOrder,
  { locator }: UncheckedResumeRow,
  { condition, bound }: Doomed,
): number {
  const { name, key } = order.table;
  const isThatRow = `${order.isAt(locator)} AND CAST(${key} AS BLOB) IS @keyBytes`;
  return connection
    .statement(`DELETE FROM ${name} WHERE ${isThatRow} AND ${condition}`)
    .run({ ...bound, ...order.bind(locator), keyBytes: locator.keyBytes }).changes;
}

async function readPage(
  connection: MapConnection,
  order: RowOrder,
  after: RowLocator | undefined,
  { condition, bound }: Doomed,
  rowsMax: number,
): Promise<UncheckedResumeRow[]> {
  const from = after === undefined ? '' : `${order.isAfter(after)} AND `;
  const sql = `SELECT ${rowColumns(order.table)}, ${order.place} AS place FROM ${order.table.name}
    WHERE ${from}${condition} ORDER BY ${order.by} LIMIT ${rowsMax}`;
  const bindings = { ...bound, ...(after === undefined ? {} : order.bind(after)) };
  const found = await connection.read('read', () => connection.statement(sql).all(bindings) as FoundRow[]);
  return found.map(({ place, keyBytes, keyType, sessionIdBytes, ...row }) => ({
    ...row,
    locator: { place, keyBytes, keyType, sessionIdBytes },
  }));
}

/** All rows that can resume something, by key. */
export async function listRows(pages: AsyncIterable<readonly UncheckedResumeRow[]>): Promise<ResumeRow[]> {
  const rows: ResumeRow[] = [];
  for await (const page of pages) {
    for (const { key, sessionId, lastUsedAtMs, createdAtMs } of page) {
      const id = parseSessionId(sessionId);
      if (id === undefined || typeof key !== 'string') continue;
      rows.push({ key, sessionId: id, lastUsedAtMs: Number(lastUsedAtMs), createdAtMs: Number(createdAtMs) });
    }
  }
  return rows.sort((left, right) => Buffer.compare(Buffer.from(left.key), Buffer.from(right.key)));
}
