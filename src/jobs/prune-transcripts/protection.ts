/** Which kind of live source protects a unit; of several, the first in the order of `PROTECTIONS` counts. */

import type { UnitRows } from '../../claude-dir/unit.ts';
import { type LiveIdsByProtection, PROTECTIONS } from '../../live-sources/live-source.ts';
import type { FindableUnits } from './foreseen-units.ts';
import type { Protections } from './plan.ts';

/** Looks the ids up among the units: of a million units, no id is ever made a text. */
export function protectionByIndex(units: FindableUnits, ids: LiveIdsByProtection): Protections['protection'] {
  const codes = new Uint8Array(units.length);
  for (const [index, protection] of PROTECTIONS.entries()) {
    for (const id of ids[protection]) {
      const row = units.find(id);
      if (row !== undefined && codes[row] === 0) codes[row] = index + 1;
    }
  }
  return (row) => {
    const code = codes[row] ?? 0;
    return code === 0 ? undefined : PROTECTIONS[code - 1];
  };
}

/** Looks each unit up among the ids: for units of which several may have one id. */
export function protectionOfId(units: UnitRows, ids: LiveIdsByProtection): Protections['protection'] {
  return (row) => PROTECTIONS.find((protection) => ids[protection].has(units.sessionId(row)));
}
