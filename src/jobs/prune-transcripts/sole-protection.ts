/** How many sessions of a place each live source protects that no other one does: what would lose its protection with the source. */

import { IdPrefixes } from '../../claude-dir/id-prefixes.ts';
import type { LiveSessions, NamedSessions } from '../../live-sources/live-source.ts';
import { protectionAt } from './live-protection.ts';
import type { ObservedPlace } from './place.ts';

const SEVERAL = -1;
export const NOBODY: NamedSessions = {
  ids: new Set(),
  prefixes: new IdPrefixes([]),
  writtenSinceMs: Number.POSITIVE_INFINITY,
  projects: [],
  reasonFor: () => undefined,
};

/** @param named by source */
export function soleProtection(
  place: Pick<ObservedPlace, 'units' | 'protection' | 'projectPaths'>,
  named: ReadonlyMap<string, NamedSessions>,
): ReadonlyMap<string, number> {
  const names = [...named.keys()];
  const owners = new Int16Array(place.units.length);
  for (const [index, one] of [...named.values()].entries()) {
    if (isEmpty(one)) continue;
    const protection = protectionAt(place, alone(one));
    for (let row = 0; row < owners.length; row += 1) {
      if (protection(row) !== undefined) owners[row] = owners[row] === 0 ? index + 1 : SEVERAL;
    }
  }
  const counts = new Map(names.map((name) => [name, 0]));
  for (const owner of owners) {
    const name = names[owner - 1];
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

function isEmpty({ ids, prefixes, writtenSinceMs, projects }: NamedSessions): boolean {
  const isNobody = ids[Symbol.iterator]().next().done === true;
  return isNobody && prefixes.size === 0 && projects.length === 0 && writtenSinceMs === Number.POSITIVE_INFINITY;
}

function alone(live: NamedSessions): LiveSessions {
  return { live, running: NOBODY, pinned: NOBODY };
}
