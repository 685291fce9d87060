/** Short holds of the writers of every live source: what is live is known for as long as one lasts, and cannot change meanwhile. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionId } from '../claude-dir/session-id.ts';
import { OperatingError } from '../errors.ts';
import { BrieflyBusyError, type LiveSource, withLiveOfAll } from '../live-sources/live-source.ts';
import type { Hold, ShortHolds } from '../sqlite/short-holds.ts';
import { WholeRunError } from './whole-run-error.ts';

export class LiveHolds {
  readonly #sources: readonly LiveSource[];
  readonly #holds: ShortHolds;

  constructor(sources: readonly LiveSource[], holds: ShortHolds) {
    this.#sources = sources;
    this.#holds = holds;
  }

  /** For how many sessions the next hold is to be taken. */
  get units(): number {
    return this.#holds.units;
  }

  /**
   * Runs `act` with those of `ids` that are live now. Keep it short: hosts wait for it.
   * @returns what it returned; undefined where writers were too busy to be held, and `act` has not run
   * @throws WholeRunError where a source cannot be asked, or was too busy too often; and whatever `act` throws
   */
  async take<T extends object>(
    ids: readonly SessionId[],
    act: (live: ReadonlySet<SessionId>, hold: Hold) => T | Promise<T>,
  ): Promise<T | undefined> {
    let thrown: { readonly error: unknown } | undefined;
    const guarded = async (live: ReadonlySet<SessionId>, hold: Hold) => {
      try {
        return await act(live, hold);
      } catch (error) {
        thrown = { error };
        throw error;
      }
    };
    try {
      return await this.#holds.take((hold) => {
        return untilFree(() => {
          return withLiveOfAll(
            this.#sources,
            ids,
            (live) => guarded(live, hold),
            () => hold.begin(),
          );
        });
      });
    } catch (error) {
      if (thrown?.error === error || !(error instanceof OperatingError)) throw error;
      throw new WholeRunError(error);
    }
  }
}

/** About a second of them, after which it is for the next batch. */
const ATTEMPTS = 4;
const REST_MS = 25;

/** Whoever waits for one of several maps lets the writers of the others go on, and comes again. */
async function untilFree<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = ATTEMPTS - 1; ; left -= 1) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0 || !(error instanceof BrieflyBusyError)) throw error;
      await sleep(REST_MS);
    }
  }
}
