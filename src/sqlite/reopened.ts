/** A database that is held open for long, and opened anew once another file stands under its name. */

import { fileIdentity } from './file-identity.ts';

export class Reopened<T extends { close(): unknown }> {
  readonly #path: string;
  readonly #open: () => T;
  #held: { readonly resource: T; readonly identity: string | undefined } | undefined;

  constructor(path: string, open: () => T) {
    this.#path = path;
    this.#open = open;
  }

  /** @throws whatever opening throws; the next call tries again */
  get(): T {
    const identity = fileIdentity(this.#path);
    if (this.#held !== undefined && this.#held.identity !== identity) this.close();
    this.#held ??= { resource: this.#open(), identity: fileIdentity(this.#path) };
    return this.#held.resource;
  }

  close(): void {
    this.#held?.resource.close();
    this.#held = undefined;
  }
}
