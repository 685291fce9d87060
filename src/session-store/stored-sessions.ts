/** The sessions of a session store as the worker sees them: what is there, what is to be hidden, shown again or destroyed. */

import type { SessionMarks } from '../claude-dir/transcript-marks.ts';
import { OperatingError } from '../errors.ts';
import { type Room, roomAround } from '../files/room.ts';
import { giveBack } from '../sqlite/give-back.ts';
import { checkVersion } from '../sqlite/migrate.ts';
import {
  BUSY_TIMEOUT_MS,
  guarded,
  openDatabaseForReading,
  openExistingDatabase,
  type SqliteDatabase,
} from '../sqlite/open.ts';
import { BLOCKING_WAIT_MS, RetryingCalls } from '../sqlite/retrying-calls.ts';
import type { Hold, ShortHolds } from '../sqlite/short-holds.ts';
import { Statements } from '../sqlite/statements.ts';
import type { RetainedStore, StoredRemoval } from './retained-store.ts';
import {
  ENTRIES_TABLE,
  PURGED_TABLE,
  STORE_MIGRATIONS,
  STORE_VERSION_TABLE,
  STORED_TABLE,
  throwIfForeign,
} from './schema.ts';
import {
  isIdentified,
  MARK_BYTES_MAX,
  type MarkedStoredSession,
  markIn,
  type StoredSession,
  soundSession,
  soundTrashed,
  type TrashedStoredSession,
  type Unchecked,
  type UncheckedSession,
} from './stored-session.ts';

const COLUMNS = `project_key AS projectKey, session_id AS sessionId, last_used_at AS lastUsedAtMs, bytes, has_main AS hasMain`;
const OF_SESSION = 'project_key = @projectKey AND session_id = @sessionId';

export class StoredSessions implements RetainedStore {
  readonly path: string;
  /** Whoever appends goes by the same clock. */
  readonly clockLeadMs = 0;
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;

  readonly #busyTimeoutMs: number;
  readonly #calls: RetryingCalls;

  private constructor(path: string, database: SqliteDatabase, busyTimeoutMs: number) {
    this.path = path;
    this.#database = database;
    this.#statements = new Statements(database);
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#calls = new RetryingCalls(busyTimeoutMs);
  }

  /** @throws OperatingError, `config` where the database is no session store */
  static open(path: string, { busyTimeoutMs = BUSY_TIMEOUT_MS } = {}): StoredSessions {
    return StoredSessions.#checked(path, openExistingDatabase(path, { busyTimeoutMs }), busyTimeoutMs);
  }

  /** No byte on disk changes. */
  static openForReading(path: string): StoredSessions {
    return StoredSessions.#checked(path, openDatabaseForReading(path), BUSY_TIMEOUT_MS);
  }

  static #checked(path: string, database: SqliteDatabase, busyTimeoutMs: number): StoredSessions {
    try {
      guarded(path, 'open', () => {
        throwIfForeign(database);
        // What a later release has made of it is not known here, and not to be touched.
        checkVersion(database, STORE_VERSION_TABLE, STORE_MIGRATIONS);
      });
      const tables = guarded(path, 'open', () => {
        return database
          .prepare(`SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN (?, ?, ?)`)
          .pluck()
          .get(ENTRIES_TABLE, STORED_TABLE, PURGED_TABLE);
      });
      if (tables !== 3)
        throw new OperatingError('config', `open session store ${path}: it holds no table ${ENTRIES_TABLE}`);
      return new StoredSessions(path, database, busyTimeoutMs);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** What is not in the trash. A key that is none is left out: it stays for good. */
  sessions(): StoredSession[] {
    return this.#read(`SELECT ${COLUMNS} FROM ${STORED_TABLE} WHERE trashed_at IS NULL`).map(soundSession);
  }

  trashed(): TrashedStoredSession[] {
    const rows = this.#read(
      `SELECT ${COLUMNS}, trashed_at AS trashedAtMs, trash_reason AS reason FROM ${STORED_TABLE} WHERE trashed_at IS NOT NULL`,
    );
    return rows.map(soundTrashed);
  }

  /** The last word counts. Entries that mark a session are told by their text, since SQLite refuses to look into deep ones. */
  marks(session: StoredSession): SessionMarks {
    return guarded(this.path, 'read', () => {
      const last = (type: string, field: string) => {
        const entries = this.#statements
          .get(
            `SELECT entry FROM ${ENTRIES_TABLE} WHERE ${OF_SESSION} AND subpath = ''
             AND octet_length(entry) <= ${MARK_BYTES_MAX} AND instr(entry, @needle) > 0 ORDER BY id DESC`,
          )
          .pluck()
          .iterate({ ...keyOf(session), needle: `"type":"${type}"` }) as Iterable<string>;
        for (const text of entries) {
          const told = markIn(text, type, field);
          if (told !== undefined) return told.value;
        }
        return undefined;
      };
      return { tag: last('tag', 'tag'), title: last('custom-title', 'customTitle') };
    });
  }

  /** Waits until no other holds the database, as long as it was opened to wait. @throws BusyError */
  async untilWritable(): Promise<void> {
    await this.#calls.run(() => this.inShortTransaction(() => undefined));
  }

  /**
   * Makes several changes with one commit, and waits for no other that holds the database: others may be waiting for us.
   * @throws BusyError at once, and nothing is changed then
   */
  inShortTransaction(change: () => void): void {
    guarded(this.path, 'change', () => {
      this.#database.pragma(`busy_timeout = ${BLOCKING_WAIT_MS}`);
      try {
        this.#database.transaction(change).immediate();
      } finally {
        this.#database.pragma(`busy_timeout = ${this.#busyTimeoutMs}`);
      }
    });
  }

  /** Hides a session, if it was not used since it was looked at. @returns whether it is hidden now */
  trash(session: StoredSession, reason: string, nowMs: number): boolean {
    return this.#change(
      `UPDATE ${STORED_TABLE} SET trashed_at = @nowMs, trash_reason = @reason
       WHERE ${OF_SESSION} AND trashed_at IS NULL AND last_used_at = @lastUsedAtMs AND bytes = @bytes`,
      { ...keyOf(session), reason, nowMs, lastUsedAtMs: session.lastUsedAtMs, bytes: session.bytes },
    );
  }

  trashSome(
    removals: readonly StoredRemoval[],
    nowMs: number,
    isLast: (isHidden: boolean) => boolean,
  ): readonly (number | undefined)[] {
    const outcomes: (number | undefined)[] = [];
    this.inShortTransaction(() => {
      for (const { session, reason } of removals) {
        const isHidden = this.trash(session, reason, nowMs);
        outcomes.push(isHidden ? nowMs : undefined);
        if (isLast(isHidden)) break;
      }
    });
    return outcomes;
  }

  /** Shows it again, as old as before. @returns whether it was in the trash */
  restore(session: StoredSession): boolean {
    return this.#change(
      `UPDATE ${STORED_TABLE} SET trashed_at = NULL, trash_reason = NULL WHERE ${OF_SESSION} AND trashed_at IS NOT NULL`,
      keyOf(session),
    );
  }

  /** Sessions that are marked to be destroyed, and are not gone yet. */
  marked(): MarkedStoredSession[] {
    return guarded(this.path, 'read', () => {
      return this.#statements
        .get(
          `SELECT project_key AS projectKey, session_id AS sessionId, bytes, trashed_at AS trashedAtMs FROM ${PURGED_TABLE}`,
        )
        .all() as MarkedStoredSession[];
    });
  }

  /**
   * Marks what is still in the trash since the same time to be destroyed: from here on it is no session any more. Short, since others
   * may be held back meanwhile; its entries go in `destroySome`.
   * @returns whether it was
   */
  mark(session: TrashedStoredSession): boolean {
    const bound = { ...keyOf(session), trashedAtMs: session.trashedAtMs };
    const isGone = this.#change(`DELETE FROM ${STORED_TABLE} WHERE ${OF_SESSION} AND trashed_at = @trashedAtMs`, bound);
    if (!isGone) return false;
    return this.#change(
      `INSERT OR REPLACE INTO ${PURGED_TABLE} (project_key, session_id, bytes, trashed_at)
       VALUES (@projectKey, @sessionId, @bytes, @trashedAtMs)`,
      { ...bound, bytes: session.bytes },
    );
  }

  markSome(sessions: readonly TrashedStoredSession[]): readonly TrashedStoredSession[] {
    let marked: readonly TrashedStoredSession[] = [];
    this.inShortTransaction(() => {
      marked = sessions.filter((session) => this.mark(session));
    });
    return marked;
  }

  /** It is on this host's disk, and nobody else's. */
  tellProtected(): void {}

  /** From its mark on it is no session any more, and whoever appends begins one anew. */
  unmark(): void {}

  room(): Room {
    return roomAround(this.path);
  }

  /**
   * Destroys some entries of a marked session, in one transaction, until the hold is over; with the last of them its mark.
   * @returns whether nothing is left of it
   */
  async destroySome(
    session: MarkedStoredSession,
    entriesMax: number,
    hold: Hold,
  ): Promise<{ readonly isGone: boolean }> {
    const key = keyOf(session);
    const destroy = () => {
      hold.begin();
      const ids = this.#statements
        .get(
          `SELECT entries.id FROM ${ENTRIES_TABLE} AS entries JOIN ${PURGED_TABLE} USING (project_key, session_id)
           WHERE ${OF_SESSION} LIMIT @entriesMax`,
        )
        .pluck()
        .all({ ...key, entriesMax }) as number[];
      const remove = this.#statements.get(`DELETE FROM ${ENTRIES_TABLE} WHERE id = ?`);
      for (const [index, id] of ids.entries()) {
        remove.run(id);
        if (hold.isOver() && index < ids.length - 1) return { isGone: false };
      }
      if (ids.length === entriesMax) return { isGone: false };
      this.#statements.get(`DELETE FROM ${PURGED_TABLE} WHERE ${OF_SESSION}`).run(key);
      return { isGone: true };
    };
    return this.#calls.run(() => guarded(this.path, 'purge', () => this.#database.transaction(destroy).immediate()));
  }

  /** Gives what is free in the file back to the disk. @returns how many bytes */
  async giveBack(holds: ShortHolds, shouldStop: () => Promise<boolean>): Promise<number> {
    return giveBack(this.path, holds, shouldStop);
  }

  close(): void {
    this.#database.close();
  }

  #change(sql: string, bound: object): boolean {
    return guarded(this.path, 'change', () => this.#statements.get(sql).run(bound).changes > 0);
  }

  #read(sql: string): UncheckedSession[] {
    const rows = guarded(this.path, 'read', () => this.#statements.get(sql).all()) as Unchecked<StoredSession>[];
    return rows.filter(isIdentified);
  }
}

function keyOf({ projectKey, sessionId }: Pick<StoredSession, 'projectKey' | 'sessionId'>) {
  return { projectKey, sessionId };
}
