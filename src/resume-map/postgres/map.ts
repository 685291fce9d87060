/** The resume map in PostgreSQL, for hosts that share their conversations: one clock, the database's, and rows that name their host. */

import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseSessionId, type SessionId } from '../../claude-dir/session-id.ts';
import { type Clock, systemClock } from '../../clock.ts';
import { DEFAULT_SESSION_MAX_AGE_MS } from '../../config/settings/looked-after.ts';
import type { PostgresOptions } from '../../postgres/postgres-database.ts';
import { NOW_MS, serverNowMs, textArray } from '../../postgres/sql-text.ts';
import type { ShortHolds } from '../../sqlite/short-holds.ts';
import { checkedMaxAge, checkedMaxAgeIfSet, checkedSessionId } from '../checked-values.ts';
import { ATTEMPTS, FAILURES, FORGOTTEN } from '../counter-names.ts';
import { checkedKey, checkIssue, isOfIssue } from '../keys.ts';
import { maxAgeInForce } from '../map-age.ts';
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
} from '../resume-map.ts';
import { SECOND_LOOK_AFTER_MS, type SessionMaxAge } from '../row-age.ts';
import { SESSIONS_TABLE } from '../schema.ts';
import { PostgresMapConnection } from './connection.ts';
import { count, counted, dropped, eventsOf } from './counters.ts';
import { PostgresDeadTurns } from './dead-turns.ts';
import { PostgresKeyLeases } from './key-leases.ts';
import { liveAmong, readLiveIds } from './live-ids.ts';
import { type LookedUp, lookAgain, lookUp } from './look-up.ts';
import { PostgresRows } from './rows.ts';
import { deletionObstacle, findMap, makeMap } from './schema.ts';
import { writeMaxAge, writtenMaxAge } from './settings.ts';

export interface PostgresResumeMapOptions extends Omit<PostgresOptions, 'maxConnections'> {
  /** What its rows say of where their transcripts are; default: the name of this host. */
  readonly host?: string;
  /** The Claude directory, which its rows say too. */
  readonly claudeDir?: string;
  readonly maxSessionAge?: SessionMaxAge;
  /** Where the transcripts of this host's sessions are; without it nobody looks. */
  readonly transcripts?: { whereIs(sessionId: SessionId): Whereabouts };
  /** Is told after `getSession` has let a conversation go. */
  readonly onForgotten?: (forgotten: Forgotten) => void;
}

const SET = `INSERT INTO ${SESSIONS_TABLE} (key, session_id, last_used_at, created_at, host, claude_dir)
  SELECT $1::text, $2::text, now_ms, now_ms, $3::text, $4::text FROM (SELECT ${NOW_MS} AS now_ms) AS clock
  ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id, last_used_at = excluded.last_used_at,
    host = excluded.host, claude_dir = excluded.claude_dir`;
/** Whoever uses it has its transcript. */
const TOUCH = `UPDATE ${SESSIONS_TABLE} SET last_used_at = ${NOW_MS}, host = $3, claude_dir = $4
  WHERE key = $1 AND session_id = $2`;
/** A column that is missing is seen by it. */
const CHECK = `SELECT key, session_id, last_used_at, created_at, host, claude_dir FROM ${SESSIONS_TABLE} LIMIT 1`;
const DROP = `DELETE FROM ${SESSIONS_TABLE} WHERE key = $1`;
const DROP_ALL = `DELETE FROM ${SESSIONS_TABLE} WHERE key = ANY ($1::text::text[])`;
/** LIKE has wildcards. */
const KEYS_ENDING_IN = `SELECT key FROM ${SESSIONS_TABLE} WHERE right(key, length($1::text)) = $1::text`;

export class PostgresResumeMap implements MaintainableResumeMap {
  /** Shows no password. */
  readonly path: string;
  readonly events: ReturnType<typeof eventsOf>;
  readonly #connection: PostgresMapConnection;
  readonly #rows: PostgresRows;
  readonly #leases: PostgresKeyLeases;
  readonly #deadTurns: PostgresDeadTurns;
  readonly #options: PostgresResumeMapOptions & { readonly host: string };
  #maxSessionAge: SessionMaxAge | undefined;

  private constructor(url: string, options: PostgresResumeMapOptions, setUp: typeof makeMap) {
    const {
      host = hostname(),
      claudeDir: _,
      maxSessionAge,
      transcripts: __,
      onForgotten: ___,
      ...connecting
    } = options;
    this.#maxSessionAge = checkedMaxAgeIfSet(maxSessionAge);
    this.#connection = new PostgresMapConnection(url, connecting, setUp);
    this.events = eventsOf(this.#connection);
    this.path = this.#connection.name;
    this.#options = { ...options, host };
    this.#rows = new PostgresRows(this.#connection, host);
    this.#leases = new PostgresKeyLeases(this.#connection);
    this.#deadTurns = new PostgresDeadTurns(this.#connection);
  }

  /** For a host: the first call makes the tables, or migrates them, as needed. @throws ConfigError where the URL is none */
  static open(url: string, options: PostgresResumeMapOptions = {}): PostgresResumeMap {
    return new PostgresResumeMap(url, options, makeMap);
  }

  /** For the worker: the tables must be there, and every call rejects with an OperatingError where they are not. */
  static openExisting(url: string, options: PostgresResumeMapOptions = {}): PostgresResumeMap {
    return new PostgresResumeMap(url, options, findMap);
  }

  async getSession(key: string, { evenIfGone = false } = {}): Promise<SessionId | null> {
    checkedKey(key);
    const { host, transcripts } = this.#options;
    const rules = () => ({
      maxSessionAge: this.#maxSessionAge,
      host,
      transcripts: evenIfGone ? undefined : transcripts,
    });
    const first = await this.#connection.write('get session', (transaction) => lookUp(transaction, key, rules()));
    if (first.found !== 'gone') return this.#told(first);
    // As in SQLite: for an instant a transcript may be nowhere, and only a second look ends a conversation.
    await sleep(SECOND_LOOK_AFTER_MS);
    return this.#told(
      await this.#connection.write('get session', (transaction) => lookAgain(transaction, key, rules())),
    );
  }

  #told({ found, forgotten }: LookedUp): SessionId | null {
    try {
      if (forgotten !== undefined) this.#options.onForgotten?.(forgotten);
    } catch {
      // What a host does with it is no reason for a look-up to fail: the row is gone by now.
    }
    return found === 'gone' ? null : found;
  }

  async setSession(key: string, sessionId: string): Promise<void> {
    await this.#writeOfHost('set session', SET, key, sessionId);
  }

  async touchSession(key: string, sessionId: string): Promise<boolean> {
    return (await this.#writeOfHost('mark session as used', TOUCH, key, sessionId)) > 0;
  }

  async #writeOfHost(action: string, sql: string, key: string, sessionId: string): Promise<number> {
    const values = [checkedKey(key), checkedSessionId(sessionId), this.#options.host, this.#options.claudeDir ?? null];
    return this.#connection.write(action, (transaction) => transaction.change(sql, ...values), key);
  }

  async dropSession(key: string): Promise<boolean> {
    checkedKey(key);
    return this.#connection.write('drop session', async (transaction) => {
      return (await dropped(transaction, await transaction.change(DROP, key))) > 0;
    });
  }

  async dropAllForIssue(
    repo: string,
    issueOrPr: string | number,
    options: { readonly forge?: string } = {},
  ): Promise<number> {
    checkIssue(repo, issueOrPr);
    return this.#connection.write('drop sessions of an issue', async (transaction) => {
      // The suffix narrows it down by exact comparison; the parts decide.
      const candidates = await transaction.rows<{ key: string }>(KEYS_ENDING_IN, `:${repo}:${issueOrPr}`);
      const keys = candidates.map(({ key }) => key).filter((key) => isOfIssue(key, repo, issueOrPr, options.forge));
      return dropped(transaction, await transaction.change(DROP_ALL, textArray(keys)));
    });
  }

  async listSessions(): Promise<ResumeRow[]> {
    const rows: ResumeRow[] = [];
    for await (const page of this.#rows.pages('all')) {
      for (const { key, sessionId, lastUsedAtMs, createdAtMs } of page) {
        const id = parseSessionId(sessionId);
        if (id === undefined) continue;
        rows.push({
          key: String(key),
          sessionId: id,
          lastUsedAtMs: Number(lastUsedAtMs),
          createdAtMs: Number(createdAtMs),
        });
      }
    }
    return rows;
  }

  async listLiveSessionIds(): Promise<Set<SessionId>> {
    return (await this.readLiveIds()).ids;
  }

  async readLiveIds(): Promise<LiveIds> {
    return this.#connection.read('read live ids from', readLiveIds);
  }

  /** Those of this host: what others hold is theirs to judge. */
  readPages(): AsyncIterable<readonly UncheckedResumeRow[]> {
    return this.#rows.pages('own');
  }

  /** Of the rows of this host. */
  async sweepStaleSessions(): Promise<number> {
    const maxAge = await this.maxSessionAge();
    return maxAge === 'never' ? 0 : this.#rows.sweepStale(maxAge);
  }

  readWhole(rows: readonly UncheckedResumeRow[]): Promise<readonly WholeRow[]> {
    return this.#rows.readWhole(rows);
  }

  deleteUnchanged(rows: readonly WholeRow[], holds: ShortHolds): AsyncIterable<RowFates> {
    return this.#rows.deleteUnchanged(rows, holds);
  }

  async restoreRow(content: RowContent, usedAtMs?: number): Promise<void> {
    await this.#rows.restore(content, usedAtMs);
  }

  async hasRow(content: RowContent): Promise<boolean> {
    return this.#rows.has(content);
  }

  async withWritersHeld<T>(
    ids: readonly SessionId[],
    act: (live: ReadonlySet<SessionId>) => T | Promise<T>,
    onHeld: () => void = () => undefined,
  ): Promise<T> {
    return this.#connection.withWritersHeld(onHeld, (transaction) => liveAmong(transaction, ids), act);
  }

  async sweepObstacle(): Promise<string | undefined> {
    return this.#connection.read('read', deletionObstacle);
  }

  async check(): Promise<void> {
    await this.#connection.read('read', (transaction) => transaction.rows(CHECK));
  }

  /** By which the rows are stamped: this host's own may go wrong. */
  async rowClock(): Promise<Clock> {
    const nowMs = await this.#connection.read('read', serverNowMs);
    const aheadMs = nowMs - systemClock.now();
    return { now: () => systemClock.now() + aheadMs };
  }

  setMaxSessionAgeMs(maxAge: SessionMaxAge): void {
    this.#connection.throwIfClosed('set the maximum age of');
    this.#maxSessionAge = checkedMaxAge(maxAge);
  }

  async maxSessionAge(): Promise<SessionMaxAge> {
    const written = await this.#connection.read('read settings of', writtenMaxAge);
    return maxAgeInForce(this.#maxSessionAge, written);
  }

  /** Writes the age by which this host goes, for everybody. */
  async writeMaxSessionAge(): Promise<void> {
    await this.#connection.write('write settings of', async (transaction) => {
      const own = this.#maxSessionAge ?? DEFAULT_SESSION_MAX_AGE_MS;
      if ((await writtenMaxAge(transaction)) !== own) await writeMaxAge(transaction, own);
    });
  }

  async incrementSessionResumeAttempts(): Promise<void> {
    await this.#connection.write('count in', (transaction) => count(transaction, ATTEMPTS));
  }

  async incrementSessionResumeFailures(): Promise<void> {
    await this.#connection.write('count in', (transaction) => count(transaction, FAILURES));
  }

  async getSessionResumeAttemptsTotal(): Promise<number> {
    return this.#connection.read('read counters of', (transaction) => counted(transaction, ATTEMPTS));
  }

  async getSessionResumeFailuresTotal(): Promise<number> {
    return this.#connection.read('read counters of', (transaction) => counted(transaction, FAILURES));
  }

  async getForgottenTotals(): Promise<Readonly<Record<ForgetReason, number>>> {
    return this.#connection.read('read counters of', async (transaction) => {
      const expired = await counted(transaction, FORGOTTEN.expired);
      return { expired, gone: await counted(transaction, FORGOTTEN.gone) };
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
}
