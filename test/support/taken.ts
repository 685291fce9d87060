/** Takes a unit into the trash as a prune does, with nobody to hold back meanwhile. */

import type { Unit } from '../../src/claude-dir/unit.ts';
import type { TakeIntoTrash } from '../../src/trash/take.ts';
import type { TakeOutcome } from '../../src/trash/take-outcome.ts';

/** @param unit one that the run intends to take */
export function takeUnit(run: TakeIntoTrash, unit: Unit, nowMs: number): TakeOutcome {
  run.prepare([unit]);
  const [atFirst] = run.takeBatch([unit], nowMs, () => true);
  run.throwIfFailed();
  const outcome = run.confirm([unit], nowMs).get(unit) ?? atFirst;
  run.throwIfFailed();
  if (outcome === undefined) throw new Error('no unit was taken');
  return outcome.kind === 'trashed' && run.findRecreated([unit]).length > 0 ? { kind: 'recreated' } : outcome;
}
