/** A resume map in SQLite, as it is copied from and to. */

import { guarded, type SqliteDatabase } from '../../sqlite/open.ts';
import { Statements } from '../../sqlite/statements.ts';
import { MAX_AGE, parseMaxAge } from '../map-age.ts';
import { openMapForReading, openOwnMap } from '../map-database.ts';
import type { SessionMaxAge } from '../row-age.ts';
import { hasTable, SESSIONS_TABLE, SETTINGS_TABLE } from '../schema.ts';
import { SqliteResumeMap } from '../sqlite.ts';
import type { CopiedRow, MapToCopy, MapToFill } from './copy-map.ts';

const FIND = `SELECT key, session_id AS sessionId, last_used_at AS lastUsedAtMs, created_at AS createdAtMs, NULL AS host,
  NULL AS claudeDir FROM ${SESSIONS_TABLE} WHERE key = ?`;
const PUT = `INSERT INTO ${SESSIONS_TABLE} (key, session_id, last_used_at, created_at)
  VALUES (@key, @sessionId, @lastUsedAtMs, @createdAtMs)
  ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id, last_used_at = excluded.last_used_at,
    created_at = excluded.created_at WHERE excluded.last_used_at >= last_used_at`;
const PUT_MAX_AGE = `INSERT INTO ${SETTINGS_TABLE} (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`;
const MAX_AGE_WRITTEN = `SELECT value FROM ${SETTINGS_TABLE} WHERE name = ?`;

/** Changes no byte of it. */
export class SqliteMapToCopy implements MapToCopy {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async *pages(): AsyncGenerator<readonly (CopiedRow | undefined)[]> {
    const map = SqliteResumeMap.openForReading(this.#path);
    try {
      for await (const page of map.readPages()) yield page.map(copiedRow);
    } finally {
      await map.close();
    }
  }

  async writtenMaxAge(): Promise<SessionMaxAge | undefined> {
    const { database } = openMapForReading(this.#path, {});
    try {
      return guarded(this.#path, 'read settings of', () => {
        if (!hasTable(database, SETTINGS_TABLE)) return undefined;
        return parseMaxAge(database.prepare(MAX_AGE_WRITTEN).pluck().get(MAX_AGE));
      });
    } finally {
      database.close();
    }
  }
}

export class SqliteMapToFill implements MapToFill {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;

  constructor(path: string) {
    this.#database = openOwnMap(path, {}).database;
    this.#statements = new Statements(this.#database);
  }

  async put(rows: readonly CopiedRow[]): Promise<void> {
    guarded(this.#database.name, 'copy to', () => {
      const put = this.#statements.get(PUT);
      const all = this.#database.transaction(() => {
        for (const { key, sessionId, lastUsedAtMs, createdAtMs } of rows) {
          put.run({ key, sessionId, lastUsedAtMs, createdAtMs });
        }
      });
      all.immediate();
    });
  }

  async find(keys: readonly string[]): Promise<ReadonlyMap<string, CopiedRow>> {
    return guarded(this.#database.name, 'read', () => {
      const find = this.#statements.get(FIND);
      const rows = keys.flatMap((key) => (find.get(key) as CopiedRow | undefined) ?? []);
      return new Map(rows.map((row) => [row.key, row]));
    });
  }

  async putMaxAge(maxAge: SessionMaxAge): Promise<void> {
    guarded(this.#database.name, 'write settings of', () => {
      this.#statements.get(PUT_MAX_AGE).run(MAX_AGE, String(maxAge));
    });
  }

  async close(): Promise<void> {
    this.#database.close();
  }
}

type Unchecked = Readonly<Record<'key' | 'sessionId' | 'lastUsedAtMs' | 'createdAtMs', unknown>>;

function copiedRow({ key, sessionId, lastUsedAtMs, createdAtMs }: Unchecked): CopiedRow | undefined {
  if (typeof key !== 'string' || typeof sessionId !== 'string') return undefined;
  if (typeof lastUsedAtMs !== 'number' || typeof createdAtMs !== 'number') return undefined;
  return { key, sessionId, lastUsedAtMs, createdAtMs, host: null, claudeDir: null };
}
