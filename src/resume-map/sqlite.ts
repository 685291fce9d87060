/** The resume map in a SQLite file: the default one in the state directory, or a table in the host's own database. */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import { type Clock, systemClock } from '../clock.ts';
import { DEFAULT_SESSION_MAX_AGE_MS } from '../config/settings/looked-after.ts';
import { checkVersion, migrate } from '../sqlite/migrate.ts';
import {
  guarded,
  openDatabaseForReading,
  openDatabaseInMemory,
  openExistingDatabase,
  openOwnDatabase,
  type SqliteDatabase,
} from '../sqlite/open.ts';
import { ShortHolds, systemPacer, withoutRests } from '../sqlite/short-holds.ts';
import { throwIfTorn } from '../sqlite/whole-pages.ts';
import { checkedMaxAge, checkedMaxAgeIfSet, checkedSessionId } from './checked-values.ts';
import { ATTEMPTS, DROPPED, FAILURES, FORGOTTEN } from './counter-names.ts';
import { DeadTurns } from './dead-turns.ts';
import { insertOnce, type SessionsJson } from './import/sessions-json.ts';
import { KeyLeases } from './key-leases.ts';
import { checkedKey, checkIssue, isOfIssue } from './keys.ts';
import { liveAmong, readLiveIds } from './live-ids.ts';
import { maxAgeInForce, writeMaxAge, writtenMaxAge } from './map-age.ts';
import { MapConnection } from './map-connection.ts';
import { copyTables } from './preview.ts';
import type {
  ForgetReason,
  Forgotten,
  KeyLease,
  LiveIds,
  MaintainableResumeMap,
  ResumeRow,
  RowContent,
  RowFates,
  TurnRecord,
  UncheckedResumeRow,
  Whereabouts,
  WholeRow,
} from './resume-map.ts';
import { isStale, mayBeLate, SECOND_LOOK_AFTER_MS, type SessionMaxAge } from './row-age.ts';
import { type RowOrder, rowOrderOf } from './row-order.ts';
import {
  COUNTERS_TABLE,
  checkMapTable,
  createCountersTable,
  deleteTrigger,
  hasTable,
  IDENTITY_TABLE,
  PREVIEW_SCHEMA,
  RESUME_MAP_MIGRATIONS,
  RESUME_MAP_TABLE,
  SESSIONS_TABLE,
  VERSION_TABLE,
} from './schema.ts';
import { ShortDeletions } from './short-deletions.ts';
import { deleteRowOfKey, readPages, sweepStale } from './walk.ts';
import { deleteWhole, WholeRows } from './whole-rows.ts';

export interface SqliteResumeMapOptions {
  readonly maxSessionAge?: SessionMaxAge;
  readonly clock?: Clock;
  /** How long to wait for another writer; default five seconds. */
  readonly busyTimeoutMs?: number;
  /** Where the transcripts of all its sessions are; without it nobody looks. */
  /** Is told after `getSession` has let a conversation go. */
  readonly onForgotten?: (forgotten: Forgotten) => void;
  readonly transcripts?: { whereIs(sessionId: SessionId): Whereabouts };
}

const GET = `SELECT session_id AS sessionId, last_used_at AS lastUsedAtMs, created_at AS createdAtMs FROM ${SESSIONS_TABLE} WHERE key = ?`;
const ID_OF_KEY = `SELECT session_id FROM ${SESSIONS_TABLE} WHERE key = ?`;
const SET = `INSERT INTO ${SESSIONS_TABLE} (key, session_id, last_used_at, created_at) VALUES (@key, @id, @nowMs, @nowMs)
  ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id, last_used_at = excluded.last_used_at`;
const TOUCH = `UPDATE ${SESSIONS_TABLE} SET last_used_at = @nowMs WHERE key = @key AND session_id = @id`;
const DROP = `DELETE FROM ${SESSIONS_TABLE} WHERE key = ?`;
/** LIKE has wildcards and ignores case. */
const KEYS_ENDING_IN = `SELECT key FROM ${SESSIONS_TABLE} WHERE substr(key, -length(@suffix)) = @suffix`;
const COUNT = `INSERT INTO ${COUNTERS_TABLE} (name, value) VALUES (@name, @by) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value`;
const COUNTER = `SELECT value FROM ${COUNTERS_TABLE} WHERE name = ?`;

/** The database is closed where it cannot be asked. @throws OperatingError */
function readOrder(database: SqliteDatabase): RowOrder {
  try {
    return guarded(database.name, 'open', () => rowOrderOf(database, RESUME_MAP_TABLE));
  } catch (error) {
    database.close();
    throw error;
  }
}

export class SqliteResumeMap implements MaintainableResumeMap {
  readonly path: string;
  readonly #connection: MapConnection;
  readonly #deletions: ShortDeletions;
  readonly #order: RowOrder;
  readonly #whole: WholeRows;
  readonly #leases: KeyLeases;
  readonly #deadTurns: DeadTurns;
  readonly #clock: Clock;
  readonly #transcripts: SqliteResumeMapOptions['transcripts'];
  readonly #onForgotten: SqliteResumeMapOptions['onForgotten'];
  #maxSessionAge: SessionMaxAge | undefined;

  private constructor(database: SqliteDatabase, options: SqliteResumeMapOptions) {
    this.path = database.name;
    this.#connection = new MapConnection(database, options.busyTimeoutMs);
    this.#deletions = new ShortDeletions(this.#connection);
    this.#order = readOrder(database);
    this.#whole = new WholeRows(this.#connection, this.#order);
    this.#clock = options.clock ?? systemClock;
    this.#leases = new KeyLeases(this.#connection, this.#clock);
    this.#deadTurns = new DeadTurns(this.#connection, this.#clock);
    this.#transcripts = options.transcripts;
    this.#onForgotten = options.onForgotten;
    this.#maxSessionAge = checkedMaxAgeIfSet(options.maxSessionAge);
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
    return SqliteResumeMap.#opened(openDatabaseForReading(path, options), options);
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
    if (onDisk !== undefined) copyTables(onDisk.#connection.database, database);
    if (pending !== undefined) insertOnce(database, pending, map.#clock.now());
    return map;
  }

  static #opened(database: SqliteDatabase, options: SqliteResumeMapOptions, prepare?: () => void): SqliteResumeMap {
    try {
      guarded(database.name, 'open', () => {
        prepare?.();
        checkMapTable(database, RESUME_MAP_TABLE);
      });
      return new SqliteResumeMap(database, options);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  async getSession(key: string, { evenIfGone = false } = {}): Promise<SessionId | null> {
    checkedKey(key);
    const transcripts = evenIfGone ? undefined : this.#transcripts;
    const found = await this.#connection.write('get session', () => this.#lookUp(key, transcripts));
    if (found !== 'gone') return found;
    // Claude renames a transcript between projects now and then: for an instant it is nowhere. Only a second look, while nobody can
    // write the row, ends a conversation.
    await sleep(SECOND_LOOK_AFTER_MS);
    return this.#connection.withWritersHeld(
      () => {
        const was = this.#connection.statement(ID_OF_KEY).pluck().get(key);
        const again = this.#lookUp(key, transcripts);
        if (again !== 'gone') return again;
        if (this.#dropped(this.#connection.statement(DROP).run(key).changes) > 0) this.#forgotten(key, was, 'gone');
        return null;
      },
      { keepsChanges: true },
    );
  }

  /** `gone`: its transcript is nowhere on this host, and the row is old enough for that to mean something. */
  #lookUp(key: string, transcripts: SqliteResumeMapOptions['transcripts']): SessionId | 'gone' | null {
    const row = this.#connection.statement(GET).get(key) as
      | Pick<UncheckedResumeRow, 'sessionId' | 'lastUsedAtMs' | 'createdAtMs'>
      | undefined;
    if (row === undefined) return null;
    const nowMs = this.#clock.now();
    if (
      isStale(row, nowMs, this.#maxSessionAge ?? DEFAULT_SESSION_MAX_AGE_MS) &&
      isStale(row, nowMs, this.#ageInForce())
    ) {
      const stale = { key, sessionId: row.sessionId, lastUsedAtMs: row.lastUsedAtMs };
      if (this.#dropped(deleteRowOfKey(this.#connection, RESUME_MAP_TABLE, stale)) > 0)
        this.#forgotten(key, row.sessionId, 'expired');
      return null;
    }
    const id = parseSessionId(row.sessionId);
    if (id === undefined) return null;
    const place = transcripts?.whereIs(id);
    if (place === 'in-trash') return null;
    return place === 'gone' && !mayBeLate(row, nowMs) ? 'gone' : id;
  }

  async setSession(key: string, sessionId: string): Promise<void> {
    checkedKey(key);
    const id = checkedSessionId(sessionId);
    const set = () => this.#connection.statement(SET).run({ key, id, nowMs: this.#clock.now() });
    await this.#connection.write('set session', set, key);
  }

  async touchSession(key: string, sessionId: string): Promise<boolean> {
    checkedKey(key);
    const id = checkedSessionId(sessionId);
    const touch = () => this.#connection.statement(TOUCH).run({ key, id, nowMs: this.#clock.now() }).changes > 0;
    return this.#connection.write('mark session as used', touch, key);
  }

  async dropSession(key: string): Promise<boolean> {
    checkedKey(key);
    return this.#connection.write('drop session', () => {
      return this.#inTransaction(() => this.#dropped(this.#connection.statement(DROP).run(key).changes)) > 0;
    });
  }

  async dropAllForIssue(
    repo: string,
    issueOrPr: string | number,
    options: { readonly forge?: string } = {},
  ): Promise<number> {
    checkIssue(repo, issueOrPr);
    const suffix = `:${repo}:${issueOrPr}`;
    return this.#connection.write('drop sessions of an issue', () => {
      // The suffix narrows it down by exact comparison; the parts decide.
      const candidates = this.#connection.statement(KEYS_ENDING_IN).pluck().all({ suffix }) as string[];
      const keys = candidates.filter((key) => isOfIssue(key, repo, issueOrPr, options.forge));
      const drop = this.#connection.statement(DROP);
      return this.#inTransaction(() => {
        return this.#dropped(keys.reduce((dropped, key) => dropped + drop.run(key).changes, 0));
      });
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
    return rows.sort((left, right) => Buffer.compare(Buffer.from(left.key), Buffer.from(right.key)));
  }

  async listLiveSessionIds(): Promise<Set<SessionId>> {
    return (await this.readLiveIds()).ids;
  }

  async readLiveIds(): Promise<LiveIds> {
    return this.#connection.read('read live ids from', () => {
      return {
        ...readLiveIds(this.#connection, RESUME_MAP_TABLE, this.#clock.now()),
        droppedOnPurpose: this.#counted(DROPPED),
      };
    });
  }

  readPages(): AsyncIterable<readonly UncheckedResumeRow[]> {
    return readPages(this.#connection, this.#order);
  }

  async sweepStaleSessions(): Promise<number> {
    this.#connection.throwIfClosed('sweep');
    const maxAge = await this.maxSessionAge();
    if (maxAge === 'never') return 0;
    const cutoffMs = this.#clock.now() - maxAge;
    // Whoever calls this waits for it: one timeout is enough.
    const holds = new ShortHolds(this.#connection.database.memory ? withoutRests : systemPacer, { busyMax: 1 });
    return sweepStale(this.#connection, this.#order, this.#deletions, holds, cutoffMs);
  }

  readWhole(rows: readonly UncheckedResumeRow[]): Promise<readonly WholeRow[]> {
    return this.#whole.read(rows);
  }

  deleteUnchanged(rows: readonly WholeRow[], holds: ShortHolds): AsyncIterable<RowFates> {
    return deleteWhole(rows, this.#whole, this.#deletions, holds);
  }

  async restoreRow(content: RowContent, usedAtMs?: number): Promise<void> {
    await this.#connection.write('restore a row of', () => {
      this.#inTransaction(() => this.#whole.insert(content, usedAtMs));
    });
  }

  async hasRow(content: RowContent): Promise<boolean> {
    return this.#connection.read('read', () => this.#whole.has(content));
  }

  async withWritersHeld<T>(
    ids: readonly SessionId[],
    act: (live: ReadonlySet<SessionId>) => T | Promise<T>,
    onHeld: () => void = () => undefined,
  ): Promise<T> {
    return this.#connection.withWritersHeld(() => {
      onHeld();
      return act(liveAmong(this.#connection, RESUME_MAP_TABLE, ids));
    });
  }

  /** Why a deletion would change more than the rows that it names; undefined where it would not. */
  async sweepObstacle(): Promise<string | undefined> {
    const trigger = await this.#connection.read('read', () =>
      deleteTrigger(this.#connection.database, RESUME_MAP_TABLE),
    );
    return trigger === undefined ? undefined : `its trigger ${trigger} acts on each deletion`;
  }

  /** Which map this is, of those that we have made; undefined for a host's own, or a copy. */
  async identity(): Promise<string | undefined> {
    return this.#connection.read('read', () => {
      if (!hasTable(this.#connection.database, IDENTITY_TABLE)) return undefined;
      return this.#connection.statement(`SELECT identity FROM ${IDENTITY_TABLE}`).pluck().get() as string | undefined;
    });
  }

  async check(): Promise<void> {
    this.#connection.throwIfReplaced();
    throwIfTorn(this.#connection.database);
    await this.#connection.read('read', () => {
      return this.#connection.statement(`SELECT 1 FROM ${SESSIONS_TABLE} LIMIT 1`).get();
    });
  }

  setMaxSessionAgeMs(maxAge: SessionMaxAge): void {
    this.#connection.throwIfClosed('set the maximum age of');
    this.#maxSessionAge = checkedMaxAge(maxAge);
  }

  async maxSessionAge(): Promise<SessionMaxAge> {
    return this.#connection.read('read settings of', () => this.#ageInForce());
  }

  /** Writes the age by which this host goes, for everybody. */
  async writeMaxSessionAge(): Promise<void> {
    await this.#connection.write('write settings of', () => {
      const own = this.#maxSessionAge ?? DEFAULT_SESSION_MAX_AGE_MS;
      if (writtenMaxAge(this.#connection) !== own) writeMaxAge(this.#connection, own);
    });
  }

  #ageInForce(): SessionMaxAge {
    return maxAgeInForce(this.#maxSessionAge, writtenMaxAge(this.#connection));
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

  async getForgottenTotals(): Promise<Readonly<Record<ForgetReason, number>>> {
    return this.#connection.read('read counters of', () => {
      return { expired: this.#counted(FORGOTTEN.expired), gone: this.#counted(FORGOTTEN.gone) };
    });
  }

  async leaseKey(key: string): Promise<KeyLease | undefined> {
    return this.#leases.take(checkedKey(key));
  }

  async watchTurns(key: string, sessionId: SessionId | undefined): Promise<TurnRecord> {
    return this.#deadTurns.watch(checkedKey(key), sessionId);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #increment(name: string): Promise<void> {
    await this.#connection.write('count in', () => this.#count(name, 1));
  }

  /** Counts rows that were taken out on purpose; a host's own schema is not changed for it. @returns how many */
  #dropped(rows: number): number {
    if (rows > 0 && hasTable(this.#connection.database, COUNTERS_TABLE)) this.#count(DROPPED, rows);
    return rows;
  }

  #forgotten(key: string, id: unknown, reason: ForgetReason): void {
    if (hasTable(this.#connection.database, COUNTERS_TABLE)) this.#count(FORGOTTEN[reason], 1);
    const sessionId = parseSessionId(id);
    if (sessionId === undefined) return;
    try {
      this.#onForgotten?.({ key, sessionId, reason });
    } catch {
      // What a host does with it is no reason for a look-up to fail: the row is gone by now.
    }
  }

  #count(name: string, by: number): void {
    const { database } = this.#connection;
    if (!hasTable(database, COUNTERS_TABLE)) createCountersTable(database);
    this.#connection.statement(COUNT).run({ name, by });
  }

  /** Both or neither: a row that is gone and not counted would pass for lost. */
  #inTransaction<T>(change: () => T): T {
    return this.#connection.database.transaction(change).immediate();
  }

  async #counter(name: string): Promise<number> {
    return this.#connection.read('read counters of', () => this.#counted(name));
  }

  #counted(name: string): number {
    if (!hasTable(this.#connection.database, COUNTERS_TABLE)) return 0;
    const value = this.#connection.statement(COUNTER).pluck().get(name);
    return typeof value === 'number' ? value : 0;
  }
}
