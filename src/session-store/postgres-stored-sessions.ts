/** A session store in PostgreSQL as the worker sees it: removed, restored and destroyed beside the programs that write to it. */

import { hostname } from 'node:os';
import type { SessionId } from '../claude-dir/session-id.ts';
import type { SessionMarks } from '../claude-dir/transcript-marks.ts';
import { type Clock, systemClock } from '../clock.ts';
import { DEFAULT_TABLES, type SharedStoreSettings, type StoreForm, sharedStoreName } from '../config/store-settings.ts';
import { OperatingError } from '../errors.ts';
import { hasTable } from '../postgres/migrate.ts';
import { PostgresDatabase, type PostgresOptions, type PostgresTransaction } from '../postgres/postgres-database.ts';
import { serverNowMs } from '../postgres/sql-text.ts';
import { inspectStore, type StoreTables } from './postgres-forms.ts';
import { forgetKept, type SilentHost, silentHosts, tellKept } from './postgres-kept.ts';
import { RetentionStatements } from './postgres-retention.ts';
import { type StoreSpace, storeSpace } from './postgres-space.ts';
import { migrateTrash } from './postgres-trash.ts';
import type { DestroyedPart, RetainedStore, StoredRemoval } from './retained-store.ts';
import {
  isIdentified,
  type MarkedStoredSession,
  markIn,
  type StoredKey,
  type StoredSession,
  soundSession,
  soundTrashed,
  storedKeyText,
  type TrashedStoredSession,
  type Unchecked,
} from './stored-session.ts';

export interface PostgresStoreOptions {
  readonly clock?: Clock;
  /** In place of those by which it goes here. */
  readonly limits?: Pick<PostgresOptions, 'lockTimeoutMs' | 'statementTimeoutMs' | 'graceMs' | 'connectTimeoutMs'>;
  /** For how long other hosts heed what this one has said last; of a month where it is not given. */
  readonly wordMs?: number;
  /** Nothing is made or changed. */
  readonly isRead?: boolean;
  /**
   * Is called first in each transaction that changes anything, and throws where nothing is to be changed any more: whoever holds a lease
   * asks here for its row, FOR SHARE, so that none can take it over before the commit.
   */
  readonly fence?: (transaction: PostgresTransaction) => Promise<void>;
}

/** Live sources' writers wait while something is hidden or marked: not for long, and never for a server that does not answer. */
const ACTING: PostgresOptions = {
  maxConnections: 1,
  prepare: false,
  lockTimeoutMs: 100,
  statementTimeoutMs: 2_000,
  graceMs: 1_000,
  connectTimeoutMs: 2_000,
};
const READING: PostgresOptions = { ...ACTING, lockTimeoutMs: 5_000, statementTimeoutMs: 60_000, graceMs: 5_000 };

const WORD_MS = 30 * 24 * 60 * 60_000;

/** No answer takes much memory. */
const PAGE_ROWS = 5_000;

export class PostgresStoredSessions implements RetainedStore {
  readonly path: string;
  readonly #table: string;
  readonly #form: StoreForm;
  readonly #clock: Clock;
  readonly #isRead: boolean;
  readonly #wordMs: number;
  /** Undefined where there are no other hosts. */
  readonly #host: string | undefined;
  readonly #fence: (transaction: PostgresTransaction) => Promise<void>;
  readonly #reading: PostgresDatabase;
  readonly #acting: PostgresDatabase;
  #statements: RetentionStatements | undefined;
  #clockLeadMs = 0;

  /** Connects to nothing yet. @throws ConfigError */
  constructor(settings: SharedStoreSettings, options: PostgresStoreOptions = {}) {
    const { url, passwordFile, readAs = 'sweeper', table = DEFAULT_TABLES[readAs] } = settings;
    const { clock = systemClock, isRead = false, wordMs = WORD_MS, limits } = options;
    this.path = sharedStoreName(settings);
    this.#form = readAs;
    this.#table = table;
    this.#clock = clock;
    this.#isRead = isRead;
    this.#wordMs = wordMs;
    this.#host = settings.onlyThisHost === true ? undefined : (settings.host ?? hostname());
    this.#fence = options.fence ?? (async () => undefined);
    const setUp = async () => undefined;
    this.#reading = new PostgresDatabase('session store', url, { ...READING, ...limits, passwordFile }, setUp);
    this.#acting = new PostgresDatabase('session store', url, { ...ACTING, ...limits, passwordFile }, setUp);
  }

  /**
   * Looks whether the table is as expected, and makes the one for what is removed where something is to be.
   * @throws OperatingError `config`, `unavailable`
   */
  async check(): Promise<void> {
    const inspect = async (transaction: PostgresTransaction): Promise<StoreTables> => {
      const tables = await inspectStore(transaction, this.#table, this.#form);
      if (!this.#isRead) {
        await throwIfReadOnly(transaction);
        await migrateTrash(transaction, tables);
      }
      return tables;
    };
    const tables = await (this.#isRead
      ? this.#reading.reading('open', inspect)
      : this.#reading.transaction('open', inspect));
    this.#statements = new RetentionStatements(tables, this.#host);
  }

  get clockLeadMs(): number {
    return this.#clockLeadMs;
  }

  async sessions(): Promise<readonly StoredSession[]> {
    return this.#read(async (transaction, statements) => {
      const hidden = (await hasTable(transaction, statements.tables.trash))
        ? await statements.hidden(transaction)
        : new Map<string, string>();
      const found: StoredSession[] = [];
      for (let after: StoredKey | undefined, more = true; more; ) {
        const rows: readonly Unchecked<StoredSession>[] = await statements.page(transaction, after, PAGE_ROWS);
        for (const row of rows) {
          if (!isIdentified(row) || statements.isHidden(row, hidden)) continue;
          found.push(soundSession(row));
        }
        const last = rows.at(-1);
        after = last && { projectKey: String(last.projectKey), sessionId: String(last.sessionId) };
        more = statements.tables.isIndexed && rows.length === PAGE_ROWS;
      }
      return found;
    });
  }

  async trashed(): Promise<readonly TrashedStoredSession[]> {
    const rows = await this.#ofTrash((transaction, statements) => statements.trashed(transaction));
    return rows.filter(isIdentified).map(soundTrashed);
  }

  async marked(): Promise<readonly MarkedStoredSession[]> {
    return this.#ofTrash((transaction, statements) => statements.marked(transaction));
  }

  async marks(session: StoredSession): Promise<SessionMarks> {
    return this.#read(async (transaction, statements) => {
      const last = async (type: string, field: string) => {
        for (const text of await statements.entriesOfType(transaction, session, type)) {
          const told = markIn(text, type, field);
          if (told !== undefined) return told.value;
        }
        return undefined;
      };
      return { tag: await last('tag', 'tag'), title: await last('custom-title', 'customTitle') };
    });
  }

  async tellProtected(sessionIds: readonly SessionId[]): Promise<void> {
    const host = this.#host;
    if (host === undefined) return;
    await this.#change('change', (transaction, { tables }) => {
      return tellKept(transaction, tables.kept, host, sessionIds, this.#wordMs);
    });
  }

  /** By what they have said of which sessions they protect. */
  async silentHosts(): Promise<readonly SilentHost[]> {
    const { tables } = await this.#opened();
    return this.#reading.reading('read', (transaction) => silentHosts(transaction, tables.kept));
  }

  /** @throws OperatingError `unavailable` where nothing can be written */
  async untilWritable(): Promise<void> {
    await this.#change('open', throwIfReadOnly);
  }

  async trashSome(
    removals: readonly StoredRemoval[],
    _nowMs: number,
    isLast: (isHidden: boolean) => boolean,
  ): Promise<readonly (number | undefined)[]> {
    const hidden = await this.#change('change', (transaction, statements) => statements.hide(transaction, removals));
    return removals.map(({ session }) => {
      const hiddenAtMs = hidden.get(storedKeyText(session));
      // All of them are done already: it is told for the time that they take.
      isLast(hiddenAtMs !== undefined);
      return hiddenAtMs;
    });
  }

  async restore(session: StoredSession): Promise<boolean> {
    return this.#change('change', (transaction, statements) => statements.show(transaction, session));
  }

  async markSome(sessions: readonly TrashedStoredSession[]): Promise<readonly TrashedStoredSession[]> {
    if (sessions.length === 0) return [];
    const marked = await this.#change('change', (transaction, statements) => statements.mark(transaction, sessions));
    return sessions.filter((session) => marked.has(storedKeyText(session)));
  }

  async unmark(session: MarkedStoredSession): Promise<void> {
    await this.#change('change', (transaction, statements) => statements.unmark(transaction, session));
  }

  async destroySome(session: MarkedStoredSession, entriesMax: number): Promise<DestroyedPart> {
    return this.#change('purge', (transaction, statements) => statements.destroy(transaction, session, entriesMax));
  }

  /** Its server gives back what its own vacuum frees; only what has been overtaken or counts no more is put away here. */
  async giveBack(_holds?: unknown, shouldStop: () => Promise<boolean> = async () => false): Promise<number> {
    await this.#change('change', (transaction, statements) => statements.forgetOvertaken(transaction));
    for (let mayBeMore = true; mayBeMore && !(await shouldStop()); ) {
      mayBeMore = await this.#change('change', (transaction, { tables }) => forgetKept(transaction, tables.kept));
    }
    return 0;
  }

  /** By its server's own figures. */
  async space(): Promise<StoreSpace> {
    const { tables } = await this.#opened();
    return this.#reading.reading('measure', (transaction) => storeSpace(transaction, tables));
  }

  room(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    await Promise.all([this.#reading.close(), this.#acting.close()]);
  }

  async #ofTrash<T>(
    act: (transaction: PostgresTransaction, statements: RetentionStatements) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    return this.#read(async (transaction, statements) => {
      return (await hasTable(transaction, statements.tables.trash)) ? act(transaction, statements) : [];
    });
  }

  /** All of one moment, and of a server that knows everything. */
  async #read<T>(act: (transaction: PostgresTransaction, statements: RetentionStatements) => Promise<T>): Promise<T> {
    const statements = await this.#opened();
    return this.#reading.reading('read', async (transaction) => {
      const [server] = await transaction.rows<{ isStandby: boolean }>('SELECT pg_is_in_recovery() AS "isStandby"');
      if (server?.isStandby !== false)
        throw new OperatingError('unavailable', `read ${this.path}: it is a standby, which may not know all yet`);
      this.#clockLeadMs = Math.max(0, Math.round(this.#clock.now() - (await serverNowMs(transaction))));
      return act(transaction, statements);
    });
  }

  async #change<T>(
    action: string,
    act: (transaction: PostgresTransaction, statements: RetentionStatements) => Promise<T>,
  ): Promise<T> {
    const statements = await this.#opened();
    return this.#acting.transaction(action, async (transaction) => {
      await this.#fence(transaction);
      return act(transaction, statements);
    });
  }

  async #opened(): Promise<RetentionStatements> {
    if (this.#statements === undefined) await this.check();
    if (this.#statements === undefined) throw new Error('the store was not opened');
    return this.#statements;
  }
}

/** Whoever has made the server read-only wants nothing written, though a transaction could ask for it. */
async function throwIfReadOnly(transaction: PostgresTransaction): Promise<void> {
  const [row] = await transaction.rows<{ isReadOnly: boolean }>(
    `SELECT current_setting('default_transaction_read_only') = 'on' AS "isReadOnly"`,
  );
  if (row?.isReadOnly !== false) throw new OperatingError('unavailable', 'the session store is set to be read-only');
}
