/** Deletes many rows in transactions so short that no host's `setSession` waits long for one of them. */

import { OperatingError } from '../errors.ts';
import type { Hold, ShortHolds } from '../sqlite/short-holds.ts';
import type { MapConnection } from './map-connection.ts';

/** Transactions between two checkpoints. */
const CHECKPOINT_EVERY = 16;

export class ShortDeletions {
  readonly #connection: MapConnection;
  #uncheckpointed = 0;

  constructor(connection: MapConnection) {
    this.#connection = connection;
  }

  /**
   * Yields after each transaction what `deleteOne` has returned in it, one after the other.
   * @throws BusyError where the writers would not let go; what was yielded until then is deleted
   */
  async *deleteEach<T, R>(
    items: readonly T[],
    deleteOne: (item: T) => R,
    holds: ShortHolds,
  ): AsyncGenerator<readonly R[]> {
    for (let next = 0; next < items.length; ) {
      const batch = items.slice(next, next + holds.units);
      const done = await holds.take((hold) => this.#write(hold, () => deleteInTime(batch, deleteOne, hold)));
      if (done === undefined) continue;
      next += done.length;
      yield done;
    }
  }

  async #write<T>(hold: Hold, change: () => T): Promise<T> {
    const transaction = this.#connection.database.transaction(() => {
      hold.begin();
      return change();
    });
    const result = await this.#connection.write('sweep', () => transaction.immediate());
    hold.end();
    await this.#checkpointNowAndThen();
    return result;
  }

  /** While nobody waits: else it would fall to the host whose commit makes the log full. */
  async #checkpointNowAndThen(): Promise<void> {
    const { database } = this.#connection;
    this.#uncheckpointed += 1;
    if (database.memory || this.#uncheckpointed < CHECKPOINT_EVERY) return;
    this.#uncheckpointed = 0;
    try {
      await this.#connection.read('write back', () => database.pragma('wal_checkpoint(PASSIVE)'));
    } catch (error) {
      // As with SQLite's own checkpoints: what could not be written back is in the log, and is read from there.
      if (!(error instanceof OperatingError)) throw error;
    }
  }
}

/** As many of them as there is time for. */
function deleteInTime<T, R>(items: readonly T[], deleteOne: (item: T) => R, hold: Hold): readonly R[] {
  const results: R[] = [];
  for (const item of items) {
    results.push(deleteOne(item));
    if (hold.isOver()) break;
  }
  return results;
}
