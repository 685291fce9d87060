/** The counters beside the rows of a resume map in PostgreSQL. */

import type { PostgresTransaction } from '../../postgres/postgres-database.ts';
import { counterOf, DROPPED } from '../counter-names.ts';
import { SESSION_EVENTS, type SessionEvent, type SessionEvents } from '../resume-map.ts';
import { COUNTERS_TABLE } from '../schema.ts';
import type { PostgresMapConnection } from './connection.ts';

const COUNT = `INSERT INTO ${COUNTERS_TABLE} AS counter (name, value) VALUES ($1, $2)
  ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value`;
const COUNTER = `SELECT value FROM ${COUNTERS_TABLE} WHERE name = $1`;

export async function count(transaction: PostgresTransaction, name: string, by = 1): Promise<void> {
  await transaction.change(COUNT, name, by);
}

export async function counted(transaction: PostgresTransaction, name: string): Promise<number> {
  const [row] = await transaction.rows<{ value: number }>(COUNTER, name);
  return row?.value ?? 0;
}

/** What has befallen conversations, as all hosts have counted it. */
export function eventsOf(connection: PostgresMapConnection): SessionEvents {
  return {
    count: (event) => connection.write('count in', (transaction) => count(transaction, counterOf(event))),
    totals: () =>
      connection.read('read counters of', async (transaction) => {
        const totals: Partial<Record<SessionEvent, number>> = {};
        for (const event of SESSION_EVENTS) totals[event] = await counted(transaction, counterOf(event));
        return totals as Record<SessionEvent, number>;
      }),
  };
}

/** Counts rows that were taken out on purpose, with the same commit: else they would pass for lost. @returns how many */
export async function dropped(transaction: PostgresTransaction, rows: number): Promise<number> {
  if (rows > 0) await count(transaction, DROPPED, rows);
  return rows;
}
