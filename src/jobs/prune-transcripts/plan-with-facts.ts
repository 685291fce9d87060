/**
 * Plans until every transcript has been looked into on which the plan depends: what keeps one may send another, to come under the size
 * cap or since it ranks behind.
 */

import type { ReadFault } from '../../claude-dir/measure.ts';
import type { Units } from '../../claude-dir/unit.ts';
import type { Clock } from '../../clock.ts';
import type { LiveSessions } from '../../live-sources/live-source.ts';
import type { RunState } from '../run-state.ts';
import type { Facts, PrunePolicy } from './age-rules.ts';
import { announcementKey } from './announcements.ts';
import { protectionAt } from './live-protection.ts';
import type { ObservedPlace } from './place.ts';
import { isKeptByAge, type Plan, planPrune } from './plan.ts';
import { policyAt } from './policy.ts';
import { scanFaults } from './scan-faults.ts';
import type { SessionCopies } from './session-copies.ts';

/** Between two questions whether to stop. */
const STEP_ROWS = 256;

export interface PlanOptions {
  readonly live: LiveSessions;
  readonly policy: PrunePolicy;
  readonly copies: Pick<SessionCopies, 'aged' | 'isKept'>;
  /** Since when sessions are announced to go, by `announcementKey`; undefined where no notice is given. */
  readonly announced?: ReadonlyMap<string, number> | undefined;
  readonly clock: Clock;
  /** Where the run was asked to stop, it says so, and the plan is no ground to act on. */
  readonly state: Pick<RunState, 'isOver' | 'shouldStop' | 'addFaults'>;
}

export async function planWithFacts(
  place: Pick<
    ObservedPlace,
    | 'kind'
    | 'units'
    | 'aged'
    | 'protection'
    | 'tellProtected'
    | 'facts'
    | 'asksForFacts'
    | 'freeableBytes'
    | 'projectPaths'
  >,
  { live, policy: inGeneral, copies, announced, clock, state }: PlanOptions,
): Promise<Plan> {
  await place.tellProtected(live);
  const nowMs = clock.now();
  const policy = policyAt(inGeneral, () => place.projectPaths());
  const protection = protectionAt(place, live);
  const freeableBytes = policy.minFreeBytes === 'off' ? undefined : place.freeableBytes();
  const faults: ReadFault[] = [];
  const facts = new Map<number, Facts>();
  const { aged, isCopyKept } = withCopies(place, copies);
  const announcedAtMs = (row: number) => announced?.get(announcementKey(aged, row));
  const seen = new Uint8Array(aged.length);
  const look = async (plan: Plan) => {
    const before = facts.size;
    const asked: number[] = [];
    for (let row = 0; row < plan.length && !state.isOver; row += 1) {
      // To ask whether one has to be looked into may take looks at its files.
      if (row % STEP_ROWS === STEP_ROWS - 1 && (await state.shouldStop())) break;
      if (seen[row] === 1) continue;
      if (plan.asksForFacts(row) || (isKeptByAge(plan.reason(row)) && place.asksForFacts(row))) asked.push(row);
    }
    if (state.isOver) return false;
    await place.facts(asked, { nowMs, shouldStop: () => state.shouldStop() }, (row, found) => {
      seen[row] = 1;
      if (found.fault !== undefined) faults.push(found.fault);
      if (found.facts !== undefined) facts.set(row, found.facts);
    });
    return facts.size > before;
  };
  for (;;) {
    const protections = { protection, facts: (row: number) => facts.get(row), isCopyKept, announcedAtMs };
    const plan = planPrune(aged, protections, policy, nowMs, freeableBytes);
    if ((await look(plan)) && !state.isOver) continue;
    state.addFaults(scanFaults(faults));
    return plan;
  }
}

function withCopies(
  { kind, aged }: Pick<ObservedPlace, 'kind' | 'aged'>,
  copies: PlanOptions['copies'],
): { readonly aged: Units; readonly isCopyKept: (row: number) => boolean } {
  if (kind === 'directory') return { aged: copies.aged(aged), isCopyKept: () => false };
  return { aged, isCopyKept: (row) => copies.isKept(aged.sessionId(row)) };
}
