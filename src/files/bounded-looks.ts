/** Looks at paths of which any may hang, as on a server that is away: none is waited for long, and none is asked again before it has answered. */

import { setTimeout as sleep } from 'node:timers/promises';

/** A file system that is there answers within microseconds. */
const WAIT_MAX_MS = 1_000;

export class BoundedLooks<T> {
  readonly #look: (path: string) => Promise<T>;
  readonly #wait: () => Promise<undefined>;
  /** Each takes one thread of Node's pool, which has four. */
  readonly #underWay = new Map<string, Promise<T | undefined>>();

  /** @param wait how long a look is waited for */
  constructor(
    look: (path: string) => Promise<T>,
    wait: () => Promise<undefined> = () => sleep(WAIT_MAX_MS, undefined, { ref: false }),
  ) {
    this.#look = look;
    this.#wait = wait;
  }

  /** @returns undefined where it cannot be looked at, or does not answer in time */
  at(path: string): Promise<T | undefined> {
    let look = this.#underWay.get(path);
    if (look === undefined) {
      look = this.#look(path)
        // To the caller it is unknown, for whatever reason.
        .catch(() => undefined)
        .finally(() => this.#underWay.delete(path));
      this.#underWay.set(path, look);
    }
    return Promise.race([look, this.#wait()]);
  }
}
