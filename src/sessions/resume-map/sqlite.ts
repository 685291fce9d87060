/** The resume map in a SQLite file: the default one in the state directory, or a table in the host's own database. */

import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, EARLIEST_SENSIBLE_TIME_MS, systemClock } from '../../clock.ts';
import { BusyError, OperatingError } from '../../errors.ts';
import { fileIdentity } from '../../sqlite/file-identity.ts';
import { checkVersion, migrate } from '../../sqlite/migrate.ts';
import {
  BUSY_TIMEOUT_MS,
  guarded,
  openDatabaseForReading,
  openDatabaseInMemory,
  openExistingDatabase,
  openOwnDatabase,
  type SqliteDatabase,
} from '../../sqlite/open.ts';
import { BLOCKING_WAIT_MS, PatientCalls } from '../../sqlite/patient-calls.ts';
import { Statements } from '../../sqlite/statements.ts';
import type { Whereabouts } from '../../transcripts/whereabouts.ts';
import { parseProtectedId, parseSessionId, type SessionId } from '../session-id.ts';
import { checkedKey, parseSessionKey } from './keys.ts';
import type { LiveIds, MaintainableResumeMap, ResumeRow, UncheckedResumeRow } from './resume-map.ts';
import { DEFAULT_SESSION_MAX_AGE_MS, isSensibleTime, isStale, type SessionMaxAge } from './row-age.ts';
import {
  COUNTERS_TABLE,
  checkSessionsTable,
  createCountersTable,
  hasTable,
  IDENTITY_TABLE,
  IMPORTS_TABLE,
  PREVIEW_SCHEMA,
  RESUME_MAP_MIGRATIONS,
  SESSIONS_TABLE,
  VERSION_TABLE,
} from './schema.ts';
import { insertOnce, type SessionsJson } from './sessions-json.ts';

export interface SqliteResumeMapOptions {
  readonly maxSessionAge?: SessionMaxAge;
  readonly clock?: Clock;
  /** How long to wait for another writer; default five seconds. */
  readonly busyTimeoutMs?: number;
  /** Where the transcripts of all its sessions are; without it nobody looks. */
  readonly transcripts?: { whereIs(sessionId: SessionId): Whereabouts };
}

/** Rows in one transaction of a sweep: some milliseconds, so that a host's `setSession` never waits long. */
const SWEEP_BATCH_ROWS = 256;
/** Rows read at a time where the whole table is walked. */
const READ_PAGE_ROWS = 1_000;
/** A sweep sleeps at least this long between transactions: SQLite's waiters poll, and would starve otherwise. */
const SWEEP_PAUSE_MIN_MS = 2;

const ATTEMPTS = 'resume_attempts';
const FAILURES = 'resume_failures';

const ROW_COLUMNS = 'key, session_id AS sessionId, last_used_at AS lastUsedAtMs, created_at AS createdAtMs';
/** The same as `isStale`, in SQL: what is no number is never stale. */
const STALE = `typeof(last_used_at) IN ('integer', 'real') AND (last_used_at = 0 OR last_used_at >= ${EARLIEST_SENSIBLE_TIME_MS}) AND last_used_at < @cutoffMs`;

export class SqliteResumeMap implements MaintainableResumeMap {
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;
  readonly #statements: Statements;
  readonly #calls: PatientCalls;
  readonly #identity: string | undefined;
  readonly #transcripts: SqliteResumeMapOptions['transcripts'];
  #maxSessionAge: SessionMaxAge;
  /** Writers are held back by this very object: what it wrote itself now would be rolled back in silence. */
  #isHeld = false;

  private constructor(database: SqliteDatabase, options: SqliteResumeMapOptions) {
    this.#database = database;
    this.#statements = new Statements(database);
    this.#calls = new PatientCalls(options.busyTimeoutMs ?? BUSY_TIMEOUT_MS);
    database.pragma(`busy_timeout = ${BLOCKING_WAIT_MS}`);
    this.#identity = fileIdentity(database.name);
    this.#clock = options.clock ?? systemClock;
    this.#transcripts = options.transcripts;
    this.#maxSessionAge = checkedMaxAge(options.maxSessionAge ?? DEFAULT_SESSION_MAX_AGE_MS);
  }

  /**
   * Opens a database of ours, making or migrating it as needed.
   * @throws OperatingError `bad-data` (not a database, truncated, from a newer release), `unavailable`, `io`
   */
  static openOwn(path: string, options: SqliteResumeMapOptions = {}): SqliteResumeMap {
    const database = openOwnDatabase(path, (fresh) => migrate(fresh, VERSION_TABLE, RESUME_MAP_MIGRATIONS), options);
    return SqliteResumeMap.#opened(database, options, () => migrate(database, VERSION_TABLE, RESUME_MAP_MIGRATIONS));
  }

  /**
   * Opens a host's own database, which must exist and hold the table, and leaves its schema and journal mode alone.
   * @throws OperatingError as `openOwn`, and `config` where the table or a column of it is missing
   */
  static openExisting(path: string, options: SqliteResumeMapOptions = {}): SqliteResumeMap {
    return SqliteResumeMap.#opened(openExistingDatabase(path, options), options);
  }

  /** Opens for reading; no byte on disk changes. */
  static openForReading(path: string, options: SqliteResumeMapOptions = {}): SqliteResumeMap {
    return SqliteResumeMap.#opened(openDatabaseForReading(path), options);
  }

  /** As `openForReading`, of a database of ours. @throws OperatingError `bad-data`, too, where it is from a newer release */
  static openOwnForReading(path: string, options: SqliteResumeMapOptions = {}): SqliteResumeMap {
    const database = openDatabaseForReading(path);
    return SqliteResumeMap.#opened(database, options, () => {
      checkVersion(database, VERSION_TABLE, RESUME_MAP_MIGRATIONS);
    });
  }

  /**
   * A copy in memory, as the map would be once `pending` is imported: a dry run changes nothing on disk, and must not see less
   * for it.
   * @param onDisk the map as it is, where there is one; stays its owner's to close
   */
  static async preview(
    onDisk: SqliteResumeMap | undefined,
    pending: SessionsJson | undefined,
    options: SqliteResumeMapOptions = {},
  ): Promise<SqliteResumeMap> {
    const database = openDatabaseInMemory();
    const map = SqliteResumeMap.#opened(database, options, () => {
      database.exec(PREVIEW_SCHEMA);
    });
    if (onDisk !== undefined) copyTables(onDisk.#database, database);
    if (pending !== undefined) insertOnce(database, pending, map.#clock.now());
    return map;
  }

  static #opened(database: SqliteDatabase, options: SqliteResumeMapOptions, prepare?: () => void): SqliteResumeMap {
    try {
      guarded(database.name, 'open', () => {
        prepare?.();
        checkSessionsTable(database);
      });
      return new SqliteResumeMap(database, options);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  async getSession(key: string, { evenIfGone = false } = {}): Promise<SessionId | null> {
    checkedKey(key);
    return this.#write('get session', () => {
      const row = this.#statements.get(`SELECT ${ROW_COLUMNS} FROM ${SESSIONS_TABLE} WHERE key = ?`).get(key) as
        | UncheckedResumeRow
        | undefined;
      if (row === undefined) return null;
      if (isStale(row.lastUsedAtMs, this.#clock.now(), this.#maxSessionAge)) {
        this.#deleteOne(row);
        return null;
      }
      const id = parseSessionId(row.sessionId);
      const place = id === undefined || evenIfGone ? undefined : this.#transcripts?.whereIs(id);
      if (place === 'gone') this.#deleteOne(row);
      return id === undefined || place === 'gone' || place === 'in-trash' ? null : id;
    });
  }

  async setSession(key: string, sessionId: string): Promise<void> {
    checkedKey(key);
    const id = checkedSessionId(sessionId);
    await this.#write('set session', () => {
      this.#statements
        .get(
          `INSERT INTO ${SESSIONS_TABLE} (key, session_id, last_used_at, created_at) VALUES (@key, @id, @nowMs, @nowMs)
         ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id, last_used_at = excluded.last_used_at`,
        )
        .run({ key, id, nowMs: this.#clock.now() });
    });
  }

  async touchSession(key: string, sessionId: string): Promise<boolean> {
    checkedKey(key);
    const id = checkedSessionId(sessionId);
    return this.#write('mark session as used', () => {
      return (
        this.#statements
          .get(`UPDATE ${SESSIONS_TABLE} SET last_used_at = @nowMs WHERE key = @key AND session_id = @id`)
          .run({ key, id, nowMs: this.#clock.now() }).changes > 0
      );
    });
  }

  async dropSession(key: string): Promise<boolean> {
    checkedKey(key);
    return this.#write('drop session', () => {
      return this.#statements.get(`DELETE FROM ${SESSIONS_TABLE} WHERE key = ?`).run(key).changes > 0;
    });
  }

  async dropAllForIssue(
    repo: string,
    issueOrPr: string | number,
    options: { readonly forge?: string } = {},
  ): Promise<number> {
    const suffix = `:${repo}:${issueOrPr}`;
    return this.#write('drop sessions of an issue', () => {
      // The suffix narrows it down by exact comparison (LIKE has wildcards and ignores case); the parts decide.
      const candidates = this.#statements
        .get(`SELECT key FROM ${SESSIONS_TABLE} WHERE substr(key, -length(@suffix)) = @suffix`)
        .pluck()
        .all({ suffix }) as string[];
      const keys = candidates.filter((key) => {
        const parts = parseSessionKey(key);
        if (parts === undefined || parts.repo !== repo || parts.issue !== String(issueOrPr)) return false;
        return options.forge === undefined || parts.forge === options.forge;
      });
      const drop = this.#statements.get(`DELETE FROM ${SESSIONS_TABLE} WHERE key = ?`);
      return this.#database
        .transaction(() => keys.reduce((dropped, key) => dropped + drop.run(key).changes, 0))
        .immediate();
    });
  }

  async listSessions(): Promise<ResumeRow[]> {
    const rows: ResumeRow[] = [];
    for await (const page of this.readPages()) {
      for (const { key, sessionId, lastUsedAtMs, createdAtMs } of page) {
        const id = parseSessionId(sessionId);
        if (id === undefined || typeof key !== 'string') continue;
        rows.push({ key, sessionId: id, lastUsedAtMs: Number(lastUsedAtMs), createdAtMs: Number(createdAtMs) });
      }
    }
    return rows;
  }

  async listLiveSessionIds(): Promise<Set<SessionId>> {
    return (await this.readLiveIds()).ids;
  }

  async readLiveIds(): Promise<LiveIds> {
    return this.#run('read live ids from', () => {
      const nowMs = this.#clock.now();
      const ids = new Set<SessionId>();
      let malformed = 0;
      let senselessTimes = 0;
      const rows = this.#statements.get(
        `SELECT session_id AS sessionId, last_used_at AS lastUsedAtMs FROM ${SESSIONS_TABLE}`,
      );
      for (const row of rows.iterate() as IterableIterator<Pick<UncheckedResumeRow, 'sessionId' | 'lastUsedAtMs'>>) {
        const id = parseProtectedId(row.sessionId);
        if (id === undefined) malformed += 1;
        else ids.add(id);
        if (!isSensibleTime(row.lastUsedAtMs, nowMs)) senselessTimes += 1;
      }
      return { ids, malformed, senselessTimes };
    });
  }

  async *readPages(): AsyncGenerator<readonly UncheckedResumeRow[]> {
    const page = `SELECT ${ROW_COLUMNS} FROM ${SESSIONS_TABLE} WHERE key > ? ORDER BY key LIMIT ${READ_PAGE_ROWS}`;
    let after: unknown = '';
    for (;;) {
      const rows = (await this.#run('read', () => this.#statements.get(page).all(after))) as UncheckedResumeRow[];
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows;
      after = last.key;
    }
  }

  async sweepStaleSessions(): Promise<number> {
    if (this.#maxSessionAge === 'never') return 0;
    const cutoffMs = this.#clock.now() - this.#maxSessionAge;
    const stalePage = `SELECT key FROM ${SESSIONS_TABLE} WHERE key > @after AND ${STALE} ORDER BY key LIMIT ${SWEEP_BATCH_ROWS}`;
    let swept = 0;
    let after = '';
    for (;;) {
      // Read outside of the transaction: looking for stale rows among a million fresh ones must not hold a writer back.
      const keys = (await this.#run('sweep', () =>
        this.#statements.get(stalePage).pluck().all({ after, cutoffMs }),
      )) as string[];
      const last = keys.at(-1);
      if (last === undefined) return swept;
      after = last;
      swept += await this.#inShortTransaction('sweep', () => {
        const remove = this.#statements.get(`DELETE FROM ${SESSIONS_TABLE} WHERE key = @key AND ${STALE}`);
        return keys.reduce((removed, key) => removed + remove.run({ key, cutoffMs }).changes, 0);
      });
    }
  }

  async deleteUnchanged(rows: readonly UncheckedResumeRow[]): Promise<number> {
    let deleted = 0;
    for (let start = 0; start < rows.length; start += SWEEP_BATCH_ROWS) {
      const batch = rows.slice(start, start + SWEEP_BATCH_ROWS);
      deleted += await this.#inShortTransaction('sweep', () => {
        return batch.reduce((removed, row) => removed + this.#deleteOne(row), 0);
      });
    }
    return deleted;
  }

  async withWritersHeld<T>(
    ids: readonly SessionId[],
    act: (live: ReadonlySet<SessionId>) => T | Promise<T>,
  ): Promise<T> {
    await this.#write('hold writers of', () => {
      // IMMEDIATE: a deferred transaction that is upgraded later fails at once, whatever the timeout.
      this.#database.exec('BEGIN IMMEDIATE');
      this.#isHeld = true;
    });
    try {
      this.#refuseReplaced();
      const live = guarded(this.#database.name, 'read live ids from', () => {
        const found = this.#statements
          .get(
            `SELECT session_id FROM ${SESSIONS_TABLE} WHERE session_id COLLATE NOCASE IN (SELECT value FROM json_each(?))`,
          )
          .pluck()
          .all(JSON.stringify(ids));
        return new Set(found.map(parseProtectedId).filter((id) => id !== undefined));
      });
      return await act(live);
    } finally {
      // Nothing was written: this only lets the writers go. SQLite has rolled back by itself after some errors.
      this.#isHeld = false;
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
    }
  }

  /** Which map this is, of those that we have made; undefined for a host's own, or a copy. */
  async identity(): Promise<string | undefined> {
    return this.#run('read', () => {
      if (!hasTable(this.#database, IDENTITY_TABLE)) return undefined;
      return this.#statements.get(`SELECT identity FROM ${IDENTITY_TABLE}`).pluck().get() as string | undefined;
    });
  }

  async check(): Promise<void> {
    this.#refuseReplaced();
    await this.#run('read', () => this.#statements.get(`SELECT 1 FROM ${SESSIONS_TABLE} LIMIT 1`).get());
  }

  setMaxSessionAgeMs(maxAge: SessionMaxAge): void {
    this.#maxSessionAge = checkedMaxAge(maxAge);
  }

  async incrementSessionResumeAttempts(): Promise<void> {
    await this.#increment(ATTEMPTS);
  }

  async incrementSessionResumeFailures(): Promise<void> {
    await this.#increment(FAILURES);
  }

  async getSessionResumeAttemptsTotal(): Promise<number> {
    return this.#counter(ATTEMPTS);
  }

  async getSessionResumeFailuresTotal(): Promise<number> {
    return this.#counter(FAILURES);
  }

  async close(): Promise<void> {
    await this.#calls.run(() => this.#database.close());
  }

  /** Another file under our file's name: hosts write their rows there by now, and what we hold says nothing any more. */
  #refuseReplaced(): void {
    if (this.#database.memory || fileIdentity(this.#database.name) === this.#identity) return;
    throw new OperatingError('unavailable', `read resume map ${this.#database.name}: the file was replaced meanwhile`);
  }

  async #increment(name: string): Promise<void> {
    await this.#write('count in', () => {
      if (!hasTable(this.#database, COUNTERS_TABLE)) createCountersTable(this.#database);
      this.#statements
        .get(
          `INSERT INTO ${COUNTERS_TABLE} (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1`,
        )
        .run(name);
    });
  }

  async #counter(name: string): Promise<number> {
    return this.#run('read counters of', () => {
      if (!hasTable(this.#database, COUNTERS_TABLE)) return 0;
      const value = this.#statements.get(`SELECT value FROM ${COUNTERS_TABLE} WHERE name = ?`).pluck().get(name);
      return typeof value === 'number' ? value : 0;
    });
  }

  #deleteOne(row: UncheckedResumeRow): number {
    return this.#statements
      .get(
        `DELETE FROM ${SESSIONS_TABLE} WHERE key = @key AND session_id IS @sessionId AND last_used_at IS @lastUsedAtMs`,
      )
      .run({ key: row.key, sessionId: row.sessionId, lastUsedAtMs: row.lastUsedAtMs }).changes;
  }

  async #inShortTransaction(action: string, change: () => number): Promise<number> {
    const startedAt = performance.now();
    const changed = await this.#write(action, () => this.#database.transaction(change).immediate());
    // Nobody waits for a copy in memory.
    if (!this.#database.memory) await sleep(Math.max(SWEEP_PAUSE_MIN_MS, performance.now() - startedAt));
    return changed;
  }

  async #write<T>(action: string, call: () => T): Promise<T> {
    this.#refuseHeld(action);
    return this.#run(action, () => {
      // They may have been held back while this call waited for its turn.
      this.#refuseHeld(action);
      return call();
    });
  }

  #refuseHeld(action: string): void {
    if (this.#isHeld) throw new BusyError(`${action} ${this.#database.name}: its writers are held back right now`);
  }

  async #run<T>(action: string, call: () => T): Promise<T> {
    return this.#calls.run(() => guarded(this.#database.name, action, call));
  }
}

/** By 0 every row would be stale, by NaN none. */
function checkedMaxAge(maxAge: SessionMaxAge): SessionMaxAge {
  if (maxAge === 'never' || (Number.isFinite(maxAge) && maxAge > 0)) return maxAge;
  throw new OperatingError('usage', `session max age: ${maxAge} must be milliseconds, more than 0, or 'never'`);
}

/** Row by row as they are, whatever a host has let into its table. */
function copyTables(from: SqliteDatabase, to: SqliteDatabase): void {
  const copy = (table: string, columns: string) => {
    const placeholders = columns.replace(/\w+/g, '?');
    const insert = to.prepare(`INSERT INTO ${table} (${columns}) VALUES (${placeholders})`);
    for (const row of from.prepare(`SELECT ${columns} FROM ${table}`).raw().iterate())
      insert.run(...(row as unknown[]));
  };
  to.transaction(() => {
    copy(SESSIONS_TABLE, 'key, session_id, last_used_at, created_at');
    if (hasTable(from, IMPORTS_TABLE)) copy(IMPORTS_TABLE, 'file_identity, imported_at');
  })();
}

function checkedSessionId(sessionId: string): SessionId {
  const id = parseSessionId(sessionId);
  if (id !== undefined) return id;
  const shown = JSON.stringify(String(sessionId).slice(0, 64));
  throw new OperatingError('usage', `session id: ${shown} is not a lower-case UUID`);
}
