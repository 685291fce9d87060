/** The thread map in a SQLite file that other programs may have made, and may be writing to. */

import { parseProtectedId, type SessionId } from '../claude-dir/session-id.ts';
import { type Clock, systemClock } from '../clock.ts';
import { liveAmong, readLiveIds } from '../resume-map/live-ids.ts';
import { MapConnection } from '../resume-map/map-connection.ts';
import type {
  LiveIds,
  LiveMap,
  RowContent,
  RowFates,
  SweepableMap,
  UncheckedResumeRow,
  WholeRow,
} from '../resume-map/resume-map.ts';
import { type RowOrder, rowOrderOf } from '../resume-map/row-order.ts';
import { deleteTrigger } from '../resume-map/schema.ts';
import { ShortDeletions } from '../resume-map/short-deletions.ts';
import { readPages, sweepWhere } from '../resume-map/walk.ts';
import { deleteWhole, WholeRows } from '../resume-map/whole-rows.ts';
import {
  guarded,
  openDatabaseForReading,
  openExistingDatabase,
  openOwnDatabase,
  type SqliteDatabase,
} from '../sqlite/open.ts';
import { ShortHolds } from '../sqlite/short-holds.ts';
import { throwIfTorn } from '../sqlite/whole-pages.ts';
import { changeRow, throwIfWithinChange, writeOne } from './row-changes.ts';
import { channelPairs, checkText, checkTtl, newRow, type RawRow, toSession } from './rows.ts';
import {
  addFunctions,
  COLUMNS,
  checkSchema,
  ensureSchema,
  HAS_CHANNEL,
  HAS_TIMES,
  IS_EXPIRED,
  IS_STALE_CHANNEL,
  makeSchema,
  THREAD_MAP_TABLE,
} from './schema.ts';
import type { NewThreadSession, ThreadMap, ThreadPruning, ThreadSession, ThreadUpdate } from './thread-map.ts';

export interface SqliteThreadMapOptions {
  readonly clock?: Clock;
  /** How long to wait for another writer; default five seconds. */
  readonly busyTimeoutMs?: number;
}

const ALL = COLUMNS.join(', ');
const GET = `SELECT ${ALL} FROM sessions WHERE thread_ts = ?`;
const ACTIVE = `SELECT ${ALL} FROM sessions WHERE status IS NOT 'error' ORDER BY thread_ts`;
const WHY = 'SELECT session_id, thread_ts, repo FROM sessions';
/** Another program may have written texts of any length. */
const WHY_LENGTH_MAX = 200;
const HAS_ID = 'SELECT 1 FROM sessions WHERE session_id = ? LIMIT 1';
/** What a host keeps in columns of its own stays: REPLACE would delete the row. A table may say IGNORE of itself. */
const INSERT = `INSERT OR ABORT INTO sessions (${ALL}) VALUES (${COLUMNS.map((column) => `@${column}`).join(', ')})
  ON CONFLICT (thread_ts) DO UPDATE SET ${COLUMNS.slice(1)
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')}`;

export class SqliteThreadMap implements ThreadMap, LiveMap, SweepableMap {
  readonly path: string;
  readonly #connection: MapConnection;
  readonly #deletions: ShortDeletions;
  readonly #order: RowOrder;
  readonly #whole: WholeRows;
  readonly #clock: Clock;

  private constructor(database: SqliteDatabase, options: SqliteThreadMapOptions) {
    this.path = database.name;
    this.#connection = new MapConnection(database, options.busyTimeoutMs, THREAD_MAP_TABLE.what);
    this.#deletions = new ShortDeletions(this.#connection);
    this.#order = rowOrderOf(database, THREAD_MAP_TABLE);
    this.#whole = new WholeRows(this.#connection, this.#order);
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Opens a host's map, and makes what is missing of it: the file, the table, the index. Its journal mode is whoever's made it; a new one
   * has a WAL.
   * @param prepare is given the database before the map is used
   * @throws OperatingError `bad-data` (not a database, or truncated), `config` (its table `sessions` is another one), `unavailable`, `io`
   */
  static open(
    path: string,
    options: SqliteThreadMapOptions = {},
    prepare: (database: SqliteDatabase) => void = () => undefined,
  ): SqliteThreadMap {
    return SqliteThreadMap.#opened(openOwnDatabase(path, makeSchema, options), options, (database) => {
      ensureSchema(database);
      prepare(database);
    });
  }

  /** As it is: it must be there, and nothing is made. */
  static openExisting(path: string, options: SqliteThreadMapOptions = {}): SqliteThreadMap {
    return SqliteThreadMap.#opened(openExistingDatabase(path, options), options, checkSchema);
  }

  /** Opens for reading; no byte on disk changes. */
  static openForReading(path: string, options: SqliteThreadMapOptions = {}): SqliteThreadMap {
    return SqliteThreadMap.#opened(openDatabaseForReading(path, options), options, checkSchema);
  }

  static #opened(
    database: SqliteDatabase,
    options: SqliteThreadMapOptions,
    prepare: (database: SqliteDatabase) => void,
  ): SqliteThreadMap {
    try {
      return guarded(database.name, 'open', () => {
        addFunctions(database);
        prepare(database);
        return new SqliteThreadMap(database, options);
      });
    } catch (error) {
      database.close();
      throw error;
    }
  }

  async insert(session: NewThreadSession): Promise<void> {
    const row = newRow(session);
    await this.#connection.write('insert into', () => {
      throwIfWithinChange(this.#connection);
      writeOne('insert into', () => this.#connection.statement(INSERT).run(row));
    });
  }

  async getByThread(threadTs: string): Promise<ThreadSession | null> {
    checkText('getByThread', 'threadTs', threadTs);
    return this.#connection.read('read', () => {
      const row = this.#connection.statement(GET).get(threadTs) as RawRow | undefined;
      return row === undefined ? null : toSession(row);
    });
  }

  async update(threadTs: string, change: ThreadUpdate): Promise<ThreadSession> {
    checkText('update', 'threadTs', threadTs);
    return changeRow(this.#connection, threadTs, change);
  }

  async activeSessions(): Promise<ThreadSession[]> {
    return this.#connection.read('read', () => {
      return (this.#connection.statement(ACTIVE).all() as RawRow[]).map(toSession);
    });
  }

  async hasSessionId(sessionId: string): Promise<boolean> {
    checkText('hasSessionId', 'sessionId', sessionId);
    return this.#connection.read('read', () => this.#connection.statement(HAS_ID).get(sessionId) !== undefined);
  }

  async pruneExpired(ttl: number | 'never'): Promise<ThreadPruning> {
    checkTtl(ttl);
    const unreadable = await this.#countNot(HAS_TIMES);
    if (ttl === 'never') return { deleted: 0, unreadable };
    return { deleted: await this.#prune(IS_EXPIRED, { cutoffMs: this.#clock.now() - ttl }), unreadable };
  }

  async pruneStaleChannels(
    channels: Readonly<Record<string, string>> | ReadonlyMap<string, string>,
  ): Promise<ThreadPruning> {
    const pairs = channelPairs(channels);
    const unreadable = await this.#countNot(HAS_CHANNEL);
    return { deleted: await this.#prune(IS_STALE_CHANNEL, { channels: pairs }), unreadable };
  }

  async listLiveSessionIds(): Promise<Set<SessionId>> {
    return (await this.readLiveIds()).ids;
  }

  async readLiveIds(): Promise<LiveIds> {
    return this.#connection.read('read live ids from', () => {
      const live = readLiveIds(this.#connection, THREAD_MAP_TABLE, this.#clock.now());
      // How many rows were taken out on purpose stands nowhere: the table is as its hosts know it.
      return { ...live, droppedOnPurpose: 0, reasons: this.#reasons() };
    });
  }

  async withWritersHeld<T>(
    ids: readonly SessionId[],
    act: (live: ReadonlySet<SessionId>) => T | Promise<T>,
    onHeld: () => void = () => undefined,
  ): Promise<T> {
    return this.#connection.withWritersHeld(() => {
      onHeld();
      return act(liveAmong(this.#connection, THREAD_MAP_TABLE, ids));
    });
  }

  async check(): Promise<void> {
    this.#connection.throwIfReplaced();
    throwIfTorn(this.#connection.database);
    await this.#connection.read('read', () => this.#connection.statement('SELECT 1 FROM sessions LIMIT 1').get());
  }

  readPages(): AsyncIterable<readonly UncheckedResumeRow[]> {
    return readPages(this.#connection, this.#order);
  }

  readWhole(rows: readonly UncheckedResumeRow[]): Promise<readonly WholeRow[]> {
    return this.#whole.read(rows);
  }

  deleteUnchanged(rows: readonly WholeRow[], holds: ShortHolds): AsyncIterable<RowFates> {
    return deleteWhole(rows, this.#whole, this.#deletions, holds);
  }

  async sweepObstacle(): Promise<string | undefined> {
    const trigger = await this.#connection.read('read', () => {
      return deleteTrigger(this.#connection.database, THREAD_MAP_TABLE);
    });
    return trigger === undefined ? undefined : `its trigger ${trigger} acts on each deletion`;
  }

  async restoreRow(content: RowContent, usedAtMs?: number): Promise<void> {
    const insert = this.#connection.database.transaction(() => this.#whole.insert(content, usedAtMs));
    await this.#connection.write('restore a row of', () => insert.immediate());
  }

  async hasRow(content: RowContent): Promise<boolean> {
    return this.#connection.read('read', () => this.#whole.has(content));
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Of several threads of one session, one is named. */
  #reasons(): Map<SessionId, string> {
    const rows = this.#connection.statement(WHY).raw().iterate() as Iterable<[unknown, unknown, unknown]>;
    const reasons = new Map<SessionId, string>();
    for (const [sessionId, threadTs, repo] of rows) {
      const id = parseProtectedId(sessionId);
      if (id !== undefined) reasons.set(id, `thread ${threadTs} of ${repo}`.slice(0, WHY_LENGTH_MAX));
    }
    return reasons;
  }

  #countNot(condition: string): Promise<number> {
    return this.#connection.read('read', () => {
      return this.#connection
        .statement(`SELECT count(*) FROM sessions WHERE NOT (${condition})`)
        .pluck()
        .get() as number;
    });
  }

  #prune(condition: string, bound: Readonly<Record<string, unknown>>): Promise<number> {
    this.#connection.throwIfClosed('prune');
    // Whoever calls this waits for it: one timeout is enough.
    const holds = new ShortHolds(undefined, { busyMax: 1 });
    return sweepWhere(this.#connection, this.#order, this.#deletions, holds, { condition, bound });
  }
}
