/**
 * How Claude writes down what a person pinned in its list of background jobs: `jobs/pins.json`, an array of short ids. Pure.
 * Claude reads texts in one flat array and nothing else; whatever else looks like an id counts here too, since unknown means keep.
 */

import { type IdPrefix, parseIdPrefix } from './id-prefixes.ts';
import { parseJson } from './record-text.ts';

/** As Claude itself reads of it. */
export const PINS_BYTES_MAX = 8 * 2 ** 20;

/** Short and full ids, in whatever they stand. */
const ID_IN_TEXT = /(?<![\w-])[0-9a-f]{8}(?:(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?(?![\w-])/gi;

export interface PinnedJobs {
  readonly prefixes: readonly IdPrefix[];
  /** Entries that Claude would not understand; what looks like an id in them is pinned all the same. */
  readonly odd: number;
}

/** @param isCut the text is only the beginning of the file */
export function parsePins(text: string, isCut: boolean): PinnedJobs {
  const value = isCut ? undefined : parseJson(text)?.value;
  if (!Array.isArray(value)) return { prefixes: prefixesInText(text), odd: 1 };
  const prefixes = value.map((entry: unknown) => (typeof entry === 'string' ? parseIdPrefix(entry) : undefined));
  const understood = prefixes.filter((prefix) => prefix !== undefined);
  const odd = value.length - understood.length;
  return { prefixes: odd === 0 ? understood : [...understood, ...prefixesInText(text)], odd };
}

function prefixesInText(text: string): IdPrefix[] {
  const found = Array.from(text.matchAll(ID_IN_TEXT), ([match]) => parseIdPrefix(match));
  return found.filter((prefix) => prefix !== undefined);
}
