/** Watches a host whose clocks are turned: what has gone is held against true time, and what has run is read from the ledger. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { DAY_MS, type MadeSession } from '../support/tree.ts';
import { locate, type Prints } from './oracle.ts';

export const MAX_AGE_MS = 30 * DAY_MS;
export const ROW_AGE_MAX_MS = 20 * DAY_MS;
const TRASH_KEEP_MS = 7 * DAY_MS;
/** More than a look takes: what expires during one may be judged either way. */
const TOLERANCE_MS = 60_000;

export interface Run {
  readonly outcome: string;
  /** 1 where it was broken off before it was through. */
  readonly isStopped: 0 | 1;
  /** By the wall clock of the host. */
  readonly startedAtMs: number;
}

export interface Row {
  readonly key: string;
  readonly sessionId: string;
  /** True time. */
  readonly usedAtMs: number;
}

export interface Furniture {
  readonly claudeDir: string;
  readonly stateDir: string;
  readonly sessions: readonly MadeSession[];
  readonly prints: Prints;
  readonly rows: readonly Row[];
}

export class Watch {
  readonly #furniture: Furniture;
  /** True time at which each session was first seen in the trash. */
  readonly #trashedAtMs = new Map<string, number>();
  readonly #gone = new Set<string>();
  #rowKeys: ReadonlySet<unknown>;
  readonly #everNamed: ReadonlySet<string>;
  /** The latest time that the wall clock has shown. */
  #latestMs = 0;

  constructor(furniture: Furniture) {
    this.#furniture = furniture;
    this.#rowKeys = new Set(furniture.rows.map(({ key }) => key));
    this.#everNamed = new Set(furniture.rows.map(({ sessionId }) => sessionId));
  }

  /** One sentence for each session and row that has gone since the last look and should not have, or that is not whole. */
  look(trueMs: number, wallMs: number): { readonly wrong: readonly string[]; readonly damaged: readonly string[] } {
    const { claudeDir, sessions, prints } = this.#furniture;
    const keysNow = this.#keysNow();
    const wrong = this.#judgeRows(keysNow, trueMs);
    this.#latestMs = Math.max(this.#latestMs, wallMs);
    const shielded = { ids: this.#everNamed, latestMs: this.#latestMs };
    const { places, faults: damaged } = locate(claudeDir, sessions, prints, shielded);
    for (const session of sessions) {
      const place = places.get(session.id);
      if (place === 'trashed') wrong.push(...this.#judgeTrashed(session, keysNow, trueMs));
      if (place === 'gone') wrong.push(...this.#judgeGone(session, trueMs));
    }
    this.#rowKeys = keysNow;
    return { wrong, damaged };
  }

  removedCount(): number {
    const { claudeDir, sessions, prints } = this.#furniture;
    return [...locate(claudeDir, sessions, prints).places.values()].filter((place) => place !== 'here').length;
  }

  /** @returns one sentence for each session that a prune at this true time should have taken, and did not */
  overlooked(pruneMs: number): string[] {
    const { claudeDir, sessions, prints, rows } = this.#furniture;
    const { places } = locate(claudeDir, sessions, prints);
    return sessions
      .filter(({ id }) => places.get(id) === 'here' && rows.every(({ sessionId }) => sessionId !== id))
      .filter(({ mtimeMs }) => pruneMs - mtimeMs > MAX_AGE_MS)
      .map(({ id, mtimeMs }) => `session ${id} is still there, ${days(pruneMs - mtimeMs)} old`);
  }

  #judgeRows(keysNow: ReadonlySet<unknown>, trueMs: number): string[] {
    return this.#furniture.rows
      .filter(({ key }) => this.#rowKeys.has(key) && !keysNow.has(key))
      .filter(({ usedAtMs }) => trueMs - usedAtMs < ROW_AGE_MAX_MS - TOLERANCE_MS)
      .map(({ key, usedAtMs }) => `row ${key} is swept ${days(trueMs - usedAtMs)} after its use`);
  }

  #judgeTrashed(session: MadeSession, keysNow: ReadonlySet<unknown>, trueMs: number): string[] {
    if (this.#trashedAtMs.has(session.id)) return [];
    this.#trashedAtMs.set(session.id, trueMs);
    const row = this.#furniture.rows.find(({ sessionId }) => sessionId === session.id);
    const isNamed = row !== undefined && keysNow.has(row.key);
    const wasNamed = row !== undefined && this.#rowKeys.has(row.key) && trueMs - row.usedAtMs < ROW_AGE_MAX_MS;
    if (isNamed || wasNamed) return [`session ${session.id} is in the trash, and it is live`];
    const ageMs = trueMs - session.mtimeMs;
    return ageMs > MAX_AGE_MS - TOLERANCE_MS ? [] : [`session ${session.id} is in the trash, ${days(ageMs)} old`];
  }

  #judgeGone({ id }: MadeSession, trueMs: number): string[] {
    if (this.#gone.has(id)) return [];
    this.#gone.add(id);
    const trashedAtMs = this.#trashedAtMs.get(id) ?? Number.POSITIVE_INFINITY;
    if (trueMs - trashedAtMs > TRASH_KEEP_MS - TOLERANCE_MS) return [];
    return [`session ${id} is destroyed after ${days(Math.max(0, trueMs - trashedAtMs))} in the trash`];
  }

  #keysNow(): ReadonlySet<unknown> {
    return new Set(
      readDatabase(join(this.#furniture.stateDir, 'sessions.db'), (database) =>
        database.prepare('SELECT key FROM claude_sdk_sessions').pluck().all(),
      ),
    );
  }
}

/** The runs of a job, in the order in which they were written down. */
export function runsIn(stateDir: string, job: string): Run[] {
  const path = join(stateDir, 'ledger.db');
  if (!existsSync(path)) return [];
  return readDatabase(path, (database) => {
    const isStopped = "coalesce(json_extract(report, '$.stopped'), 0)";
    const select = `SELECT outcome, started_at AS startedAtMs, ${isStopped} AS isStopped FROM runs WHERE job = ? ORDER BY id`;
    return database.prepare(select).all(job) as Run[];
  });
}

function readDatabase<T>(path: string, read: (database: Database.Database) => T): T {
  const database = new Database(path, { readonly: true });
  try {
    return read(database);
  } finally {
    database.close();
  }
}

function days(durationMs: number): string {
  return `${(durationMs / DAY_MS).toFixed(1)} days`;
}
