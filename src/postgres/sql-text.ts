/** Pieces of SQL that stand in many statements. */

import type { PostgresTransaction } from './postgres-database.ts';

/** Whole milliseconds of the database's clock, which is the same for all hosts. */
export const NOW_MS = 'floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

export async function serverNowMs(transaction: PostgresTransaction): Promise<number> {
  const [row] = await transaction.rows<{ nowMs: number }>(`SELECT ${NOW_MS} AS "nowMs"`);
  return row?.nowMs ?? Number.NaN;
}

/** The text form of an array of texts: for `$1::text::text[]`, which needs no type to be looked up in the database. */
export function textArray(values: readonly (string | null)[]): string {
  const quoted = (value: string) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
  return `{${values.map((value) => (value === null ? 'NULL' : quoted(value))).join(',')}}`;
}
