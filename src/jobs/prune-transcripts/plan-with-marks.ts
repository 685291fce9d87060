/** Plans until every unit that is to go has been looked into: a mark that keeps one may send another, to come under the size cap. */

import type { ReadFault } from '../../claude-dir/measure.ts';
import type { UnitRows } from '../../claude-dir/unit.ts';
import type { Clock } from '../../clock.ts';
import type { JobContext } from '../job.ts';
import type { MarkObservation } from './marks.ts';
import { scanFaults } from './observe.ts';
import { type Mark, type Plan, type Protections, type PrunePolicy, planPrune } from './plan.ts';
import type { PruneTally } from './tally.ts';

export interface MarkedPlanOptions {
  readonly protection: Protections['protection'];
  /** Looks into the transcript of one unit. */
  observe(row: number): MarkObservation;
  readonly policy: PrunePolicy;
  readonly clock: Clock;
  readonly context: Pick<JobContext, 'shouldStop'>;
  /** Where the run was asked to stop, it says so, and the plan is no ground to act on. */
  readonly tally: PruneTally;
}

export async function planWithMarks(
  units: UnitRows,
  { protection, observe, policy, clock, context, tally }: MarkedPlanOptions,
): Promise<Plan> {
  const nowMs = clock.now();
  const faults: ReadFault[] = [];
  const marks = new Map<number, Mark>();
  const seen = new Uint8Array(units.length);
  const look = async (plan: Plan) => {
    const before = marks.size;
    for (let row = 0; row < plan.length && !tally.isOver; row += 1) {
      if (!plan.isRemoval(row) || seen[row] === 1) continue;
      if (await context.shouldStop()) tally.stop();
      seen[row] = 1;
      const { mark, fault } = observe(row);
      if (fault !== undefined) faults.push(fault);
      if (mark !== undefined) marks.set(row, mark);
    }
    return marks.size > before;
  };
  for (;;) {
    const plan = planPrune(units, { protection, mark: (row) => marks.get(row) }, policy, nowMs);
    if ((await look(plan)) && !tally.isOver) continue;
    tally.addFaults(scanFaults(faults));
    return plan;
  }
}
