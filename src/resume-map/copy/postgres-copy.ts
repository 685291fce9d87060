/** A resume map in PostgreSQL, with the rows of all its hosts, as it is copied from and to. */

import { PostgresDatabase } from '../../postgres/postgres-database.ts';
import { textArray } from '../../postgres/sql-text.ts';
import { MAX_AGE } from '../map-age.ts';
import { findMap, makeMap } from '../postgres/schema.ts';
import { writtenMaxAge } from '../postgres/settings.ts';
import type { SessionMaxAge } from '../row-age.ts';
import { SESSIONS_TABLE, SETTINGS_TABLE } from '../schema.ts';
import type { CopiedRow, MapToCopy, MapToFill } from './copy-map.ts';

/** A pooler may stand before it, of which nobody has told. */
const OPTIONS = { maxConnections: 2, prepare: false };
const PAGE_ROWS = 1_000;
const COLUMNS = `key, session_id AS "sessionId", last_used_at AS "lastUsedAtMs", created_at AS "createdAtMs", host,
  claude_dir AS "claudeDir"`;
const PAGE = `SELECT ${COLUMNS} FROM ${SESSIONS_TABLE} WHERE $1::text IS NULL OR key > $1::text ORDER BY key LIMIT ${PAGE_ROWS}`;
const FIND = `SELECT ${COLUMNS} FROM ${SESSIONS_TABLE} WHERE key = ANY ($1::text::text[])`;
const PUT = `INSERT INTO ${SESSIONS_TABLE} AS sessions (key, session_id, last_used_at, created_at, host, claude_dir)
  SELECT * FROM unnest($1::text::text[], $2::text::text[], $3::text::bigint[], $4::text::bigint[], $5::text::text[], $6::text::text[])
  ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id, last_used_at = excluded.last_used_at,
    created_at = excluded.created_at, host = excluded.host, claude_dir = excluded.claude_dir
  WHERE excluded.last_used_at >= sessions.last_used_at`;
const PUT_MAX_AGE = `INSERT INTO ${SETTINGS_TABLE} (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`;

export class PostgresMapCopy implements MapToCopy, MapToFill {
  readonly #database: PostgresDatabase;
  readonly #host: string;

  /**
   * @param makes whether its tables are made where there are none
   * @param host whose the rows are of a map that does not say it
   */
  constructor(url: string, makes: boolean, host: string) {
    this.#database = new PostgresDatabase('resume map', url, OPTIONS, makes ? makeMap : findMap);
    this.#host = host;
  }

  async *pages(): AsyncGenerator<readonly CopiedRow[]> {
    for (let after: string | null | undefined = null; after !== undefined; ) {
      const from: string | null = after;
      const rows: readonly CopiedRow[] = await this.#database.reading('read', (one) => one.rows<CopiedRow>(PAGE, from));
      if (rows.length > 0) yield rows;
      after = rows.at(-1)?.key;
    }
  }

  async writtenMaxAge(): Promise<SessionMaxAge | undefined> {
    return this.#database.reading('read settings of', writtenMaxAge);
  }

  async put(rows: readonly CopiedRow[]): Promise<void> {
    const columns = [
      rows.map(({ key }) => key),
      rows.map(({ sessionId }) => sessionId),
      rows.map(({ lastUsedAtMs }) => String(lastUsedAtMs)),
      rows.map(({ createdAtMs }) => String(createdAtMs)),
      rows.map(({ host }) => host ?? this.#host),
      rows.map(({ claudeDir }) => claudeDir),
    ].map(textArray);
    await this.#database.transaction('copy to', (one) => one.change(PUT, ...columns));
  }

  async find(keys: readonly string[]): Promise<ReadonlyMap<string, CopiedRow>> {
    const rows = await this.#database.reading('read', (one) => one.rows<CopiedRow>(FIND, textArray(keys)));
    return new Map(rows.map((row) => [row.key, row]));
  }

  async putMaxAge(maxAge: SessionMaxAge): Promise<void> {
    await this.#database.transaction('write settings of', (one) => one.change(PUT_MAX_AGE, MAX_AGE, String(maxAge)));
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}
