/** A resume map's way to its PostgreSQL database: calls in their order, writers that can be held back, and runs that outlast a `close`. */

import { setTimeout as sleep } from 'node:timers/promises';
import { BusyError, OperatingError } from '../../errors.ts';
import { PostgresDatabase, type PostgresOptions, type PostgresTransaction } from '../../postgres/postgres-database.ts';
import { SESSIONS_TABLE } from '../schema.ts';

type Act<T> = (transaction: PostgresTransaction) => Promise<T>;

/** Whoever waits for the lock of a table holds up all who come later: so we wait for a moment only, and let them pass between two tries. */
const HOLD_TRY_MS = 100;
const HOLD_REST_MS = 50;
/** Nobody holds them back for longer, also where this process has stopped or the network is cut: the server lets them go then. */
const HOLD_MAX_MS = 10_000;
/** It holds every writer back, ours or not, and no reader, nor another who holds them back. */
const HOLD = `LOCK TABLE ${SESSIONS_TABLE} IN SHARE MODE`;

export class PostgresMapConnection {
  /** Shows no password. */
  readonly name: string;
  /** One connection: calls take effect in the order in which they were made. */
  readonly #calls: PostgresDatabase;
  readonly #holds: PostgresDatabase;
  readonly #holdWaitMs: number;
  readonly #keepers: { readonly key: string }[] = [];
  #isClosed = false;

  constructor(url: string, { lockTimeoutMs = 5_000, ...options }: PostgresOptions, setUp: Act<void>) {
    const one = { ...options, maxConnections: 1 };
    this.#calls = new PostgresDatabase('resume map', url, { ...one, lockTimeoutMs }, setUp);
    this.#holds = new PostgresDatabase(
      'resume map',
      url,
      { ...one, ...{ lockTimeoutMs: HOLD_TRY_MS, statementTimeoutMs: HOLD_MAX_MS } },
      setUp,
    );
    this.#holdWaitMs = lockTimeoutMs;
    this.name = this.#calls.name;
  }

  /** All that is read is of one moment. */
  async read<T>(action: string, act: Act<T>): Promise<T> {
    this.throwIfClosed(action);
    return this.#calls.reading(action, act);
  }

  /** @param key whose keeper, if there is one, may write even where the map is closed */
  async write<T>(action: string, act: Act<T>, key?: string): Promise<T> {
    if (key === undefined || !this.#keepers.some((keeper) => keeper.key === key)) this.throwIfClosed(action);
    return this.#calls.transaction(action, act);
  }

  /**
   * Holds every writer of the map back while `act` runs, which may not write either.
   * @param onHeld called as soon as they are held back
   * @param ask what `act` is told, as it is while they are
   * @throws BusyError where they would not let go; `unavailable` where the hold was lost meanwhile; whatever `act` throws, as it is
   */
  async withWritersHeld<A, T>(onHeld: () => void, ask: Act<A>, act: (answer: A) => T | Promise<T>): Promise<T> {
    this.throwIfClosed('hold writers of');
    const giveUpAt = performance.now() + this.#holdWaitMs;
    for (;;) {
      const state: { isActing: boolean; failed?: { readonly error: unknown } } = { isActing: false };
      const holding = async (transaction: PostgresTransaction) => {
        await transaction.change(HOLD);
        onHeld();
        const answer = await ask(transaction);
        state.isActing = true;
        try {
          return await act(answer);
        } catch (error) {
          state.failed = { error };
          throw error;
        }
      };
      try {
        return await this.#holds.transaction('hold writers of', holding);
      } catch (error) {
        // What `act` has thrown is none of the database's.
        if (state.failed !== undefined) throw state.failed.error;
        if (state.isActing || !(error instanceof BusyError) || performance.now() > giveUpAt) throw error;
      }
      await sleep(HOLD_REST_MS * (0.5 + Math.random()));
    }
  }

  /** @throws OperatingError `usage` */
  throwIfClosed(action: string): void {
    if (this.#isClosed) throw new OperatingError('usage', `${action} ${this.name}: it was closed`);
  }

  /** What was asked for until now is still done; all that comes later is refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#closeIfIdle();
  }

  /**
   * For a run that is at work on a key: it goes on even where the map is closed meanwhile.
   * @returns gives the connection free
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
    await Promise.all([this.#calls.close(), this.#holds.close()]);
  }
}
