/** The Agent SDK's `SessionStore` in PostgreSQL: transcripts that many hosts share, each of which can resume them. */

import { checkOptions, type OptionChecks, someFunction } from '../config/host-options.ts';
import { POSTGRES_OPTIONS, someCount } from '../config/postgres-options.ts';
import { operatingError } from '../errors.ts';
import { migratePostgres } from '../postgres/migrate.ts';
import { PostgresDatabase, type PostgresOptions, type PostgresTransaction } from '../postgres/postgres-database.ts';
import { NOW_MS, textArray } from '../postgres/sql-text.ts';
import { checkPostgresKey, type EntryRow, entryRow, inStatements } from './entry-rows.ts';
import { POSTGRES_STORE_MIGRATIONS, throwIfForeign } from './postgres-schema.ts';
import { migrateTrash, trashOf } from './postgres-trash.ts';
import { ENTRIES_TABLE, STORE_VERSION_TABLE, STORED_TABLE } from './schema.ts';
import type { FoldSummary, SessionStoreEntry, SessionStoreKey, SessionSummary } from './sdk-shapes.ts';
import { checkEntries, folded, parseSummary, sdkFold } from './stored-form.ts';

export interface PostgresSessionStoreOptions extends PostgresOptions {
  /** The SDK's; default: taken from `@anthropic-ai/claude-agent-sdk`, which must be installed then. */
  readonly foldSessionSummary?: FoldSummary;
}

const TRASH = trashOf(ENTRIES_TABLE);
const OF_SESSION = 'project_key = $1 AND session_id = $2';
const OF_TRANSCRIPT = `${OF_SESSION} AND subpath = $3`;
/** Whoever changes a session is alone in it until its commit: else a later entry could get the earlier number and be seen first. */
const LOCK = `SELECT pg_advisory_xact_lock(hashtextextended($1::text || chr(31) || $2::text, 0))`;
const BEFORE = `SELECT mtime, summary, ${NOW_MS} AS "nowMs" FROM (SELECT) AS one LEFT JOIN ${STORED_TABLE} ON ${OF_SESSION}`;
const insertFrom = (uuids: string, entries: string) =>
  `INSERT INTO ${ENTRIES_TABLE} (project_key, session_id, subpath, uuid, entry, created_at)
   SELECT $1::text, $2::text, $3::text, given.uuid, given.entry, $4::bigint
   FROM unnest(${uuids}, ${entries}) WITH ORDINALITY AS given (uuid, entry, place) ORDER BY given.place
   ON CONFLICT (project_key, session_id, subpath, uuid) WHERE uuid IS NOT NULL DO NOTHING RETURNING uuid`;
const INSERT = insertFrom('$5::text::text[]', '$6::text::text[]');
/** As it is: what is large is not to be written anew, with its quotation marks escaped. */
const INSERT_ONE = insertFrom('ARRAY[$5::text]', 'ARRAY[$6::text]');
const NOTE = `INSERT INTO ${STORED_TABLE} AS stored (project_key, session_id, mtime, last_used_at, bytes, has_main, summary)
  VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT (project_key, session_id) DO UPDATE SET mtime = excluded.mtime,
    last_used_at = greatest(stored.last_used_at, excluded.last_used_at), bytes = stored.bytes + excluded.bytes,
    has_main = stored.has_main OR excluded.has_main, summary = excluded.summary`;
const USE = `UPDATE ${STORED_TABLE} AS stored SET last_used_at = greatest(last_used_at, ${NOW_MS}) WHERE ${OF_SESSION}
  AND EXISTS (SELECT 1 FROM ${ENTRIES_TABLE} WHERE ${OF_TRANSCRIPT}) AND ${shown('stored')}`;
const LOAD = `SELECT entry FROM ${ENTRIES_TABLE} AS stored WHERE ${OF_TRANSCRIPT} AND ${shown('stored')} ORDER BY id`;
const LIST = `SELECT session_id AS "sessionId", mtime FROM ${STORED_TABLE} AS stored WHERE project_key = $1 AND has_main
  AND ${shown('stored')}`;
const SUMMARIES = `SELECT summary FROM ${STORED_TABLE} AS stored WHERE project_key = $1 AND summary IS NOT NULL
  AND ${shown('stored')}`;
const SUBKEYS = `SELECT DISTINCT subpath FROM ${ENTRIES_TABLE} AS stored WHERE ${OF_SESSION} AND subpath > ''
  AND ${shown('stored')} ORDER BY subpath`;
/** Whoever writes to what was removed brings it back; what a purge has begun to destroy is none of what is written then. */
const SHOW = `DELETE FROM ${TRASH.trash} WHERE ${OF_SESSION} RETURNING is_purging AS "isPurging"`;
const RESTORE = `WITH back AS (DELETE FROM ${TRASH.trash} WHERE session_id = $1 AND NOT is_purging RETURNING project_key)
  UPDATE ${STORED_TABLE} SET last_used_at = greatest(last_used_at, ${NOW_MS}) FROM back
  WHERE ${STORED_TABLE}.project_key = back.project_key AND session_id = $1`;
const DELETE_SUBPATH = `WITH gone AS (DELETE FROM ${ENTRIES_TABLE} WHERE ${OF_TRANSCRIPT} RETURNING octet_length(entry) AS bytes)
  UPDATE ${STORED_TABLE} SET bytes = greatest(0, bytes - (SELECT coalesce(sum(bytes), 0) FROM gone)) WHERE ${OF_SESSION}`;

/** What a prune has removed is hidden until it is restored or purged. */
function shown(of: string): string {
  return `NOT EXISTS (SELECT 1 FROM ${TRASH.trash} AS trash
    WHERE trash.project_key = ${of}.project_key AND trash.session_id = ${of}.session_id)`;
}

type UrlAndOptions = PostgresSessionStoreOptions & { readonly url: string };

const CHECKS: OptionChecks<UrlAndOptions> = {
  ...POSTGRES_OPTIONS,
  maxConnections: someCount,
  foldSessionSummary: someFunction,
};

/**
 * Keeps entries in the order in which they came, whichever host they came from. An entry with a `uuid` is stored once, however often it
 * comes; one without, every time. Times are by the database's clock. Retention is the worker's (setting `sessions.sharedStores`).
 */
export class PostgresSessionStore {
  readonly #database: PostgresDatabase;
  #fold: FoldSummary | undefined;

  /**
   * Connects with the first call, which makes the tables, or migrates them, as needed.
   * @param url `postgres://user:password@host:5432/database`, with libpq's `sslmode`, `sslrootcert`, `sslcert`, `sslkey`
   * @throws ConfigError naming every option that is wrong, never the URL. Calls reject with an OperatingError: `config` (the tables are
   * another program's, no right to make them, no driver), `bad-data`, `unavailable`, `io`, and a BusyError
   */
  constructor(url: string, options: PostgresSessionStoreOptions = {}) {
    checkOptions<UrlAndOptions>('PostgresSessionStore', { url, ...options }, CHECKS);
    const { foldSessionSummary, ...connecting } = options;
    this.#fold = foldSessionSummary;
    this.#database = new PostgresDatabase('session store', url, connecting, async (transaction) => {
      await throwIfForeign(transaction);
      await migratePostgres(transaction, STORE_VERSION_TABLE, POSTGRES_STORE_MIGRATIONS);
      await migrateTrash(transaction, TRASH);
    });
  }

  /** Adds to a transcript. All of it, or nothing. */
  async append(key: SessionStoreKey, entries: SessionStoreEntry[]): Promise<void> {
    checkPostgresKey(key);
    checkEntries(entries);
    // Nothing was written: that makes no session, and is no use of one.
    if (entries.length === 0) return this.#database.throwIfClosed('append to');
    const fold = key.subpath === undefined ? await this.#folding() : undefined;
    const rows = entries.map(entryRow);
    await this.#database.transaction('append to', (transaction) => append(transaction, key, rows, fold));
  }

  /** The entries in their order, or null where nothing was ever stored. To load is to use. */
  async load(key: SessionStoreKey): Promise<SessionStoreEntry[] | null> {
    checkPostgresKey(key);
    const transcript = [key.projectKey, key.sessionId, key.subpath ?? ''];
    const rows = await this.#database.transaction('load from', async (transaction) => {
      const used = transaction.change(USE, ...transcript);
      const loaded = transaction.rows<{ entry: string }>(LOAD, ...transcript);
      const [, found] = await Promise.all([used, loaded]);
      return found;
    });
    return rows.length === 0 ? null : rows.map(({ entry }) => this.#parsed(entry, key));
  }

  async listSessions(projectKey: string): Promise<{ sessionId: string; mtime: number }[]> {
    return this.#list<{ sessionId: string; mtime: number }>(LIST, projectKey);
  }

  async listSessionSummaries(projectKey: string): Promise<SessionSummary[]> {
    const rows = await this.#list<{ summary: string }>(SUMMARIES, projectKey);
    return rows.flatMap(({ summary }) => parseSummary(summary) ?? []);
  }

  /** Destroys a transcript at once; the main one with all its subagents' and its summary. */
  async delete(key: SessionStoreKey): Promise<void> {
    checkPostgresKey(key);
    const session = [key.projectKey, key.sessionId];
    await this.#database.transaction('delete from', async (transaction) => {
      await transaction.rows(LOCK, ...session);
      if (key.subpath !== undefined) {
        await transaction.change(DELETE_SUBPATH, ...session, key.subpath);
        return;
      }
      await transaction.change(`DELETE FROM ${ENTRIES_TABLE} WHERE ${OF_SESSION}`, ...session);
      await transaction.change(`DELETE FROM ${STORED_TABLE} WHERE ${OF_SESSION}`, ...session);
      await transaction.rows(SHOW, ...session);
    });
  }

  /**
   * Shows a session again that a prune has hidden and no purge has destroyed, under whatever project it is stored. That is a use of it.
   * `runWithSessionResume` asks for it where `options.sessionStore` is such a store.
   * @returns whether anything came back
   */
  async restore(sessionId: string): Promise<boolean> {
    return this.#database.transaction(
      'restore in',
      async (transaction) => (await transaction.change(RESTORE, sessionId)) > 0,
    );
  }

  async listSubkeys(key: { readonly projectKey: string; readonly sessionId: string }): Promise<string[]> {
    checkPostgresKey({ projectKey: key?.projectKey, sessionId: key?.sessionId });
    const rows = await this.#list<{ subpath: string }>(SUBKEYS, key.projectKey, key.sessionId);
    return rows.map(({ subpath }) => subpath);
  }

  /** Waits for the calls that are at work; every later one is refused with an OperatingError, but for another `close`. */
  async close(): Promise<void> {
    await this.#database.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #list<T>(sql: string, ...values: string[]): Promise<T[]> {
    return this.#database.reading('list', async (transaction) => [...(await transaction.rows<T>(sql, ...values))]);
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
}

async function append(
  transaction: PostgresTransaction,
  key: SessionStoreKey,
  rows: readonly EntryRow[],
  fold: FoldSummary | undefined,
): Promise<void> {
  const session = [key.projectKey, key.sessionId] as const;
  const locked = transaction.rows(LOCK, ...session);
  const shownAgain = transaction.rows<{ isPurging: boolean }>(SHOW, ...session);
  const found = transaction.rows<Before>(BEFORE, ...session);
  const [, [inTrash], [before]] = await Promise.all([locked, shownAgain, found]);
  if (inTrash?.isPurging === true)
    await transaction.change(`DELETE FROM ${ENTRIES_TABLE} WHERE ${OF_SESSION}`, ...session);
  const { nowMs, mtime: mtimeBefore, summary: summaryBefore } = before ?? { nowMs: 0, mtime: null, summary: null };
  const added = await insertNew(transaction, key, rows, nowMs);
  // As in SQLite: later than before even where the clock stands, and a subagent's entries leave the time as it is.
  const isMain = key.subpath === undefined;
  const mtime = mtimeBefore !== null && !isMain ? mtimeBefore : Math.max(nowMs, (mtimeBefore ?? 0) + 1);
  const entries = added.map(({ entry }) => entry);
  const summary = fold === undefined ? summaryBefore : folded(fold, summaryBefore, key, entries, mtime);
  const bytes = added.reduce((sum, row) => sum + row.bytes, 0);
  await transaction.change(NOTE, ...session, mtime, nowMs, bytes, isMain, summary);
}

interface Before {
  readonly nowMs: number;
  readonly mtime: number | null;
  readonly summary: string | null;
}

/** @returns those that were not there yet */
async function insertNew(
  transaction: PostgresTransaction,
  { projectKey, sessionId, subpath = '' }: SessionStoreKey,
  rows: readonly EntryRow[],
  nowMs: number,
): Promise<readonly EntryRow[]> {
  const added: EntryRow[] = [];
  for (const some of inStatements(rows)) {
    const [first] = some;
    const isAlone = first !== undefined && some.length === 1;
    const inserted = await transaction.rows<{ uuid: string | null }>(
      isAlone ? INSERT_ONE : INSERT,
      ...[projectKey, sessionId, subpath, nowMs],
      isAlone ? first.uuid : textArray(some.map(({ uuid }) => uuid)),
      isAlone ? first.text : textArray(some.map(({ text }) => text)),
    );
    const fresh = new Set(inserted.map(({ uuid }) => uuid));
    // A uuid that comes twice in one append is stored with its first entry.
    added.push(...some.filter(({ uuid }) => uuid === null || fresh.delete(uuid)));
  }
  return added;
}
