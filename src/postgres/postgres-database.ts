/**
 * A PostgreSQL database, used in transactions alone, so that a pooler may stand before it; no call of it goes on for ever, and after a
 * failure the next call connects anew.
 */

import { errnoError, OperatingError } from '../errors.ts';
import { type DriverConnection, newDriverConnection, type SqlRow, type SqlValue } from './driver.ts';
import { postgresError, serverCode } from './postgres-error.ts';
import { type PostgresTarget, parsePostgresUrl } from './postgres-url.ts';

export interface PostgresOptions {
  /** How many connections are open at once, at the most; default 10. */
  readonly maxConnections?: number;
  /** Whether statements are prepared by name; `false` for a pooler that does not pass them on. Default `true`. */
  readonly prepare?: boolean;
  /** How long to wait for another's lock; default five seconds. */
  readonly lockTimeoutMs?: number;
  /** How long one statement may take; default half a minute. The server ends it then. */
  readonly statementTimeoutMs?: number;
  /** How much later a connection is given up whose server does not even do that; default five seconds. */
  readonly graceMs?: number;
  /** Default ten seconds. */
  readonly connectTimeoutMs?: number;
  /** Absolute path of a file with the password, in place of the one in the URL. It is read at each connection. */
  readonly passwordFile?: string | undefined;
}

/** A transaction that is open. */
export interface PostgresTransaction {
  rows<T = SqlRow>(sql: string, ...values: SqlValue[]): Promise<readonly T[]>;
  /** @returns how many rows were changed */
  change(sql: string, ...values: SqlValue[]): Promise<number>;
}

const DEFAULTS = {
  maxConnections: 10,
  prepare: true,
  lockTimeoutMs: 5_000,
  statementTimeoutMs: 30_000,
  graceMs: 5_000,
  connectTimeoutMs: 10_000,
};
/** A connection that nobody has used for so long is closed. It keeps no process alive until then. */
const IDLE_MAX_MS = 60_000;
/** Whatever the server's own default is: each statement sees what was committed before it. */
const BEGIN = 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE';
const BEGIN_READING = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

export class PostgresDatabase {
  /** Shows no password. */
  readonly name: string;
  readonly #target: PostgresTarget;
  readonly #options: PostgresOptions & typeof DEFAULTS;
  /** The one that was used last is the last. */
  readonly #idle: { readonly connection: DriverConnection; readonly timer: NodeJS.Timeout }[] = [];
  readonly #waiting: (() => void)[] = [];
  /**
   * Settings of one transaction: by them the server itself ends what takes too long, and refuses what its rules for rows would show a
   * part of.
   */
  readonly #limits: string;
  readonly #setUp: (transaction: PostgresTransaction) => Promise<void>;
  #places = 0;
  #isClosed = false;
  #isSetUp: Promise<void> | undefined;
  readonly #drained: (() => void)[] = [];

  /**
   * Connects to nothing yet.
   * @param what is kept there, for messages
   * @param setUp is done once, before all else
   * @throws ConfigError
   */
  constructor(
    what: string,
    url: string,
    options: PostgresOptions,
    setUp: (transaction: PostgresTransaction) => Promise<void>,
  ) {
    this.#target = parsePostgresUrl(url);
    this.name = `${what} ${this.#target.displayName}`;
    this.#options = { ...DEFAULTS, ...options };
    this.#setUp = setUp;
    const [lockMs, statementMs] = [this.#options.lockTimeoutMs, this.#options.statementTimeoutMs].map(wholeMs);
    this.#limits = `SET LOCAL lock_timeout = ${lockMs}; SET LOCAL statement_timeout = ${statementMs};
      SET LOCAL idle_in_transaction_session_timeout = ${statementMs}; SET LOCAL row_security = off`;
  }

  /**
   * Runs `act` in a transaction, which is committed when it is through. Where the connection is lost at the very end, what it has done
   * may have been done all the same.
   * @throws BusyError where another held a lock for too long; OperatingError `unavailable` and others; whatever `act` throws
   */
  async transaction<T>(action: string, act: (transaction: PostgresTransaction) => Promise<T>): Promise<T> {
    this.throwIfClosed(action);
    await this.#beSetUp();
    return this.#run(action, BEGIN, act);
  }

  /** All that `act` reads is of one moment. */
  async reading<T>(action: string, act: (transaction: PostgresTransaction) => Promise<T>): Promise<T> {
    this.throwIfClosed(action);
    await this.#beSetUp();
    return this.#run(action, BEGIN_READING, act);
  }

  /** @throws OperatingError `usage` */
  throwIfClosed(action: string): void {
    if (this.#isClosed) throw new OperatingError('usage', `${action} ${this.name}: it was closed`);
  }

  /** Does what was asked for until now, and refuses all that comes later. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const leaving = this.#idle.splice(0).map(({ connection, timer }) => {
      clearTimeout(timer);
      return connection.close();
    });
    const drained = this.#places === 0 ? [] : [new Promise<void>((resolve) => this.#drained.push(resolve))];
    await Promise.all([...leaving, ...drained]);
  }

  /** The next call tries again what has failed. */
  async #beSetUp(): Promise<void> {
    this.#isSetUp ??= this.#run('open', BEGIN, this.#setUp).catch((error: unknown) => {
      this.#isSetUp = undefined;
      throw error;
    });
    await this.#isSetUp;
  }

  async #run<T>(action: string, begin: string, act: (transaction: PostgresTransaction) => Promise<T>): Promise<T> {
    await this.#place();
    let connection: DriverConnection | undefined;
    try {
      connection = await this.#connected();
      return await this.#inTransaction(connection, begin, act);
    } catch (error) {
      throw postgresError(this.name, action, error);
    } finally {
      this.#giveBack(connection);
    }
  }

  async #inTransaction<T>(
    connection: DriverConnection,
    begin: string,
    act: (transaction: PostgresTransaction) => Promise<T>,
  ): Promise<T> {
    const failures: unknown[] = [];
    const query = (sql: string, values: readonly SqlValue[]) => {
      const answer = this.#answered(connection, sql, values);
      answer.catch((error) => failures.push(error));
      return answer;
    };
    try {
      await this.#answered(connection, `${begin}; ${this.#limits}`, []);
      const result = await act({
        rows: async <R>(sql: string, ...values: SqlValue[]) => (await query(sql, values)).rows as readonly R[],
        change: async (sql, ...values) => (await query(sql, values)).count,
      });
      // The server would answer a COMMIT with a rollback, and call that a success.
      if (failures.length > 0) throw failures[0];
      await this.#answered(connection, 'COMMIT', []);
      return result;
    } catch (error) {
      if (!connection.isCut()) await this.#rollBack(connection);
      throw error;
    }
  }

  async #rollBack(connection: DriverConnection): Promise<void> {
    try {
      await this.#answered(connection, 'ROLLBACK', []);
    } catch {
      // Whoever has lost its connection has rolled back; what had gone wrong before is what counts.
      connection.cut();
    }
  }

  /** A connection that does not answer is cut: nobody waits for ever. */
  async #answered(connection: DriverConnection, sql: string, values: readonly SqlValue[]) {
    if (connection.isCut()) throw new OperatingError('unavailable', `the connection to ${this.name} was lost`);
    const waitMs = wholeMs(this.#options.statementTimeoutMs + this.#options.graceMs);
    let isSilent = false;
    const timer = setTimeout(() => {
      isSilent = true;
      connection.cut();
    }, waitMs);
    try {
      return await connection.query(sql, values);
    } catch (error) {
      if (isSilent) throw errnoError('ETIMEDOUT', `no answer within ${waitMs} ms`);
      // The server has said no: with that, the connection is as good as before.
      if (serverCode(error) === undefined || connection.isCut()) connection.cut();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #place(): Promise<void> {
    if (this.#places < this.#options.maxConnections) {
      this.#places += 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async #connected(): Promise<DriverConnection> {
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop()) {
      clearTimeout(last.timer);
      if (!last.connection.isCut()) {
        last.connection.keepAlive(true);
        return last.connection;
      }
      last.connection.cut();
    }
    return newDriverConnection(this.#target, this.#options);
  }

  #giveBack(connection: DriverConnection | undefined): void {
    if (connection !== undefined) this.#keepIfSound(connection);
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next();
      return;
    }
    this.#places -= 1;
    if (this.#places === 0) for (const tell of this.#drained.splice(0)) tell();
  }

  #keepIfSound(connection: DriverConnection): void {
    if (this.#isClosed || connection.isCut()) {
      void connection.close();
      return;
    }
    const idle = {
      connection,
      timer: setTimeout(() => {
        this.#idle.splice(this.#idle.indexOf(idle), 1);
        void connection.close();
      }, IDLE_MAX_MS),
    };
    idle.timer.unref();
    connection.keepAlive(false);
    this.#idle.push(idle);
  }
}

/** The server and timers take no more, and 0 would be for ever. */
function wholeMs(ms: number): number {
  return Math.min(2_147_483_647, Math.ceil(ms));
}
