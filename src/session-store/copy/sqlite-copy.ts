/** A session store in SQLite as it is copied from and to: hosts never wait for more than a batch. */

import { BusyError } from '../../errors.ts';
import { migrate } from '../../sqlite/migrate.ts';
import { guarded, openDatabaseForReading, openOwnDatabase, type SqliteDatabase } from '../../sqlite/open.ts';
import { Statements } from '../../sqlite/statements.ts';
import {
  ENTRIES_TABLE,
  PURGED_TABLE,
  STORE_MIGRATIONS,
  STORE_VERSION_TABLE,
  STORED_TABLE,
  throwIfForeign,
} from '../schema.ts';
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
import { digestOf, type EntryMark } from './entry-marks.ts';

const PAGE_SESSIONS = 500;
const OF_SESSION = 'project_key = @projectKey AND session_id = @sessionId';
const NAMES = `SELECT project_key AS projectKey, session_id AS sessionId FROM ${STORED_TABLE}
  WHERE (project_key, session_id) > (@projectKey, @sessionId) ORDER BY project_key, session_id LIMIT ${PAGE_SESSIONS}`;
const STORED = `SELECT mtime AS mtimeMs, last_used_at AS lastUsedAtMs, has_main AS hasMain, summary FROM ${STORED_TABLE}
  WHERE ${OF_SESSION}`;
const MARKS = `SELECT id, subpath, entry FROM ${ENTRIES_TABLE} WHERE ${OF_SESSION} ORDER BY id`;
const ENTRY = `SELECT subpath, entry AS text, created_at AS createdAtMs FROM ${ENTRIES_TABLE} WHERE id = ?`;
const STATE = `SELECT count(*) || ' ' || ifnull(max(id), 0) || ' ' || ifnull((SELECT mtime FROM ${STORED_TABLE} WHERE ${OF_SESSION}), '')
  FROM ${ENTRIES_TABLE} WHERE ${OF_SESSION}`;
const INSERT = `INSERT OR IGNORE INTO ${ENTRIES_TABLE} (project_key, session_id, subpath, uuid, entry, created_at)
  VALUES (@projectKey, @sessionId, @subpath, @uuid, @text, @createdAtMs)`;
const SHOW = `UPDATE ${STORED_TABLE} SET trashed_at = NULL, trash_reason = NULL WHERE ${OF_SESSION}`;
const NOTE = `INSERT INTO ${STORED_TABLE} (project_key, session_id, mtime, last_used_at, bytes, has_main, summary)
  SELECT @projectKey, @sessionId, @mtimeMs, @lastUsedAtMs, CAST(total(length(CAST(entry AS BLOB))) AS INTEGER), @hasMain, @summary
  FROM ${ENTRIES_TABLE} WHERE ${OF_SESSION}
  ON CONFLICT (project_key, session_id) DO UPDATE SET mtime = excluded.mtime, last_used_at = excluded.last_used_at,
    bytes = excluded.bytes, has_main = excluded.has_main, summary = excluded.summary`;
const TRIES_MAX = 20;

/** Its hosts have written to the session since it was looked at. */
class ChangedError extends BusyError {}

type StoredRow = Omit<StoredFigures, 'hasMain'> & { readonly hasMain: number };

export class SqliteStoreCopy implements StoreToCopy, StoreToFill {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;

  private constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = new Statements(database);
  }

  /** Changes no byte of it. */
  static toCopy(path: string): SqliteStoreCopy {
    const database = openDatabaseForReading(path);
    return checked(database, () => new SqliteStoreCopy(database));
  }

  static toFill(path: string): SqliteStoreCopy {
    const prepare = (fresh: SqliteDatabase) => migrate(fresh, STORE_VERSION_TABLE, STORE_MIGRATIONS);
    const database = openOwnDatabase(path, prepare);
    return checked(database, () => {
      prepare(database);
      return new SqliteStoreCopy(database);
    });
  }

  async *names(): AsyncGenerator<readonly SessionName[]> {
    for (let after: SessionName | undefined = { projectKey: '', sessionId: '' }; after !== undefined; ) {
      const { projectKey, sessionId }: SessionName = after;
      const page = this.#run('read', () => this.#statements.get(NAMES).all({ projectKey, sessionId })) as SessionName[];
      if (page.length > 0) yield page;
      after = page.at(-1);
    }
  }

  async see<T>(name: SessionName, act: (seen: SessionSeen) => Promise<T>): Promise<T | undefined> {
    const { stored, marks } = this.#look(name);
    if (stored === undefined) return undefined;
    const entries = async (ids: readonly number[]) =>
      this.#run('read', () =>
        ids.flatMap((id) => (this.#statements.get(ENTRY).get(id) as CopiedEntry | undefined) ?? []),
      );
    return act({ stored, marks, entries });
  }

  async hold<T>(name: SessionName, act: (held: SessionHeld) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await act(this.#held(name));
      } catch (error) {
        if (!(error instanceof ChangedError) || tries >= TRIES_MAX) throw error;
      }
    }
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  #held(name: SessionName): SessionHeld {
    this.#forgetPurged(name);
    const first = this.#look(name);
    let { state } = first;
    const change = async (act: () => void) =>
      this.#immediately(() => {
        if (this.#state(name) !== state) {
          throw new ChangedError(`copy ${name.sessionId} to ${this.#database.name}: a host writes to it`);
        }
        act();
        state = this.#state(name);
      });
    return {
      stored: first.stored,
      marks: async () => this.#look(name).marks,
      add: (entries) =>
        change(() => {
          for (const entry of entries)
            this.#statements.get(INSERT).run({ ...name, ...entry, uuid: uuidIn(entry.text) });
          // What is written to again is shown again, as by its hosts.
          this.#statements.get(SHOW).run(name);
        }),
      note: ({ hasMain, ...figures }) =>
        change(() => {
          this.#statements.get(NOTE).run({ ...name, ...figures, hasMain: hasMain ? 1 : 0 });
        }),
    };
  }

  #look(name: SessionName) {
    const look = this.#database.transaction(() => {
      const row = this.#statements.get(STORED).get(name) as StoredRow | undefined;
      const marks: EntryMark[] = [];
      for (const found of this.#statements.get(MARKS).iterate(name)) {
        const { id, subpath, entry } = found as { id: number; subpath: string; entry: string };
        marks.push({ id, subpath, digest: digestOf(entry), bytes: Buffer.byteLength(entry) });
      }
      return { stored: row && { ...row, hasMain: row.hasMain !== 0 }, marks, state: this.#state(name) };
    });
    return this.#run('read', () => look.deferred());
  }

  #state(name: SessionName): string {
    return String(this.#statements.get(STATE).pluck().get(name));
  }

  #forgetPurged(name: SessionName): void {
    this.#immediately(() => {
      const purged = this.#statements.get(`DELETE FROM ${PURGED_TABLE} WHERE ${OF_SESSION}`).run(name).changes;
      if (purged > 0) this.#statements.get(`DELETE FROM ${ENTRIES_TABLE} WHERE ${OF_SESSION}`).run(name);
    });
  }

  #immediately(act: () => void): void {
    this.#run('copy to', () => this.#database.transaction(act).immediate());
  }

  #run<T>(action: string, call: () => T): T {
    return guarded(this.#database.name, action, call);
  }
}

function checked(database: SqliteDatabase, open: () => SqliteStoreCopy): SqliteStoreCopy {
  try {
    return guarded(database.name, 'open', () => {
      throwIfForeign(database);
      return open();
    });
  } catch (error) {
    database.close();
    throw error;
  }
}
