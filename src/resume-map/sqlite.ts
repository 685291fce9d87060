/** The resume map in a SQLite file: the default one in the state directory, or a table in the host's own database. */

import type { SessionId } from '../claude-dir/session-id.ts';
import { type Clock, systemClock } from '../clock.ts';
import { ShortHolds, systemPacer, withoutRests } from '../sqlite/short-holds.ts';
import { throwIfTorn } from '../sqlite/whole-pages.ts';
import { ATTEMPTS, DROPPED, FAILURES } from './counter-names.ts';
import { DeadTurns } from './dead-turns.ts';
import { insertOnce, type SessionsJson } from './import/sessions-json.ts';
import { KeyLeases } from './key-leases.ts';
import { KeyRows } from './key-rows.ts';
import { checkedKey } from './keys.ts';
import { liveAmong, readLiveIds } from './live-ids.ts';
import { MapAge } from './map-age.ts';
import { MapConnection } from './map-connection.ts';
import { MapCounters } from './map-counters.ts';
import {
  type MapDatabase,
  openExistingMap,
  openMapForReading,
  openMapInMemory,
  openOwnMap,
  openOwnMapForReading,
} from './map-database.ts';
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
import type { SessionMaxAge } from './row-age.ts';
import type { RowOrder } from './row-order.ts';
import { deleteTrigger, hasTable, IDENTITY_TABLE, RESUME_MAP_TABLE, SESSIONS_TABLE } from './schema.ts';
import { ShortDeletions } from './short-deletions.ts';
import { listRows, readPages, sweepStale } from './walk.ts';
import { deleteWhole, WholeRows } from './whole-rows.ts';

export interface SqliteResumeMapOptions {
  readonly maxSessionAge?: SessionMaxAge;
  readonly clock?: Clock;
  /** How long to wait for another writer; default five seconds. */
  readonly busyTimeoutMs?: number;
  /** Is told after `getSession` has let a conversation go. */
  readonly onForgotten?: (forgotten: Forgotten) => void;
  /** Where the transcripts of all its sessions are; without it nobody looks. */
  readonly transcripts?: { whereIs(sessionId: SessionId): Whereabouts };
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
  readonly #counters: MapCounters;
  readonly events: MapCounters['events'];
  readonly #rows: KeyRows;
  readonly #age: MapAge;

  private constructor({ database, order }: MapDatabase, options: SqliteResumeMapOptions) {
    this.path = database.name;
    this.#connection = new MapConnection(database, options.busyTimeoutMs);
    this.#deletions = new ShortDeletions(this.#connection);
    this.#order = order;
    this.#whole = new WholeRows(this.#connection, this.#order);
    this.#clock = options.clock ?? systemClock;
    this.#leases = new KeyLeases(this.#connection, this.#clock);
    this.#deadTurns = new DeadTurns(this.#connection, this.#clock);
    this.#counters = new MapCounters(this.#connection);
    this.events = this.#counters.events;
    this.#age = new MapAge(this.#connection, options.maxSessionAge);
    this.#rows = new KeyRows(this.#connection, {
      ...{ clock: this.#clock, counters: this.#counters, age: this.#age },
      transcripts: options.transcripts,
      onForgotten: options.onForgotten,
    });
  }

  /**
   * Opens a database of ours, making or migrating it as needed.
   * @throws OperatingError `bad-data` (not a database, truncated, from a newer release), `unavailable`, `io`
   */
  static openOwn(path: string, options: SqliteResumeMapOptions = {}): SqliteResumeMap {
    return SqliteResumeMap.#opened(openOwnMap(path, options), options);
  }

  /**
   * Opens a host's own database, which must exist and hold the table, and leaves its schema and journal mode alone.
   * @throws OperatingError as `openOwn`, and `config` where the table or a column of it is missing
   */
  static openExisting(path: string, options: SqliteResumeMapOptions = {}): SqliteResumeMap {
    return SqliteResumeMap.#opened(openExistingMap(path, options), options);
  }

  /** Opens for reading; no byte on disk changes. */
  static openForReading(path: string, options: SqliteResumeMapOptions = {}): SqliteResumeMap {
    return SqliteResumeMap.#opened(openMapForReading(path, options), options);
  }

  /** As `openForReading`, of a database of ours. @throws OperatingError `bad-data`, too, where it is from a newer release */
  static openOwnForReading(path: string, options: SqliteResumeMapOptions = {}): SqliteResumeMap {
    return SqliteResumeMap.#opened(openOwnMapForReading(path), options);
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
    const opened = openMapInMemory();
    const map = SqliteResumeMap.#opened(opened, options);
    if (onDisk !== undefined) copyTables(onDisk.#connection.database, opened.database);
    if (pending !== undefined) insertOnce(opened.database, pending, map.#clock.now());
    return map;
  }

  static #opened(opened: MapDatabase, options: SqliteResumeMapOptions): SqliteResumeMap {
    try {
      return new SqliteResumeMap(opened, options);
    } catch (error) {
      opened.database.close();
      throw error;
    }
  }

  async getSession(key: string, options: { readonly evenIfGone?: boolean } = {}): Promise<SessionId | null> {
    return this.#rows.get(key, options);
  }

  async setSession(key: string, sessionId: string): Promise<void> {
    return this.#rows.set(key, sessionId);
  }

  async touchSession(key: string, sessionId: string): Promise<boolean> {
    return this.#rows.touch(key, sessionId);
  }

  async dropSession(key: string): Promise<boolean> {
    return this.#rows.drop(key);
  }

  async dropAllForIssue(
    repo: string,
    issueOrPr: string | number,
    options: { readonly forge?: string } = {},
  ): Promise<number> {
    return this.#rows.dropIssue(repo, issueOrPr, options);
  }

  async listSessions(): Promise<ResumeRow[]> {
    return listRows(this.readPages());
  }

  async listLiveSessionIds(): Promise<Set<SessionId>> {
    return (await this.readLiveIds()).ids;
  }

  async readLiveIds(): Promise<LiveIds> {
    return this.#connection.read('read live ids from', () => {
      return {
        ...readLiveIds(this.#connection, RESUME_MAP_TABLE, this.#clock.now()),
        droppedOnPurpose: this.#counters.counted(DROPPED),
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
      this.#connection.transact(() => this.#whole.insert(content, usedAtMs));
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
    this.#age.own = maxAge;
  }

  async maxSessionAge(): Promise<SessionMaxAge> {
    return this.#connection.read('read settings of', () => this.#age.inForce());
  }

  /** Writes the age by which this host goes, for everybody. */
  async writeMaxSessionAge(): Promise<void> {
    await this.#connection.write('write settings of', () => this.#age.write());
  }

  async incrementSessionResumeAttempts(): Promise<void> {
    await this.#counters.increment(ATTEMPTS);
  }

  async incrementSessionResumeFailures(): Promise<void> {
    await this.#counters.increment(FAILURES);
  }

  async getSessionResumeAttemptsTotal(): Promise<number> {
    return this.#counters.read(ATTEMPTS);
  }

  async getSessionResumeFailuresTotal(): Promise<number> {
    return this.#counters.read(FAILURES);
  }

  async getForgottenTotals(): Promise<Readonly<Record<ForgetReason, number>>> {
    return this.#counters.readForgotten();
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
}
