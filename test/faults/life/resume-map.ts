/** The resume map of the bots: changed by the library's own calls, by the machine's wall clock, and read with SQL alone. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { SqliteResumeMap } from '../../../src/resume-map/sqlite.ts';
import { DAY_MS } from '../../support/tree.ts';
import { SENSIBLE_FROM_MS } from './session-files.ts';

export const ROW_AGE_MAX_MS = 30 * DAY_MS;
const TOLERANCE_MS = 120_000;

export interface LifeRow {
  readonly id: string;
  /** By the wall clock of then. */
  readonly usedMs: number;
}

export class LifeResumeMap {
  /** As the bots mean it. */
  readonly rows = new Map<string, LifeRow>();
  readonly #path: string;
  readonly #onlyThisHost: boolean;
  /** The database is lost, and nobody has brought it back yet. */
  isLost = false;

  constructor(stateDir: string, onlyThisHost: boolean) {
    this.#path = join(stateDir, 'sessions.db');
    this.#onlyThisHost = onlyThisHost;
  }

  async set(key: string, id: string, wallMs: number): Promise<void> {
    this.rows.set(key, { id, usedMs: wallMs });
    await this.#with(wallMs, (map) => map.setSession(key, id));
  }

  async drop(key: string, wallMs: number): Promise<void> {
    this.rows.delete(key);
    await this.#with(wallMs, (map) => map.dropSession(key));
  }

  /** The bots write down again what they still know. */
  async mend(wallMs: number): Promise<void> {
    this.isLost = false;
    for (const [key, { id }] of [...this.rows]) await this.set(key, id, wallMs);
  }

  /** Session ids by key, as they are in the database. */
  read(): ReadonlyMap<string, string> {
    if (!existsSync(this.#path)) return new Map();
    const database = new Database(this.#path, { readonly: true });
    try {
      const rows = database.prepare('SELECT key, session_id FROM claude_sdk_sessions').raw().all();
      return new Map(rows as [string, string][]);
    } finally {
      database.close();
    }
  }

  /** @returns one sentence for each row that is gone before its time; rows whose time has come are forgotten */
  lostRows(
    found: ReadonlyMap<string, string>,
    moment: { readonly trueMs: number; readonly aheadMs: number },
    isTranscriptHere: (id: string) => boolean,
  ): string[] {
    if (this.isLost) return [];
    const lost: string[] = [];
    for (const [key, row] of [...this.rows]) {
      if (found.get(key) === row.id) continue;
      const isDangling = this.#onlyThisHost && !isTranscriptHere(row.id);
      const ageMs = moment.trueMs - row.usedMs;
      if (this.#isYoung(row, moment) && !isDangling)
        lost.push(`row ${key}: gone ${(ageMs / DAY_MS).toFixed(1)} days old`);
      this.rows.delete(key);
    }
    return lost;
  }

  /** Whether a row that is not stale names it. */
  isLive(id: string, moment: { readonly trueMs: number; readonly aheadMs: number }): boolean {
    return [...this.rows.values()].some((row) => row.id === id && this.#isYoung(row, moment));
  }

  /** A time that makes no sense says nothing against a row. */
  #isYoung({ usedMs }: LifeRow, { trueMs, aheadMs }: { readonly trueMs: number; readonly aheadMs: number }): boolean {
    return usedMs < SENSIBLE_FROM_MS || trueMs - usedMs < ROW_AGE_MAX_MS - aheadMs - TOLERANCE_MS;
  }

  async #with(wallMs: number, use: (map: SqliteResumeMap) => Promise<unknown>): Promise<void> {
    const map = SqliteResumeMap.openOwn(this.#path, { clock: { now: () => wallMs }, maxSessionAge: 'never' });
    try {
      await use(map);
    } finally {
      await map.close();
    }
  }
}
