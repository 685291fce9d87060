/** Beginnings of session ids, as Claude shortens them: each stands for every session whose id begins with it. */

import { SESSION_ID_LENGTH, type SessionId } from './session-id.ts';

declare const idPrefixBrand: unique symbol;

/** Eight or more of an id's first characters, in lower case. */
export type IdPrefix = string & { readonly [idPrefixBrand]: true };

/** Claude's short ids have as many; fewer would stand for strangers. */
const HEAD_LENGTH = 8;
const PREFIX = /^[0-9a-f]{8}(-[0-9a-f-]*)?$/;

/** Undefined where the text is not the beginning of an id, or too short a one. The case of letters and space around it do not count. */
export function parseIdPrefix(text: string): IdPrefix | undefined {
  const lower = text.trim().toLowerCase();
  return lower.length <= SESSION_ID_LENGTH && PREFIX.test(lower) ? (lower as IdPrefix) : undefined;
}

export class IdPrefixes {
  readonly #all: ReadonlySet<IdPrefix>;
  /** The prefixes by their first eight digits: among many ids, nearly all are told apart by these. */
  readonly #byHead = new Map<number, IdPrefix[]>();

  constructor(prefixes: Iterable<IdPrefix>) {
    this.#all = new Set(prefixes);
    for (const prefix of this.#all) {
      const head = headNumberOf(prefix);
      const others = this.#byHead.get(head);
      if (others === undefined) this.#byHead.set(head, [prefix]);
      else others.push(prefix);
    }
  }

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): IterableIterator<IdPrefix> {
    return this.#all.values();
  }

  match(id: SessionId): boolean {
    return this.size > 0 && (this.#byHead.get(headNumberOf(id))?.some((prefix) => id.startsWith(prefix)) ?? false);
  }

  /** Whether an id with these first eight digits, as a number, may match: cheaper than making the id. */
  mayMatchHead(head: number): boolean {
    return this.#byHead.has(head);
  }
}

/** The first eight digits, as a number. */
export function headNumberOf(text: IdPrefix | SessionId): number {
  return Number.parseInt(text.slice(0, HEAD_LENGTH), 16);
}
