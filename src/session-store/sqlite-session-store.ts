/** The Agent SDK's `SessionStore` in a SQLite file: transcripts that a host keeps where it can resume them from any directory. */

import { type Clock, systemClock } from '../clock.ts';
import {
  absolutePath,
  checkOptions,
  type OptionChecks,
  required,
  someFunction,
  someObject,
} from '../config/host-options.ts';
import { operatingError } from '../errors.ts';
import { migrate } from '../sqlite/migrate.ts';
import { guarded, openOwnDatabase, type SqliteDatabase, throwIfClosed } from '../sqlite/open.ts';
import { Statements } from '../sqlite/statements.ts';
import {
  ENTRIES_TABLE,
  PURGED_TABLE,
  STORE_MIGRATIONS,
  STORE_VERSION_TABLE,
  STORED_TABLE,
  throwIfForeign,
} from './schema.ts';
import type { FoldSummary, SessionStoreEntry, SessionStoreKey, SessionSummary } from './sdk-shapes.ts';
import { boundKey, checkEntries, checkKey, folded, parseSummary, sdkFold, sessionOf, textOf } from './stored-form.ts';

export interface SqliteSessionStoreOptions {
  /** The SDK's; default: taken from `@anthropic-ai/claude-agent-sdk`, which must be installed then. */
  readonly foldSessionSummary?: FoldSummary;
  readonly clock?: Clock;
}

type PathAndOptions = SqliteSessionStoreOptions & { readonly path: string };

const CHECKS: OptionChecks<PathAndOptions> = {
  path: required(absolutePath),
  foldSessionSummary: someFunction,
  clock: someObject,
};

/**
 * Keeps entries in the order in which they came. An entry with a `uuid` is stored once, however often it comes; one without, every
 * time. Retention is the worker's (setting `sessions.store`): it hides what is removed, until the trash is purged.
 */
export class SqliteSessionStore {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
  readonly #clock: Clock;
  #fold: FoldSummary | undefined;

  /**
   * @param path absolute; the database is made, or migrated, as needed
   * @throws ConfigError naming every option that is wrong; OperatingError `config` (its tables are another program's, or Node or the SQLite binding does not serve), `bad-data`,
   * `unavailable`, `io`
   */
  constructor(path: string, options: SqliteSessionStoreOptions = {}) {
    checkOptions<PathAndOptions>('SqliteSessionStore', { path, ...options }, CHECKS);
    this.#clock = options.clock ?? systemClock;
    this.#fold = options.foldSessionSummary;
    const prepare = (database: SqliteDatabase) => migrate(database, STORE_VERSION_TABLE, STORE_MIGRATIONS);
    this.#database = openOwnDatabase(path, prepare);
    try {
      guarded(path, 'open', () => {
        throwIfForeign(this.#database);
        prepare(this.#database);
      });
    } catch (error) {
      this.#database.close();
      throw error;
    }
    this.#statements = new Statements(this.#database);
  }

  /** Adds to a transcript; what was removed and is not purged yet comes back by it. All of it, or nothing. */
  async append(key: SessionStoreKey, entries: SessionStoreEntry[]): Promise<void> {
    checkKey(key);
    checkEntries(entries);
    // Nothing was written: that makes no session, is no use of one, and brings none back.
    if (entries.length === 0) return this.#run('append to', () => throwIfClosed(this.#database));
    const fold = key.subpath === undefined ? await this.#folding() : undefined;
    this.#run('append to', () => this.#database.transaction(() => this.#append(key, entries, fold)).immediate());
  }

  /** The entries in their order, or null where nothing was ever stored, or it was removed. To load is to use. */
  async load(key: SessionStoreKey): Promise<SessionStoreEntry[] | null> {
    checkKey(key);
    return this.#run('load from', () => {
      if (this.#stored(key) === undefined) return null;
      const rows = this.#statements
        .get(
          `SELECT entry FROM ${ENTRIES_TABLE} WHERE project_key = @projectKey AND session_id = @sessionId AND subpath = @subpath ORDER BY id`,
        )
        .pluck()
        .all(boundKey(key)) as string[];
      if (rows.length === 0) return null;
      this.#statements
        .get(
          `UPDATE ${STORED_TABLE} SET last_used_at = max(last_used_at, @nowMs) WHERE project_key = @projectKey AND session_id = @sessionId`,
        )
        .run({ ...sessionOf(key), nowMs: this.#clock.now() });
      return rows.map((entry) => this.#parsed(entry, key));
    });
  }

  async listSessions(projectKey: string): Promise<{ sessionId: string; mtime: number }[]> {
    return this.#run('list', () => {
      return this.#statements
        .get(
          `SELECT session_id AS sessionId, mtime FROM ${STORED_TABLE} WHERE project_key = ? AND has_main = 1 AND trashed_at IS NULL`,
        )
        .all(projectKey) as { sessionId: string; mtime: number }[];
    });
  }

  async listSessionSummaries(projectKey: string): Promise<SessionSummary[]> {
    return this.#run('list', () => {
      const rows = this.#statements
        .get(`SELECT summary FROM ${STORED_TABLE} WHERE project_key = ? AND summary IS NOT NULL AND trashed_at IS NULL`)
        .pluck()
        .all(projectKey) as string[];
      return rows.flatMap((summary) => parseSummary(summary) ?? []);
    });
  }

  /**
   * Shows a session again that a prune has hidden and no purge has destroyed, under whatever project it is stored. That is a use of it.
   * `runWithSessionResume` asks for it where `options.sessionStore` is such a store.
   * @returns whether anything came back
   */
  async restore(sessionId: string): Promise<boolean> {
    return this.#run('restore in', () => {
      return (
        this.#statements
          .get(
            `UPDATE ${STORED_TABLE} SET trashed_at = NULL, trash_reason = NULL, last_used_at = max(last_used_at, @nowMs)
             WHERE session_id = @sessionId AND trashed_at IS NOT NULL`,
          )
          .run({ sessionId, nowMs: Math.floor(this.#clock.now()) }).changes > 0
      );
    });
  }

  /** Destroys a transcript at once; the main one with all its subagents' and its summary. */
  async delete(key: SessionStoreKey): Promise<void> {
    checkKey(key);
    const session = sessionOf(key);
    this.#run('delete from', () => {
      this.#database
        .transaction(() => {
          const ofSession = 'project_key = @projectKey AND session_id = @sessionId';
          if (key.subpath === undefined) {
            this.#statements.get(`DELETE FROM ${ENTRIES_TABLE} WHERE ${ofSession}`).run(session);
            this.#statements.get(`DELETE FROM ${STORED_TABLE} WHERE ${ofSession}`).run(session);
            this.#statements.get(`DELETE FROM ${PURGED_TABLE} WHERE ${ofSession}`).run(session);
            return;
          }
          const bound = boundKey(key);
          const bytes = this.#statements
            .get(
              `SELECT total(length(CAST(entry AS BLOB))) FROM ${ENTRIES_TABLE} WHERE ${ofSession} AND subpath = @subpath`,
            )
            .pluck()
            .get(bound);
          this.#statements.get(`DELETE FROM ${ENTRIES_TABLE} WHERE ${ofSession} AND subpath = @subpath`).run(bound);
          this.#statements
            .get(`UPDATE ${STORED_TABLE} SET bytes = max(0, bytes - @bytes) WHERE ${ofSession}`)
            .run({ ...session, bytes });
        })
        .immediate();
    });
  }

  async listSubkeys(key: { readonly projectKey: string; readonly sessionId: string }): Promise<string[]> {
    checkKey(key);
    return this.#run('list', () => {
      if (this.#stored(key) === undefined) return [];
      return this.#statements
        .get(
          `SELECT DISTINCT subpath FROM ${ENTRIES_TABLE} WHERE project_key = @projectKey AND session_id = @sessionId AND subpath > '' ORDER BY subpath`,
        )
        .pluck()
        .all(sessionOf(key)) as string[];
    });
  }

  /** Every call after it is refused with an OperatingError, but for another `close`. */
  close(): void {
    this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #append(key: SessionStoreKey, entries: SessionStoreEntry[], fold: FoldSummary | undefined): void {
    const session = sessionOf(key);
    const before = this.#statements
      .get(`SELECT mtime, summary FROM ${STORED_TABLE} WHERE project_key = @projectKey AND session_id = @sessionId`)
      .get(session) as { readonly mtime: number; readonly summary: string | null } | undefined;
    const nowMs = Math.floor(this.#clock.now());
    this.#forgetPurged(session);
    const insert = this.#statements.get(
      `INSERT OR IGNORE INTO ${ENTRIES_TABLE} (project_key, session_id, subpath, uuid, entry, created_at)
       VALUES (?, ?, ?, ?, ?, ?)`,
    );
    const { projectKey, sessionId, subpath } = boundKey(key);
    const added: SessionStoreEntry[] = [];
    let addedBytes = 0;
    for (const entry of entries) {
      const text = textOf(entry);
      const uuid = typeof entry.uuid === 'string' ? entry.uuid : null;
      if (insert.run(projectKey, sessionId, subpath, uuid, text, nowMs).changes === 0) continue;
      added.push(entry);
      addedBytes += Buffer.byteLength(text);
    }
    // Later than before even where the clock stands, so that a change is always seen. A subagent's entries leave the time as it is: they
    // are not folded into the summary, and the SDK loads every session whole whose listed time is younger than its summary's.
    const isMain = key.subpath === undefined;
    const mtime = before !== undefined && !isMain ? before.mtime : Math.max(nowMs, (before?.mtime ?? 0) + 1);
    const summary = fold === undefined ? (before?.summary ?? null) : folded(fold, before?.summary, key, added, mtime);
    this.#statements
      .get(
        `INSERT INTO ${STORED_TABLE} (project_key, session_id, mtime, last_used_at, bytes, has_main, summary)
         VALUES (@projectKey, @sessionId, @mtime, @nowMs, @addedBytes, @isMain, @summary)
         ON CONFLICT DO UPDATE SET mtime = excluded.mtime, last_used_at = max(last_used_at, excluded.last_used_at),
           bytes = bytes + excluded.bytes, has_main = max(has_main, excluded.has_main), summary = excluded.summary,
           trashed_at = NULL, trash_reason = NULL`,
      )
      .run({ ...session, mtime, nowMs, addedBytes, isMain: isMain ? 1 : 0, summary });
  }

  /** A session that begins anew under the name of one that is being purged: what is left of that is none of its own. */
  #forgetPurged(session: { readonly projectKey: string; readonly sessionId: string }): void {
    const ofSession = 'project_key = @projectKey AND session_id = @sessionId';
    const purged = this.#statements.get(`DELETE FROM ${PURGED_TABLE} WHERE ${ofSession}`).run(session).changes;
    if (purged > 0) this.#statements.get(`DELETE FROM ${ENTRIES_TABLE} WHERE ${ofSession}`).run(session);
  }

  /** Undefined for what is not there, or was removed. */
  #stored(key: { readonly projectKey: string; readonly sessionId: string }): unknown {
    return this.#statements
      .get(
        `SELECT 1 FROM ${STORED_TABLE} WHERE project_key = @projectKey AND session_id = @sessionId AND trashed_at IS NULL`,
      )
      .get(sessionOf(key));
  }

  #parsed(entry: string, { sessionId }: SessionStoreKey): SessionStoreEntry {
    try {
      return JSON.parse(entry) as SessionStoreEntry;
    } catch (error) {
      throw operatingError('bad-data', `load ${sessionId} from ${this.#database.name}: an entry is no JSON`, error);
    }
  }

  async #folding(): Promise<FoldSummary> {
    this.#fold ??= await sdkFold();
    return this.#fold;
  }

  #run<T>(action: string, call: () => T): T {
    return guarded(this.#database.name, action, call);
  }
}
