/** Deletes many rows in transactions so short that no host's `setSession` waits long for one of them. */

import { setTimeout as sleep } from 'node:timers/promises';
import { OperatingError } from '../errors.ts';
import type { MapConnection } from './map-connection.ts';

/** How long one transaction is to hold writers back. */
const HOLD_MS = 6;
/** Its rows: as many as the disk and its other users leave time for. */
const ROWS_MIN = 16;
const ROWS_MAX = 256;
/** Transactions between two checkpoints. */
const CHECKPOINT_EVERY = 16;
/** At least so long is slept between two: SQLite's waiters poll, and would starve otherwise. */
const PAUSE_MIN_MS = 2;

export class ShortDeletions {
  readonly #connection: MapConnection;
  #rows = ROWS_MIN;
  #uncheckpointed = 0;

  constructor(connection: MapConnection) {
    this.#connection = connection;
  }

  /** @returns how many rows `deleteOne` has deleted */
  async deleteEach<T>(items: readonly T[], deleteOne: (item: T) => number): Promise<number> {
    let deleted = 0;
    for (let next = 0; next < items.length; ) {
      const batch = items.slice(next, next + this.#rows);
      const { tried, deleted: ofBatch } = await this.#writeAndPause(() => deleteInTime(batch, deleteOne));
      next += tried;
      deleted += ofBatch;
    }
    return deleted;
  }

  /** Lets others write for as long as it has held them back. */
  async #writeAndPause<T>(change: () => T): Promise<T> {
    const { database } = this.#connection;
    let heldSince = 0;
    const transaction = database.transaction(() => {
      heldSince = performance.now();
      return change();
    });
    const result = await this.#connection.write('sweep', () => transaction.immediate());
    const heldMs = performance.now() - heldSince;
    // Writing back and syncing take most of it, and that is known only afterwards.
    if (heldMs > HOLD_MS) this.#rows = Math.max(ROWS_MIN, this.#rows / 2);
    else if (heldMs < HOLD_MS / 2) this.#rows = Math.min(ROWS_MAX, this.#rows * 2);
    // Nobody waits for a copy in memory.
    if (database.memory) return result;
    const pauseEndsAt = performance.now() + Math.max(PAUSE_MIN_MS, heldMs);
    await this.#checkpointNowAndThen();
    await sleep(Math.max(1, pauseEndsAt - performance.now()));
    return result;
  }

  /** While nobody waits: else it would fall to the host whose commit makes the log full. */
  async #checkpointNowAndThen(): Promise<void> {
    this.#uncheckpointed += 1;
    if (this.#uncheckpointed < CHECKPOINT_EVERY) return;
    this.#uncheckpointed = 0;
    try {
      await this.#connection.read('write back', () => this.#connection.database.pragma('wal_checkpoint(PASSIVE)'));
    } catch (error) {
      // As with SQLite's own checkpoints: what could not be written back is in the log, and is read from there.
      if (!(error instanceof OperatingError)) throw error;
    }
  }
}

/** As many of them as there is time for. */
function deleteInTime<T>(items: readonly T[], deleteOne: (item: T) => number): { tried: number; deleted: number } {
  const until = performance.now() + HOLD_MS;
  let [tried, deleted] = [0, 0];
  for (const item of items) {
    deleted += deleteOne(item);
    tried += 1;
    if (performance.now() >= until) break;
  }
  return { tried, deleted };
}
