/** Rows that were swept from a resume map, whole, until the purge: in the ledger's database, so that the host's own is left as it is. */

import type { SweptRow, SweptRowRecorder, SweptRowTrash, SweptRun } from '../jobs/ledger-contracts.ts';
import { guarded, type SqliteDatabase } from '../sqlite/open.ts';
import { Statements } from '../sqlite/statements.ts';
import type { Audit } from './audit.ts';
import type { AuditEvent } from './audit-entry.ts';

/** One row as it lies in the trash of rows. */
export interface KeptRow extends SweptRow {
  readonly number: number;
  readonly runAtMs: number;
}

const KEPT = `SELECT id AS number, run_at AS runAtMs, key, session_id AS sessionId, last_used_at AS lastUsedAtMs, reason, content,
  swept_at AS sweptAtMs FROM swept_rows WHERE map = @map AND restored_at IS NULL`;

export class SweptRows implements SweptRowRecorder, SweptRowTrash {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
  readonly #audit: Audit;
  /** A ledger of an older release that is only read has kept none. */
  readonly #isThere: boolean;

  constructor(database: SqliteDatabase, audit: Audit) {
    this.#database = database;
    this.#audit = audit;
    this.#statements = new Statements(database);
    this.#isThere = guarded(database.name, 'read', () => {
      return database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'swept_rows'`).get() !== undefined;
    });
  }

  recordSwept({ map, runAtMs }: SweptRun, rows: readonly SweptRow[]): readonly number[] {
    return this.#write('record swept rows in', () => {
      // A sweep that was killed, or one beside this, may have written the same row down: once is enough.
      const remove = this.#statements.get(
        'DELETE FROM swept_rows WHERE map = ? AND key = ? AND content = ? AND restored_at IS NULL',
      );
      const insert = this.#statements.get(
        `INSERT INTO swept_rows (map, run_at, key, session_id, last_used_at, reason, content, swept_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      );
      this.#audit.append(rows.map((row) => rowEvent('row-swept', map, row.key, row.sweptAtMs, row.reason)));
      return rows.map(({ key, sessionId, lastUsedAtMs, reason, content, sweptAtMs }) => {
        remove.run(map, key, content);
        const { lastInsertRowid } = insert.run(
          map,
          runAtMs,
          key,
          sessionId,
          lastUsedAtMs ?? null,
          reason,
          content,
          sweptAtMs,
        );
        return Number(lastInsertRowid);
      });
    });
  }

  forgetSwept(numbers: readonly number[]): void {
    if (numbers.length === 0) return;
    this.#write('record swept rows in', () => {
      this.#audit.append(numbers.flatMap((number) => this.#eventOf(number, 'row-stayed')));
      const remove = this.#statements.get('DELETE FROM swept_rows WHERE id = ?');
      for (const number of numbers) remove.run(number);
    });
  }

  restoredSince(map: string, sinceMs: number): ReadonlyMap<string, string> {
    const rows = this.#read(() => {
      return this.#statements
        .get('SELECT key, session_id AS sessionId FROM swept_rows WHERE map = ? AND restored_at >= ?')
        .all(map, sinceMs) as Pick<SweptRow, 'key' | 'sessionId'>[];
    });
    return new Map(rows.map(({ key, sessionId }) => [key, sessionId]));
  }

  sweptRuns(): ReturnType<SweptRowTrash['sweptRuns']> {
    return this.#read(() => {
      return this.#statements
        .get(
          `SELECT map, run_at AS runAtMs, count(*) AS rows, max(swept_at) AS lastSweptAtMs FROM swept_rows
           WHERE restored_at IS NULL GROUP BY map, run_at`,
        )
        .all() as (SweptRun & { readonly rows: number; readonly lastSweptAtMs: number })[];
    });
  }

  purgeSwept(run: SweptRun, nowMs: number): number {
    return this.#write('purge swept rows of', () => {
      const { changes } = this.#statements
        .get('DELETE FROM swept_rows WHERE map = @map AND run_at = @runAtMs AND restored_at IS NULL')
        .run({ map: run.map, runAtMs: run.runAtMs });
      const swept = `swept at ${new Date(run.runAtMs).toISOString()}`;
      if (changes > 0) this.#audit.append([rowEvent('rows-purged', run.map, `${changes} rows`, nowMs, swept)]);
      return changes;
    });
  }

  /** The rows of a map that can be brought back, the latest first; of one that was swept again and again as it was, the latest alone. */
  kept(map: string): readonly KeptRow[] {
    return this.#read(() => this.#statements.get(`${KEPT} ORDER BY id DESC`).all({ map }) as KeptRow[]);
  }

  /** Those that the latest sweep took. */
  keptByLastRun(map: string): readonly KeptRow[] {
    return this.#read(() => {
      return this.#statements
        .get(
          `${KEPT} AND run_at = (SELECT run_at FROM swept_rows WHERE map = @map ORDER BY id DESC LIMIT 1) ORDER BY id`,
        )
        .all({ map }) as KeptRow[];
    });
  }

  /** It is in the map again, and spared by sweeps for as long as a row that was used now. */
  noteRestored(number: number, nowMs: number): void {
    this.#write('record restored rows in', () => {
      this.#statements.get('UPDATE swept_rows SET restored_at = ? WHERE id = ?').run(nowMs, number);
      this.#audit.append(this.#eventOf(number, 'row-restored', nowMs));
    });
  }

  /** What was brought back so long ago that it says nothing any more. */
  forgetRestored(untilMs: number): void {
    this.#statements.get('DELETE FROM swept_rows WHERE restored_at < ?').run(untilMs);
  }

  /** @param atMs without it, when the row was swept */
  #eventOf(number: number, what: 'row-stayed' | 'row-restored', atMs?: number): AuditEvent[] {
    const row = this.#statements
      .get('SELECT map, key, reason, swept_at AS sweptAtMs FROM swept_rows WHERE id = ?')
      .get(number);
    if (row === undefined) return [];
    const { map, key, reason, sweptAtMs } = row as Pick<SweptRow, 'key' | 'reason' | 'sweptAtMs'> & {
      readonly map: string;
    };
    return [rowEvent(what, map, key, atMs ?? sweptAtMs, reason)];
  }

  #read<T>(call: () => readonly T[]): readonly T[] {
    return this.#isThere ? guarded(this.#database.name, 'read', call) : [];
  }

  #write<T>(action: string, change: () => T): T {
    return guarded(this.#database.name, action, () => this.#database.transaction(change).immediate());
  }
}

function rowEvent(what: AuditEvent['what'], map: string, key: string, atMs: number, reason: string): AuditEvent {
  return { what, atMs, subject: key, place: map, run: null, reason, bytes: null };
}
