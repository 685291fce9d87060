/** Which kind of live source protects a unit; of several, the first in the order of `PROTECTIONS` counts. */

import type { Units } from '../../claude-dir/unit.ts';
import { type LiveSessions, PROTECTIONS } from '../../live-sources/live-source.ts';
import type { FindableUnits } from './foreseen-units.ts';
import type { Protections } from './plan.ts';

/**
 * Looks the ids up among the units: of a million units, no id is ever made a text, but for those that a prefix may mean.
 * @param aged the same units, as old as they are in truth
 */
export function protectionByIndex(
  units: FindableUnits,
  aged: Units,
  sessions: LiveSessions,
): Protections['protection'] {
  const codes = new Uint8Array(units.length);
  for (const [index, protection] of PROTECTIONS.entries()) {
    const { ids, prefixes, writtenSinceMs } = sessions[protection];
    for (const id of ids) {
      const row = units.find(id);
      if (row !== undefined && codes[row] === 0) codes[row] = index + 1;
    }
    if (prefixes.size === 0 && writtenSinceMs === Number.POSITIVE_INFINITY) continue;
    for (let row = 0; row < units.length; row += 1) {
      if (codes[row] !== 0) continue;
      const isNamed = prefixes.mayMatchHead(units.idHead(row)) && prefixes.match(units.sessionId(row));
      if (isNamed || aged.newestMtimeMs(row) >= writtenSinceMs) codes[row] = index + 1;
    }
  }
  return (row) => {
    const code = codes[row] ?? 0;
    return code === 0 ? undefined : PROTECTIONS[code - 1];
  };
}

/** Looks each unit up among the ids: for units of which several may have one id. */
export function protectionOfId(units: Units, sessions: LiveSessions): Protections['protection'] {
  return (row) => {
    const id = units.sessionId(row);
    return PROTECTIONS.find((protection) => {
      const { ids, prefixes, writtenSinceMs } = sessions[protection];
      return ids.has(id) || prefixes.match(id) || units.newestMtimeMs(row) >= writtenSinceMs;
    });
  };
}
