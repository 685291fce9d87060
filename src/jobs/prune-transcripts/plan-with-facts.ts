/**
 * Plans until every transcript has been looked into on which the plan depends: what keeps one may send another, to come under the size
 * cap or since it ranks behind.
 */

import type { ReadFault } from '../../claude-dir/measure.ts';
import type { Clock } from '../../clock.ts';
import type { LiveSessions } from '../../live-sources/live-source.ts';
import type { RunState } from '../run-state.ts';
import type { Facts, PrunePolicy } from './age-rules.ts';
import type { ObservedPlace } from './place.ts';
import { isKeptByAge, type Plan, planPrune } from './plan.ts';
import { scanFaults } from './scan-faults.ts';

export interface PlanOptions {
  readonly live: LiveSessions;
  readonly policy: PrunePolicy;
  readonly clock: Clock;
  /** Where the run was asked to stop, it says so, and the plan is no ground to act on. */
  readonly state: Pick<RunState, 'isOver' | 'shouldStop' | 'addFaults'>;
}

export async function planWithFacts(
  place: Pick<ObservedPlace, 'aged' | 'protection' | 'facts' | 'asksForFacts' | 'freeableBytes'>,
  { live, policy, clock, state }: PlanOptions,
): Promise<Plan> {
  const nowMs = clock.now();
  const protection = place.protection(live);
  const freeableBytes = policy.minFreeBytes === 'off' ? undefined : place.freeableBytes();
  const faults: ReadFault[] = [];
  const facts = new Map<number, Facts>();
  const seen = new Uint8Array(place.aged.length);
  const look = async (plan: Plan) => {
    const before = facts.size;
    for (let row = 0; row < plan.length && !state.isOver; row += 1) {
      const isAsked = plan.asksForFacts(row) || (isKeptByAge(plan.reason(row)) && place.asksForFacts(row));
      if (seen[row] === 1 || !isAsked) continue;
      if (await state.shouldStop()) break;
      seen[row] = 1;
      const found = await place.facts(row, { nowMs, shouldStop: () => state.shouldStop() });
      if (found.fault !== undefined) faults.push(found.fault);
      if (found.facts !== undefined) facts.set(row, found.facts);
    }
    return facts.size > before;
  };
  for (;;) {
    const plan = planPrune(place.aged, { protection, facts: (row) => facts.get(row) }, policy, nowMs, freeableBytes);
    if ((await look(plan)) && !state.isOver) continue;
    state.addFaults(scanFaults(faults));
    return plan;
  }
}
