/** Gives back in reverse what was acquired one after the other, each whatever becomes of the others. */

export class Acquired {
  readonly #releases: (() => unknown)[] = [];

  add<T>(resource: T, release: (resource: T) => unknown): T {
    this.#releases.push(() => release(resource));
    return resource;
  }

  /** Gives everything back, once. @throws the first error */
  async release(): Promise<void> {
    const errors: unknown[] = [];
    for (let release = this.#releases.pop(); release !== undefined; release = this.#releases.pop()) {
      try {
        await release();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
