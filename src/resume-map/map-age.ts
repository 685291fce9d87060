/** How long rows of a map live: written in the map itself, so that a host and the worker that looks after it cannot disagree. */

import { DEFAULT_SESSION_MAX_AGE_MS } from '../config/settings/looked-after.ts';
import { checkedMaxAge, checkedMaxAgeIfSet } from './checked-values.ts';
import type { MapConnection } from './map-connection.ts';
import type { SessionMaxAge } from './row-age.ts';
import { createSettingsTable, hasTable, SETTINGS_TABLE } from './schema.ts';

/** Under which it is written. */
export const MAX_AGE = 'max_session_age_ms';
const GET = `SELECT value FROM ${SETTINGS_TABLE} WHERE name = ?`;
const SET = `INSERT INTO ${SETTINGS_TABLE} (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

/** @returns what a host has written; undefined where none has, or it makes no sense */
export function writtenMaxAge(connection: MapConnection): SessionMaxAge | undefined {
  if (!hasTable(connection.database, SETTINGS_TABLE)) return undefined;
  return parseMaxAge(connection.statement(GET).pluck().get(MAX_AGE));
}

/** @returns undefined where it makes no sense */
export function parseMaxAge(value: unknown): SessionMaxAge | undefined {
  if (value === 'never') return 'never';
  const ageMs = typeof value === 'string' ? Number(value) : Number.NaN;
  return Number.isFinite(ageMs) && ageMs > 0 ? ageMs : undefined;
}

export function writeMaxAge(connection: MapConnection, maxAge: SessionMaxAge): void {
  const { database } = connection;
  if (!hasTable(database, SETTINGS_TABLE)) createSettingsTable(database);
  connection.statement(SET).run(MAX_AGE, String(maxAge));
}

/**
 * What is written counts, and one's own setting only where it keeps rows for longer.
 * @param own undefined where nobody has set it: the default is nobody's setting, however long somebody else says the same
 */
export function maxAgeInForce(own: SessionMaxAge | undefined, written: SessionMaxAge | undefined): SessionMaxAge {
  if (own === undefined) return written ?? DEFAULT_SESSION_MAX_AGE_MS;
  if (written === undefined) return own;
  return own === 'never' || written === 'never' ? 'never' : Math.max(own, written);
}

/** How long the rows of one map live, by this host's own setting and by what is written in the map. */
export class MapAge {
  readonly #connection: MapConnection;
  #set: SessionMaxAge | undefined;

  /** @param set undefined where nobody has set it */
  constructor(connection: MapConnection, set: SessionMaxAge | undefined) {
    this.#connection = connection;
    this.#set = checkedMaxAgeIfSet(set);
  }

  /** This host's own setting, or the default. */
  get own(): SessionMaxAge {
    return this.#set ?? DEFAULT_SESSION_MAX_AGE_MS;
  }

  set own(maxAge: SessionMaxAge) {
    this.#set = checkedMaxAge(maxAge);
  }

  /** Reads the map. */
  inForce(): SessionMaxAge {
    return maxAgeInForce(this.#set, writtenMaxAge(this.#connection));
  }

  /** Writes this host's own setting into the map, for everybody. */
  write(): void {
    if (writtenMaxAge(this.#connection) !== this.own) writeMaxAge(this.#connection, this.own);
  }
}
