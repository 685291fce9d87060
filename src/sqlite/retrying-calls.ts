/** A connection's calls, one after the other as they were asked for, each waiting for other processes' locks without blocking the thread. */

import { setTimeout as sleep } from 'node:timers/promises';
import { BusyError } from '../errors.ts';

/**
 * SQLite itself may wait so long at each try; this does block the thread. Without it, a writer of a database with a rollback journal
 * would never outlast those who are reading.
 */
export const BLOCKING_WAIT_MS = 3;
/** SQLite's own waiters look ever more rarely, up to 100 ms apart, and starve beside busy writers: these do not tire. */
const RETRY_MIN_MS = 1;
const RETRY_MAX_MS = 3;
/** Whoever has lately found the lock taken lets the others look before each call of its own: else it wins again and again. */
const BACK_OFF_MS = 100;

export class RetryingCalls {
  readonly #waitMs: number;
  #last: Promise<unknown> | undefined;
  #backsOffUntil = 0;

  /** @param waitMs how long a call may wait, its turn included */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /**
   * Runs `call`, again and again while it throws a BusyError; it must have changed nothing then. Where nobody waits and nothing is
   * locked, it is done before this returns.
   * @throws BusyError after the wait
   */
  async run<T>(call: () => T): Promise<T> {
    const askedAt = performance.now();
    if (this.#last === undefined && askedAt >= this.#backsOffUntil) {
      try {
        return call();
      } catch (error) {
        if (!this.#isWorthWaiting(error, askedAt + this.#waitMs)) throw error;
      }
    }
    return this.#inTurn(call, askedAt + this.#waitMs);
  }

  async #inTurn<T>(call: () => T, giveUpAt: number): Promise<T> {
    const turn = this.#untilFree(this.#last, call, giveUpAt);
    const settled = turn.catch(() => undefined);
    this.#last = settled;
    try {
      return await turn;
    } finally {
      if (this.#last === settled) this.#last = undefined;
    }
  }

  async #untilFree<T>(before: Promise<unknown> | undefined, call: () => T, giveUpAt: number): Promise<T> {
    await before;
    for (;;) {
      await pause();
      try {
        return call();
      } catch (error) {
        if (!this.#isWorthWaiting(error, giveUpAt)) throw error;
      }
    }
  }

  #isWorthWaiting(error: unknown, giveUpAt: number): boolean {
    if (!(error instanceof BusyError)) return false;
    this.#backsOffUntil = performance.now() + BACK_OFF_MS;
    return performance.now() < giveUpAt;
  }
}

async function pause(): Promise<void> {
  await sleep(RETRY_MIN_MS + Math.floor(Math.random() * (RETRY_MAX_MS - RETRY_MIN_MS + 1)));
}
