/** The counters that stand beside the rows of a map in SQLite; a host's own schema is changed for them only where it counts something. */

import { counterOf, DROPPED, FORGOTTEN } from './counter-names.ts';
import type { MapConnection } from './map-connection.ts';
import { type ForgetReason, SESSION_EVENTS, type SessionEvent, type SessionEvents } from './resume-map.ts';
import { COUNTERS_TABLE, createCountersTable, hasTable } from './schema.ts';

const COUNT = `INSERT INTO ${COUNTERS_TABLE} (name, value) VALUES (@name, @by) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value`;
const COUNTER = `SELECT value FROM ${COUNTERS_TABLE} WHERE name = ?`;

export class MapCounters {
  readonly #connection: MapConnection;
  readonly events: SessionEvents = {
    count: (event) => this.increment(counterOf(event)),
    totals: () => {
      return this.#connection.read('read counters of', () => {
        const totals = SESSION_EVENTS.map((event) => [event, this.counted(counterOf(event))] as const);
        return Object.fromEntries(totals) as Record<SessionEvent, number>;
      });
    },
  };

  constructor(connection: MapConnection) {
    this.#connection = connection;
  }

  async increment(name: string): Promise<void> {
    await this.#connection.write('count in', () => this.#count(name, 1));
  }

  async read(name: string): Promise<number> {
    return this.#connection.read('read counters of', () => this.counted(name));
  }

  async readForgotten(): Promise<Readonly<Record<ForgetReason, number>>> {
    return this.#connection.read('read counters of', () => {
      return { expired: this.counted(FORGOTTEN.expired), gone: this.counted(FORGOTTEN.gone) };
    });
  }

  /** The same as `read`, for whoever is reading already. */
  counted(name: string): number {
    if (!hasTable(this.#connection.database, COUNTERS_TABLE)) return 0;
    const value = this.#connection.statement(COUNTER).pluck().get(name);
    return typeof value === 'number' ? value : 0;
  }

  /** Counts rows that were taken out on purpose, where the map has counters. @returns how many */
  dropped(rows: number): number {
    if (rows > 0 && hasTable(this.#connection.database, COUNTERS_TABLE)) this.#count(DROPPED, rows);
    return rows;
  }

  /** Counts a conversation that was let go, where the map has counters. */
  forgotten(reason: ForgetReason): void {
    if (hasTable(this.#connection.database, COUNTERS_TABLE)) this.#count(FORGOTTEN[reason], 1);
  }

  #count(name: string, by: number): void {
    const { database } = this.#connection;
    if (!hasTable(database, COUNTERS_TABLE)) createCountersTable(database);
    this.#connection.statement(COUNT).run({ name, by });
  }
}
