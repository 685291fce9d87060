/** How long rows of a map in PostgreSQL live: written in the map itself, for all its hosts and workers. */

import type { PostgresTransaction } from '../../postgres/postgres-database.ts';
import { MAX_AGE, parseMaxAge } from '../map-age.ts';
import type { SessionMaxAge } from '../row-age.ts';
import { SETTINGS_TABLE } from '../schema.ts';

const GET = `SELECT value FROM ${SETTINGS_TABLE} WHERE name = $1`;
const SET = `INSERT INTO ${SETTINGS_TABLE} (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

/** @returns what a host has written; undefined where none has, or it makes no sense */
export async function writtenMaxAge(transaction: PostgresTransaction): Promise<SessionMaxAge | undefined> {
  const [row] = await transaction.rows<{ value: string }>(GET, MAX_AGE);
  return parseMaxAge(row?.value);
}

export async function writeMaxAge(transaction: PostgresTransaction, maxAge: SessionMaxAge): Promise<void> {
  await transaction.change(SET, MAX_AGE, String(maxAge));
}
