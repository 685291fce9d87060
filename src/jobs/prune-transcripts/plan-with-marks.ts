/**
 * Plans until every unit has been looked into that is to go, or whose mark has to be known for another reason: a mark that keeps one may
 * send another, to come under the size cap.
 */

import type { ReadFault } from '../../claude-dir/measure.ts';
import type { Clock } from '../../clock.ts';
import type { LiveSessions } from '../../live-sources/live-source.ts';
import type { RunState } from '../run-state.ts';
import type { ObservedPlace } from './place.ts';
import { isKeptByAge, type Mark, type Plan, type PrunePolicy, planPrune } from './plan.ts';
import { scanFaults } from './scan-faults.ts';

export interface MarkedPlanOptions {
  readonly live: LiveSessions;
  readonly policy: PrunePolicy;
  readonly clock: Clock;
  /** Where the run was asked to stop, it says so, and the plan is no ground to act on. */
  readonly state: Pick<RunState, 'isOver' | 'shouldStop' | 'addFaults'>;
}

export async function planWithMarks(
  place: Pick<ObservedPlace, 'aged' | 'protection' | 'mark' | 'asksForMark'>,
  { live, policy, clock, state }: MarkedPlanOptions,
): Promise<Plan> {
  const nowMs = clock.now();
  const protection = place.protection(live);
  const faults: ReadFault[] = [];
  const marks = new Map<number, Mark>();
  const seen = new Uint8Array(place.aged.length);
  const look = async (plan: Plan) => {
    const before = marks.size;
    for (let row = 0; row < plan.length && !state.isOver; row += 1) {
      if (seen[row] === 1 || !(plan.isRemoval(row) || (isKeptByAge(plan.reason(row)) && place.asksForMark(row))))
        continue;
      await state.shouldStop();
      seen[row] = 1;
      const { mark, fault } = place.mark(row);
      if (fault !== undefined) faults.push(fault);
      if (mark !== undefined) marks.set(row, mark);
    }
    return marks.size > before;
  };
  for (;;) {
    const plan = planPrune(place.aged, { protection, mark: (row) => marks.get(row) }, policy, nowMs);
    if ((await look(plan)) && !state.isOver) continue;
    state.addFaults(scanFaults(faults));
    return plan;
  }
}
