/** Plans until every unit that is to go has been looked into: a mark that keeps one may send another, to come under the size cap. */

import type { Clock } from '../../clock.ts';
import type { ReadFault } from '../../transcripts/measure.ts';
import type { Unit } from '../../transcripts/unit.ts';
import type { JobContext } from '../job.ts';
import { type MarkObservation, ObservedMarks } from './marks.ts';
import { type LiveObservation, scanFaults } from './observe.ts';
import { type Decision, type PrunePolicy, planPrune } from './plan.ts';
import type { PruneTally } from './tally.ts';

/** One decision a unit, in the order of the input. Where the run was asked to stop, the tally says so, and they are no ground to act on. */
export function planWithMarks(
  units: readonly Unit[],
  observe: (unit: Unit) => MarkObservation,
  live: LiveObservation,
  { policy, clock }: { readonly policy: PrunePolicy; readonly clock: Clock },
  context: JobContext,
  tally: PruneTally,
): readonly Decision[] {
  const nowMs = clock.now();
  const faults: ReadFault[] = [];
  const observed = new ObservedMarks((unit) => {
    if (context.shouldStop()) tally.stop();
    if (tally.isOver) return undefined;
    const { mark, fault } = observe(unit);
    if (fault !== undefined) faults.push(fault);
    return mark;
  });
  for (;;) {
    const decisions = planPrune(units, { ...live.ids, marks: observed.marks }, policy, nowMs);
    const removals = decisions.filter(({ remove }) => remove).map(({ unit }) => unit);
    if (observed.look(removals) && !tally.isOver) continue;
    tally.addFaults(scanFaults(faults));
    return decisions;
  }
}
