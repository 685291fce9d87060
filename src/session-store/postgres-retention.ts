/** The statements of retention in PostgreSQL: each judges in one transaction what it changes, in the rows of a few sessions. */

import type { PostgresTransaction } from '../postgres/postgres-database.ts';
import { NOW_MS, textArray } from '../postgres/sql-text.ts';
import type { StoreTables } from './postgres-forms.ts';
import { isKeptByNone } from './postgres-kept.ts';
import type { DestroyedPart, StoredRemoval } from './retained-store.ts';
import {
  type StoredKey as Key,
  storedKeyText as keyText,
  MARK_BYTES_MAX,
  type MarkedStoredSession,
  type StoredSession,
  type TrashedStoredSession,
  type Unchecked,
} from './stored-session.ts';

type SessionRow = Unchecked<StoredSession>;

/** Its writers are held back by name where they are ours, and by the table where they know nothing of us. */
const OURS_FREE = `SELECT given.project_key AS "projectKey", given.session_id AS "sessionId"
  FROM unnest($1::text::text[], $2::text::text[]) AS given (project_key, session_id)
  WHERE pg_try_advisory_xact_lock(hashtextextended(given.project_key || chr(31) || given.session_id, 0))`;
const OURS_HELD = `SELECT pg_advisory_xact_lock(hashtextextended($1::text || chr(31) || $2::text, 0))`;

/** So many entries go while the writers of the whole table wait. */
const ENTRIES_MAX = 2_000;
const OVERTAKEN_MAX = 1_000;

export class RetentionStatements {
  readonly tables: StoreTables;
  readonly #isOwn: boolean;
  readonly #host: string | undefined;
  /** The session that `trash` or `given` names, as it is now. */
  readonly #now: (of: string, end?: string) => string;

  /** @param host that works here; undefined where there is no other */
  constructor(tables: StoreTables, host: string | undefined) {
    this.tables = tables;
    this.#host = host;
    this.#isOwn = tables.form === 'sweeper';
    const { session, grouped, idType } = tables;
    this.#now = (of, end = '') => {
      return `(SELECT ${session} WHERE t.project_key = ${of}.project_key
        AND t.session_id = ${of}.session_id::${idType} ${grouped} ${end})`;
    };
  }

  /** Sessions in the order of their keys. All of the rest where no index serves: each page would take as long. */
  async page(
    transaction: PostgresTransaction,
    after: Key | undefined,
    rowsMax: number,
  ): Promise<readonly SessionRow[]> {
    const { session, grouped, idType, isIndexed } = this.tables;
    const further = after === undefined ? 'true' : `(t.project_key, t.session_id) > ($1::text, $2::text::${idType})`;
    return transaction.rows<SessionRow>(
      `SELECT ${session} WHERE ${further} ${grouped} ORDER BY t.project_key, t.session_id ${isIndexed ? `LIMIT ${rowsMax}` : ''}`,
      ...(after === undefined ? [] : [after.projectKey, after.sessionId]),
    );
  }

  /** Which version of which session is in the trash. */
  async hidden(transaction: PostgresTransaction): Promise<ReadonlyMap<string, string>> {
    const rows = await transaction.rows<Key & { version: string }>(
      `SELECT project_key AS "projectKey", session_id AS "sessionId", version FROM ${this.tables.trash}`,
    );
    return new Map(rows.map((row) => [keyText(row), row.version]));
  }

  /** What another program has added to since is in use. */
  isHidden(row: SessionRow, hidden: ReadonlyMap<string, string>): boolean {
    const version = hidden.get(keyText({ projectKey: String(row.projectKey), sessionId: String(row.sessionId) }));
    return version !== undefined && (this.#isOwn || version === row.version);
  }

  async trashed(transaction: PostgresTransaction): Promise<readonly SessionRow[]> {
    return transaction.rows<SessionRow>(
      `SELECT trash.project_key AS "projectKey", trash.session_id AS "sessionId", trash.last_used_at AS "lastUsedAtMs",
         trash.bytes, trash.has_main AS "hasMain", trash.version, trash.trashed_at AS "trashedAtMs",
         trash.trash_reason AS reason
       FROM ${this.tables.trash} AS trash CROSS JOIN LATERAL ${this.#now('trash')} AS now
       WHERE NOT trash.is_purging AND ${this.#isSame}`,
    );
  }

  async marked(transaction: PostgresTransaction): Promise<readonly MarkedStoredSession[]> {
    return transaction.rows<MarkedStoredSession>(
      `SELECT project_key AS "projectKey", session_id AS "sessionId", bytes, trashed_at AS "trashedAtMs"
       FROM ${this.tables.trash} WHERE is_purging`,
    );
  }

  /** Texts of entries of the main transcript that may be of the type, the last first. */
  async entriesOfType(transaction: PostgresTransaction, key: Key, type: string): Promise<readonly string[]> {
    const { entries, order, idType } = this.tables;
    const rows = await transaction.rows<{ text: string }>(
      `SELECT t.entry::text AS text FROM ${entries} AS t
       WHERE t.project_key = $1::text AND t.session_id = $2::text::${idType} AND (t.subpath IS NULL OR t.subpath = '')
         AND pg_column_size(t.entry) <= ${MARK_BYTES_MAX} AND t.entry::text ~ $3::text ORDER BY t.${order} DESC`,
      ...[key.projectKey, key.sessionId, `"type"\\s*:\\s*"${type}"`],
    );
    return rows.map(({ text }) => text);
  }

  /**
   * Removes those that are as they were read. Where the writers are ours, none is at work on them until the commit, and to write to one
   * brings it back; others' are overtaken by whatever is added later.
   * @returns when each went, by its key
   */
  async hide(
    transaction: PostgresTransaction,
    removals: readonly StoredRemoval[],
  ): Promise<ReadonlyMap<string, number>> {
    const { trash } = this.tables;
    const keys = await this.#free(
      transaction,
      removals.map(({ session }) => session),
    );
    const free = removals.filter(({ session }) => keys.has(keyText(session)) && session.version !== undefined);
    if (free.length === 0) return new Map();
    const now = this.#now('given', this.#isOwn ? 'FOR UPDATE OF t SKIP LOCKED' : '');
    const rows = await transaction.rows<Key & { trashedAtMs: number }>(
      `INSERT INTO ${trash} AS trash
         (project_key, session_id, trashed_at, trash_reason, last_used_at, bytes, has_main, version)
       SELECT given.project_key, given.session_id, (SELECT ${NOW_MS}), given.reason, now."lastUsedAtMs", now.bytes,
         now."hasMain", now.version
       FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::text[])
         AS given (project_key, session_id, version, reason)
       CROSS JOIN LATERAL ${now} AS now WHERE now.version = given.version AND ${this.#isFree('$5')}
       ON CONFLICT (project_key, session_id) DO UPDATE SET trashed_at = excluded.trashed_at,
         trash_reason = excluded.trash_reason, last_used_at = excluded.last_used_at, bytes = excluded.bytes,
         has_main = excluded.has_main, version = excluded.version
         WHERE NOT trash.is_purging AND trash.version <> excluded.version
       RETURNING project_key AS "projectKey", session_id AS "sessionId", trashed_at AS "trashedAtMs"`,
      ...arraysOf(free.map(({ session }) => session)),
      textArray(free.map(({ session }) => session.version ?? null)),
      textArray(free.map(({ reason }) => reason)),
      ...this.#hostValue,
    );
    return new Map(rows.map((row) => [keyText(row), row.trashedAtMs]));
  }

  /** @returns whether it was in the trash */
  async show(transaction: PostgresTransaction, key: Key): Promise<boolean> {
    return (await this.#forget(transaction, key, 'NOT is_purging')) > 0;
  }

  async unmark(transaction: PostgresTransaction, key: Key): Promise<void> {
    // Of ours, a marked one is no session any more.
    if (!this.#isOwn) await this.#forget(transaction, key, 'is_purging AND NOT is_begun');
  }

  /** @returns the keys of those that are to be destroyed from here on */
  async mark(
    transaction: PostgresTransaction,
    sessions: readonly TrashedStoredSession[],
  ): Promise<ReadonlySet<string>> {
    const { trash } = this.tables;
    const keys = await this.#free(transaction, sessions);
    const free = sessions.filter((session) => keys.has(keyText(session)));
    if (free.length === 0) return new Set();
    const gone = `gone AS (DELETE FROM ${this.tables.stored} AS t USING marked WHERE t.project_key = marked.project_key
      AND t.session_id = marked.session_id),`;
    const rows = await transaction.rows<Key>(
      `WITH due AS (
         SELECT trash.project_key, trash.session_id
         FROM unnest($1::text::text[], $2::text::text[], $3::text::text[]) AS given (project_key, session_id, trashed_at)
         JOIN ${trash} AS trash ON trash.project_key = given.project_key AND trash.session_id = given.session_id
           AND trash.trashed_at = given.trashed_at::bigint
         CROSS JOIN LATERAL ${this.#now('given')} AS now WHERE ${this.#isSame} AND ${this.#isFree('$4')}
       ), marked AS (
         UPDATE ${trash} AS trash SET is_purging = true FROM due WHERE NOT trash.is_purging
           AND trash.project_key = due.project_key AND trash.session_id = due.session_id
         RETURNING trash.project_key, trash.session_id
       ), ${this.#isOwn ? gone : ''} told AS (SELECT * FROM marked)
       SELECT project_key AS "projectKey", session_id AS "sessionId" FROM told`,
      ...arraysOf(free),
      textArray(free.map(({ trashedAtMs }) => String(trashedAtMs))),
      ...this.#hostValue,
    );
    return new Set(rows.map(keyText));
  }

  /** The oldest entries of a marked session, and with the last of them its mark. */
  async destroy(transaction: PostgresTransaction, key: Key, entriesMax: number): Promise<DestroyedPart> {
    const { entries, trash, order, idType } = this.tables;
    if (this.#isOwn) await transaction.rows(OURS_HELD, key.projectKey, key.sessionId);
    else await transaction.change(`LOCK TABLE ${entries} IN SHARE ROW EXCLUSIVE MODE`);
    const [found] = await transaction.rows<{ isBegun: boolean; isSame: boolean; isThere: boolean }>(
      `SELECT trash.is_begun AS "isBegun", now.version = trash.version AS "isSame", now.version IS NOT NULL AS "isThere"
       FROM ${trash} AS trash LEFT JOIN LATERAL ${this.#now('trash')} AS now ON true
       WHERE trash.project_key = $1::text AND trash.session_id = $2::text AND trash.is_purging`,
      ...[key.projectKey, key.sessionId],
    );
    if (found === undefined) return { isGone: true };
    if (!this.#isOwn && found.isThere && !found.isSame) {
      await this.#forget(transaction, key, 'is_purging');
      const fault = found.isBegun
        ? 'it was written to while it was destroyed: what is left of it stays'
        : 'it was written to as it was to be destroyed, and stays';
      return { isGone: true, fault };
    }
    const most = this.#isOwn ? entriesMax : Math.max(entriesMax, ENTRIES_MAX);
    const ofSession = `project_key = $1::text AND session_id = $2::text::${idType}`;
    const destroyed = await transaction.change(
      `DELETE FROM ${entries} WHERE ${ofSession} AND ${order} <= (SELECT max(part.number) FROM
         (SELECT ${order} AS number FROM ${entries} WHERE ${ofSession} ORDER BY ${order} LIMIT ${most}) AS part)`,
      ...[key.projectKey, key.sessionId],
    );
    if (destroyed < most) {
      await this.#forget(transaction, key, 'is_purging');
      return { isGone: true };
    }
    if (!this.#isOwn) await this.#noteBegun(transaction, key);
    return { isGone: false };
  }

  /** Another program has written to what was removed: nobody sees that as removed any more. */
  async forgetOvertaken(transaction: PostgresTransaction): Promise<void> {
    const { trash } = this.tables;
    if (this.#isOwn) return;
    await transaction.change(
      `DELETE FROM ${trash} AS gone USING (
         SELECT trash.project_key, trash.session_id, trash.version FROM ${trash} AS trash
         LEFT JOIN LATERAL ${this.#now('trash')} AS now ON true
         WHERE NOT trash.is_purging AND now.version IS DISTINCT FROM trash.version LIMIT ${OVERTAKEN_MAX}
       ) AS overtaken WHERE gone.project_key = overtaken.project_key AND gone.session_id = overtaken.session_id
         AND gone.version = overtaken.version AND NOT gone.is_purging`,
    );
  }

  /** What another host protects is not to go. */
  #isFree(parameter: string): string {
    return this.#host === undefined ? 'true' : isKeptByNone(this.tables.kept, 'given', parameter);
  }

  get #hostValue(): readonly string[] {
    return this.#host === undefined ? [] : [this.#host];
  }

  get #isSame(): string {
    return this.#isOwn ? 'true' : 'now.version = trash.version';
  }

  /** Those that no writer of ours is at work on; to wait for one would hold others up. */
  async #free(transaction: PostgresTransaction, keys: readonly Key[]): Promise<ReadonlySet<string>> {
    if (!this.#isOwn) return new Set(keys.map(keyText));
    const rows = await transaction.rows<Key>(OURS_FREE, ...arraysOf(keys));
    return new Set(rows.map(keyText));
  }

  async #forget(transaction: PostgresTransaction, key: Key, condition: string): Promise<number> {
    return transaction.change(
      `DELETE FROM ${this.tables.trash} WHERE project_key = $1::text AND session_id = $2::text AND ${condition}`,
      ...[key.projectKey, key.sessionId],
    );
  }

  async #noteBegun(transaction: PostgresTransaction, key: Key): Promise<void> {
    const { trash, session, grouped, idType } = this.tables;
    await transaction.change(
      `UPDATE ${trash} SET is_begun = true, version = now.version FROM
         (SELECT ${session} WHERE t.project_key = $1::text AND t.session_id = $2::text::${idType} ${grouped}) AS now
       WHERE project_key = $1::text AND session_id = $2::text AND is_purging`,
      ...[key.projectKey, key.sessionId],
    );
  }
}

function arraysOf(keys: readonly Key[]): [string, string] {
  return [textArray(keys.map(({ projectKey }) => projectKey)), textArray(keys.map(({ sessionId }) => sessionId))];
}
