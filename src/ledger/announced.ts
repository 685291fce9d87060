/** Which sessions were announced to go, and since when; lost with the ledger, the notice begins anew. */

import type { Announcements } from '../jobs/ledger-contracts.ts';
import { guarded, type SqliteDatabase } from '../sqlite/open.ts';
import { Statements } from '../sqlite/statements.ts';

export class AnnouncedTable implements Announcements {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
  /** A ledger of an older release that is only read has none. */
  readonly #isThere: boolean;

  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = new Statements(database);
    this.#isThere = guarded(database.name, 'read', () => {
      return database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'announced'`).get() !== undefined;
    });
  }

  announced(place: string): ReadonlyMap<string, number> {
    if (!this.#isThere) return new Map();
    return guarded(this.#database.name, 'read', () => {
      const rows = this.#statements
        .get('SELECT session, announced_at AS atMs FROM announced WHERE place = ?')
        .all(place);
      return new Map((rows as { session: string; atMs: number }[]).map(({ session, atMs }) => [session, atMs]));
    });
  }

  recordAnnounced(place: string, sessions: ReadonlyMap<string, number>): void {
    if (sessions.size === 0 && this.announced(place).size === 0) return;
    guarded(this.#database.name, 'record what is announced in', () => {
      const write = () => {
        const before = this.announced(place);
        const remove = this.#statements.get('DELETE FROM announced WHERE place = ? AND session = ?');
        for (const session of before.keys()) if (!sessions.has(session)) remove.run(place, session);
        const put = this.#statements.get('INSERT OR REPLACE INTO announced VALUES (?, ?, ?)');
        for (const [session, atMs] of sessions) if (before.get(session) !== atMs) put.run(place, session, atMs);
      };
      this.#database.transaction(write).immediate();
    });
  }

  /** What was announced before then: the place may be gone. */
  forget(untilMs: number): void {
    this.#statements.get('DELETE FROM announced WHERE announced_at < ?').run(untilMs);
  }
}
