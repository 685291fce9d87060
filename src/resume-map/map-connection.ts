/** A map's connection to its SQLite file: calls in turn, writers that can be held back, a file that may be replaced. */

import { BusyError, OperatingError } from '../errors.ts';
import { fileIdentity } from '../sqlite/file-identity.ts';
import { BUSY_TIMEOUT_MS, databaseError, type SqliteDatabase, type SqliteStatement } from '../sqlite/open.ts';
import { BLOCKING_WAIT_MS, RetryingCalls } from '../sqlite/retrying-calls.ts';
import { Statements } from '../sqlite/statements.ts';

export class MapConnection {
  readonly database: SqliteDatabase;
  readonly #statements: Statements;
  readonly #calls: RetryingCalls;
  readonly #what: string;
  readonly #identity: string | undefined;
  /** Writers are held back by this very object: what it wrote itself now would be rolled back in silence. */
  #isHeld = false;
  #isClosed = false;
  /** The keys of those who keep the file open, whether it is closed to everybody else or not. */
  readonly #keepers: { readonly key: string }[] = [];

  /**
   * @param busyTimeoutMs how long to wait for another writer
   * @param what it is, for messages
   */
  constructor(database: SqliteDatabase, busyTimeoutMs: number = BUSY_TIMEOUT_MS, what = 'resume map') {
    this.database = database;
    this.#what = what;
    this.#statements = new Statements(database);
    this.#calls = new RetryingCalls(busyTimeoutMs);
    database.pragma(`busy_timeout = ${BLOCKING_WAIT_MS}`);
    this.#identity = fileIdentity(database.name);
  }

  statement(sql: string): SqliteStatement {
    return this.#statements.get(sql);
  }

  /** @throws BusyError after the wait, and whatever `databaseError` makes of the rest; `call` may be run several times */
  read<T>(action: string, call: () => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(this.#closedError(action));
    return this.#run(action, call);
  }

  #run<T>(action: string, call: () => T): Promise<T> {
    return this.#calls.run(() => {
      try {
        return call();
      } catch (error) {
        throw databaseError(this.database.name, action, error);
      }
    });
  }

  /**
   * As `read`, and refused while the writers are held back.
   * @param key whose keeper, if there is one, may write even where the map is closed
   */
  write<T>(action: string, call: () => T, key?: string): Promise<T> {
    this.#throwIfHeld(action);
    const isKept = key !== undefined && this.#keepers.some((keeper) => keeper.key === key);
    if (this.#isClosed && !isKept) return Promise.reject(this.#closedError(action));
    return this.#run(action, () => {
      // They may have been held back while this call waited for its turn.
      this.#throwIfHeld(action);
      return call();
    });
  }

  /**
   * Holds every writer of the map back while `act` runs.
   * @param options.keepsChanges what `act` writes by this connection's statements stays; else nothing may be written
   */
  async withWritersHeld<T>(act: () => T | Promise<T>, { keepsChanges = false } = {}): Promise<T> {
    await this.write('hold writers of', () => {
      // IMMEDIATE: a deferred transaction that is upgraded later fails at once, whatever the timeout.
      this.database.exec('BEGIN IMMEDIATE');
      this.#isHeld = true;
    });
    try {
      this.throwIfReplaced();
      const result = await act();
      if (keepsChanges) this.database.exec('COMMIT');
      return result;
    } finally {
      // Nothing was written: this only lets the writers go. SQLite has rolled back by itself after some errors.
      this.#isHeld = false;
      if (this.database.inTransaction) this.database.exec('ROLLBACK');
    }
  }

  /** All of a change or nothing, and others see it at once: a row that is gone and not counted would pass for lost. */
  transact<T>(change: () => T): T {
    return this.database.transaction(change).immediate();
  }

  /** Another file under our file's name: hosts write their rows there by now, and what we hold says nothing any more. */
  throwIfReplaced(): void {
    if (this.database.memory || fileIdentity(this.database.name) === this.#identity) return;
    throw new OperatingError(
      'unavailable',
      `read ${this.#what} ${this.database.name}: the file was replaced meanwhile`,
    );
  }

  /** What was asked for until now is still done; all that comes later is refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#closeIfIdle();
  }

  /** @throws OperatingError `usage` */
  throwIfClosed(action: string): void {
    if (this.#isClosed) throw this.#closedError(action);
  }

  /**
   * For a run that is at work on a key: it goes on even where the map is closed meanwhile, and until then the file stays open.
   * @returns gives the file free
   */
  keepOpen(key: string): () => Promise<void> {
    const keeper = { key };
    this.#keepers.push(keeper);
    return async () => {
      const index = this.#keepers.indexOf(keeper);
      if (index < 0) return;
      this.#keepers.splice(index, 1);
      await this.#closeIfIdle();
    };
  }

  async #closeIfIdle(): Promise<void> {
    if (!this.#isClosed || this.#keepers.length > 0) return;
    await this.#calls.run(() => this.database.close());
  }

  #closedError(action: string): OperatingError {
    return new OperatingError('usage', `${action} ${this.#what} ${this.database.name}: it was closed`);
  }

  #throwIfHeld(action: string): void {
    if (this.#isHeld) throw new BusyError(`${action} ${this.database.name}: its writers are held back right now`);
  }
}
