/** The rows of a resume map in PostgreSQL, as a sweep walks over them, keeps them whole, deletes them and puts them back. */

import { EARLIEST_SENSIBLE_TIME_MS } from '../../clock.ts';
import { OperatingError } from '../../errors.ts';
import type { PostgresTransaction } from '../../postgres/postgres-database.ts';
import { NOW_MS, textArray } from '../../postgres/sql-text.ts';
import type { ShortHolds } from '../../sqlite/short-holds.ts';
import type { RowContent, RowFates, UncheckedResumeRow, WholeRow } from '../resume-map.ts';
import { SESSIONS_TABLE } from '../schema.ts';
import type { PostgresMapConnection } from './connection.ts';

/** Rows read at a time. */
const PAGE_ROWS = 1_000;
/** Rows that one statement deletes: nobody waits for the others. */
const SWEEP_ROWS = 256;

/** All columns, those that a host has added included, as they come back by `json_populate_record`. */
const CONTENT = `row_to_json(sessions)::text`;
const COLUMNS = `key, session_id AS "sessionId", last_used_at AS "lastUsedAtMs", created_at AS "createdAtMs"`;
/** Those whose transcripts are on this host: no host judges another's disk. */
const OF_HOST = 'host = $1';
const PAGE = (condition: string) =>
  `SELECT ${COLUMNS} FROM ${SESSIONS_TABLE} WHERE ${condition} AND ($2::text IS NULL OR key > $2::text) ORDER BY key LIMIT ${PAGE_ROWS}`;
const WHOLE = `SELECT ${COLUMNS}, ${CONTENT} AS content FROM ${SESSIONS_TABLE} AS sessions WHERE key = ANY ($1::text::text[])`;
const DELETE = `DELETE FROM ${SESSIONS_TABLE} AS sessions
  USING unnest($1::text::text[], $2::text::text[]) AS given (key, content)
  WHERE sessions.key = given.key AND ${CONTENT} = given.content RETURNING sessions.key`;
const THERE = `SELECT key FROM ${SESSIONS_TABLE} WHERE key = ANY ($1::text::text[])`;
/** The same as `isStale`: what makes no sense is never stale, and the younger time counts. */
const STALE = `(last_used_at = 0 OR last_used_at >= ${EARLIEST_SENSIBLE_TIME_MS})
  AND last_used_at < ${NOW_MS} - $2::bigint AND created_at < ${NOW_MS} - $2::bigint`;
const FIND_STALE = `SELECT key FROM ${SESSIONS_TABLE} WHERE ${OF_HOST} AND ${STALE} AND ($3::text IS NULL OR key > $3::text) ORDER BY key LIMIT ${SWEEP_ROWS}`;
const DELETE_STALE = `DELETE FROM ${SESSIONS_TABLE} WHERE key = ANY ($3::text::text[]) AND ${OF_HOST} AND ${STALE}`;
const INSERT = `INSERT INTO ${SESSIONS_TABLE} SELECT * FROM json_populate_record(NULL::${SESSIONS_TABLE}, $1::text::json)
  ON CONFLICT DO NOTHING RETURNING key`;
const HAS = `SELECT 1 FROM ${SESSIONS_TABLE} AS sessions WHERE key = $1::text::json ->> 'key' AND ${CONTENT} = $1::text`;

interface KeyOfRow {
  readonly key: string;
}

interface FoundRow extends KeyOfRow {
  readonly sessionId: string;
  readonly lastUsedAtMs: number;
  readonly createdAtMs: number;
}

export class PostgresRows {
  readonly #connection: PostgresMapConnection;
  readonly #host: string;

  constructor(connection: PostgresMapConnection, host: string) {
    this.#connection = connection;
    this.#host = host;
  }

  /** In the order of their keys, a page at a time. @param whose those of this host, or of all */
  async *pages(whose: 'own' | 'all'): AsyncGenerator<readonly UncheckedResumeRow[]> {
    const page = PAGE(whose === 'own' ? OF_HOST : '$1::text IS NOT NULL');
    for (let after: string | null | undefined = null; after !== undefined; ) {
      const from: string | null = after;
      const read = (one: PostgresTransaction) => one.rows<FoundRow>(page, this.#host, from);
      const rows: readonly FoundRow[] = await this.#connection.read('read', read);
      if (rows.length > 0) yield rows.map(located);
      after = rows.at(-1)?.key;
    }
  }

  async readWhole(rows: readonly UncheckedResumeRow[]): Promise<readonly WholeRow[]> {
    const keys = textArray(rows.map(({ key }) => String(key)));
    const found = await this.#connection.read('read', (one) => one.rows<FoundRow & { content: string }>(WHOLE, keys));
    const byKey = new Map(found.map((row) => [row.key, row]));
    return rows.flatMap((row) => {
      const now = byKey.get(String(row.key));
      const isAsRead = now?.sessionId === row.sessionId && now?.lastUsedAtMs === row.lastUsedAtMs;
      return now !== undefined && isAsRead ? [{ ...row, content: now.content }] : [];
    });
  }

  async *deleteUnchanged(rows: readonly WholeRow[], holds: ShortHolds): AsyncGenerator<RowFates> {
    for (let next = 0; next < rows.length; ) {
      const batch = rows.slice(next, next + holds.units);
      const fates = await holds.take(async (hold) => {
        hold.begin();
        const done = await this.#connection.write('sweep', (transaction) => deleteAsRead(transaction, batch));
        for (const _ of batch) hold.isOver();
        return done;
      });
      if (fates === undefined) continue;
      next += batch.length;
      yield fates;
    }
  }

  /** @returns how many rows of this host were older than that, and are gone */
  async sweepStale(maxAgeMs: number): Promise<number> {
    let swept = 0;
    for (let after: string | null | undefined = null; after !== undefined; ) {
      const from: string | null = after;
      const next: string | undefined = await this.#connection.write(
        'sweep',
        async (transaction): Promise<string | undefined> => {
          const found: readonly KeyOfRow[] = await transaction.rows<KeyOfRow>(FIND_STALE, this.#host, maxAgeMs, from);
          if (found.length === 0) return undefined;
          const keys = textArray(found.map(({ key }) => key));
          swept += await transaction.change(DELETE_STALE, this.#host, maxAgeMs, keys);
          return found.at(-1)?.key;
        },
      );
      after = next;
    }
    return swept;
  }

  /** @throws OperatingError `bad-data` where there is a row of its key again, or the table does not take it */
  async restore(content: RowContent, usedAtMs: number | undefined): Promise<void> {
    await this.#connection.write('restore a row of', async (transaction) => {
      const [row] = await transaction.rows<{ key: string }>(INSERT, content);
      if (row === undefined) throw new OperatingError('bad-data', 'there is a row of this key again');
      if (usedAtMs === undefined) return;
      await transaction.change(`UPDATE ${SESSIONS_TABLE} SET last_used_at = $2 WHERE key = $1`, row.key, usedAtMs);
    });
  }

  async has(content: RowContent): Promise<boolean> {
    return this.#connection.read('read', async (one) => (await one.rows(HAS, content)).length > 0);
  }
}

function located(row: FoundRow): UncheckedResumeRow {
  return {
    ...row,
    locator: { place: row.key, keyBytes: Buffer.from(row.key), keyType: 'text', sessionIdBytes: row.sessionId },
  };
}

/** In one statement: a row that somebody changes meanwhile is looked at again, and stays. */
async function deleteAsRead(transaction: PostgresTransaction, rows: readonly WholeRow[]): Promise<RowFates> {
  const keys = textArray(rows.map(({ key }) => String(key)));
  const contents = textArray(rows.map(({ content }) => content));
  const gone = new Set((await transaction.rows<{ key: string }>(DELETE, keys, contents)).map(({ key }) => key));
  const there = new Set((await transaction.rows<{ key: string }>(THERE, keys)).map(({ key }) => key));
  const stayed = rows.filter(({ key }) => there.has(String(key)) && !gone.has(String(key)));
  // One that is given twice was deleted once.
  return { deleted: rows.filter(({ key }) => gone.delete(String(key))), stayed };
}
