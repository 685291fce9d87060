/** A session store in PostgreSQL as it is copied from and to: a session that is filled is seen whole or not at all. */

import { OperatingError } from '../../errors.ts';
import { checkPostgresVersion, hasTable, migratePostgres } from '../../postgres/migrate.ts';
import { PostgresDatabase, type PostgresTransaction } from '../../postgres/postgres-database.ts';
import { textArray } from '../../postgres/sql-text.ts';
import { checkPostgresKey, comparableUuid } from '../entry-rows.ts';
import { POSTGRES_STORE_MIGRATIONS, throwIfForeign } from '../postgres-schema.ts';
import { migrateTrash, trashOf } from '../postgres-trash.ts';
import { ENTRIES_TABLE, STORE_VERSION_TABLE, STORED_TABLE } from '../schema.ts';
import { uuidIn } from './copied-uuid.ts';
import type {
  CopiedEntry,
  SessionHeld,
  SessionName,
  SessionSeen,
  StoredFigures,
  StoreToCopy,
  StoreToFill,
} from './copy-sessions.ts';
import type { EntryMark } from './entry-marks.ts';

const TRASH = trashOf(ENTRIES_TABLE);
/** A pooler may stand before it, of which nobody has told. */
const OPTIONS = { maxConnections: 2, prepare: false };
const PAGE_SESSIONS = 500;
const OF_SESSION = 'project_key = $1 AND session_id = $2';
const NAMES = `SELECT project_key AS "projectKey", session_id AS "sessionId" FROM ${STORED_TABLE}
  WHERE (project_key, session_id) > ($1::text, $2::text) ORDER BY project_key, session_id LIMIT ${PAGE_SESSIONS}`;
const STORED = `SELECT mtime AS "mtimeMs", last_used_at AS "lastUsedAtMs", has_main AS "hasMain", summary FROM ${STORED_TABLE}
  WHERE ${OF_SESSION}`;
const MARKS = `SELECT id, subpath, encode(sha256(convert_to(entry, 'UTF8')), 'hex') AS digest, octet_length(entry) AS bytes
  FROM ${ENTRIES_TABLE} WHERE ${OF_SESSION} ORDER BY id`;
const ENTRIES = `SELECT subpath, entry AS text, created_at AS "createdAtMs" FROM ${ENTRIES_TABLE}
  WHERE id = ANY ($1::text::bigint[]) ORDER BY id`;
const IS_PURGING = `SELECT 1 FROM ${TRASH.trash} WHERE ${OF_SESSION} AND is_purging`;
/** The same that hosts take to append: nobody else changes the session until the commit. */
const LOCK = `SELECT pg_advisory_xact_lock(hashtextextended($1::text || chr(31) || $2::text, 0))`;
const INSERT = `INSERT INTO ${ENTRIES_TABLE} (project_key, session_id, subpath, uuid, entry, created_at)
  SELECT $1::text, $2::text, given.subpath, given.uuid, given.entry, given.created_at
  FROM unnest($3::text::text[], $4::text::text[], $5::text::text[], $6::text::bigint[])
    WITH ORDINALITY AS given (subpath, uuid, entry, created_at, place) ORDER BY given.place
  ON CONFLICT (project_key, session_id, subpath, uuid) WHERE uuid IS NOT NULL DO NOTHING`;
const NOTE = `INSERT INTO ${STORED_TABLE} AS stored (project_key, session_id, mtime, last_used_at, bytes, has_main, summary)
  SELECT $1::text, $2::text, $3::bigint, $4::bigint, coalesce(sum(octet_length(entry)), 0), $5::boolean, $6::text
  FROM ${ENTRIES_TABLE} WHERE ${OF_SESSION}
  ON CONFLICT (project_key, session_id) DO UPDATE SET mtime = excluded.mtime, last_used_at = excluded.last_used_at,
    bytes = excluded.bytes, has_main = excluded.has_main, summary = excluded.summary`;

export class PostgresStoreCopy implements StoreToCopy, StoreToFill {
  readonly #database: PostgresDatabase;

  /** @param makes whether its tables are made where there are none */
  constructor(url: string, makes: boolean) {
    this.#database = new PostgresDatabase('session store', url, OPTIONS, makes ? makeStore : findStore);
  }

  async *names(): AsyncGenerator<readonly SessionName[]> {
    for (let after: SessionName | undefined = { projectKey: '', sessionId: '' }; after !== undefined; ) {
      const { projectKey, sessionId }: SessionName = after;
      const page: readonly SessionName[] = await this.#database.reading('read', (one) =>
        one.rows<SessionName>(NAMES, projectKey, sessionId),
      );
      if (page.length > 0) yield page;
      after = page.at(-1);
    }
  }

  async see<T>(name: SessionName, act: (seen: SessionSeen) => Promise<T>): Promise<T | undefined> {
    const values = [name.projectKey, name.sessionId];
    return this.#database.reading('read', async (one) => {
      const isPurging = (await hasTable(one, TRASH.trash)) && (await one.rows(IS_PURGING, ...values)).length > 0;
      const [stored] = isPurging ? [] : await one.rows<StoredFigures>(STORED, ...values);
      if (stored === undefined) return undefined;
      const marks = await one.rows<EntryMark>(MARKS, ...values);
      const entries = (ids: readonly number[]) => one.rows<CopiedEntry>(ENTRIES, textArray(ids.map(String)));
      return act({ stored, marks, entries });
    });
  }

  async hold<T>(name: SessionName, act: (held: SessionHeld) => Promise<T>): Promise<T> {
    checkPostgresKey(name);
    const values = [name.projectKey, name.sessionId] as const;
    return this.#database.transaction('copy to', async (one) => {
      await one.rows(LOCK, ...values);
      // What a purge destroys already is nothing to add to.
      if ((await one.rows(IS_PURGING, ...values)).length > 0) {
        await one.change(`DELETE FROM ${TRASH.trash} WHERE ${OF_SESSION}`, ...values);
        await one.change(`DELETE FROM ${ENTRIES_TABLE} WHERE ${OF_SESSION}`, ...values);
      }
      const [stored] = await one.rows<StoredFigures>(STORED, ...values);
      return act({
        stored,
        marks: () => one.rows<EntryMark>(MARKS, ...values),
        add: (entries) => add(one, name, entries),
        note: async ({ mtimeMs, lastUsedAtMs, hasMain, summary }) => {
          await one.change(NOTE, ...values, mtimeMs, lastUsedAtMs, hasMain, summary);
        },
      });
    });
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

async function add(one: PostgresTransaction, name: SessionName, entries: readonly CopiedEntry[]): Promise<void> {
  const { projectKey, sessionId } = name;
  for (const { subpath, text } of entries) {
    checkPostgresKey({ ...name, ...(subpath === '' ? {} : { subpath }) });
    if (text.isWellFormed() && !text.includes('\0')) continue;
    throw new OperatingError('bad-data', 'an entry is damaged: it holds what no JSON text holds');
  }
  // What is written to again is shown again, as by its hosts.
  await one.change(`DELETE FROM ${TRASH.trash} WHERE ${OF_SESSION}`, projectKey, sessionId);
  const uuids = entries.map(({ text }) => uuidIn(text)).map((uuid) => (uuid === null ? null : comparableUuid(uuid)));
  await one.change(
    INSERT,
    ...[projectKey, sessionId],
    ...[entries.map(({ subpath }) => subpath), uuids, entries.map(({ text }) => text)].map(textArray),
    textArray(entries.map(({ createdAtMs }) => String(createdAtMs))),
  );
}

async function makeStore(transaction: PostgresTransaction): Promise<void> {
  await throwIfForeign(transaction);
  await migratePostgres(transaction, STORE_VERSION_TABLE, POSTGRES_STORE_MIGRATIONS);
  await migrateTrash(transaction, TRASH);
}

async function findStore(transaction: PostgresTransaction): Promise<void> {
  await throwIfForeign(transaction);
  await checkPostgresVersion(transaction, STORE_VERSION_TABLE, POSTGRES_STORE_MIGRATIONS);
}
