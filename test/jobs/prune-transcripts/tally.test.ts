import { describe, expect, it } from 'vitest';
import { OLDEST_LISTED, type RemovedListing } from '../../../src/jobs/job.ts';
import { AppliedPlan } from '../../../src/jobs/prune-transcripts/applied-plan.ts';
import type { Plan } from '../../../src/jobs/prune-transcripts/plan.ts';
import { PruneTally } from '../../../src/jobs/prune-transcripts/tally.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';
import { makeUnit, NOW, rowsOf } from '../../support/units.ts';

const COUNT = 2_500;

/** Sessions of all ages in no order, all of which are removed. */
function removedIn(listing: RemovedListing): readonly { readonly lastUsedMs: number }[] | undefined {
  const usedMs = (index: number) => NOW - (40 + ((index * 7) % COUNT)) * DAY_MS;
  // Their files are as young as a shield makes them.
  const units = Array.from({ length: COUNT }, (_, index) => makeUnit({ sessionId: sessionIdOf(index + 1) }));
  const plan: Plan = {
    length: COUNT,
    reason: () => 'expired',
    isRemoval: () => true,
    asksForFacts: () => false,
    maxAgeMs: () => 0,
    lastUsedMs: usedMs,
    announcedAtMs: () => undefined,
    isSparedByClaude: () => false,
  };
  const tally = new PruneTally(listing);
  tally.addPlan('/c', rowsOf(units), plan, AppliedPlan.wholly(COUNT));
  const report = tally.report({ sources: {}, counts: {}, malformed: {}, stale: {} });
  expect(report.removed?.sessions).toBe(COUNT);
  return report.removedSessions;
}

describe('a tally', () => {
  it('names every removed session where all are asked for', () => {
    expect(removedIn('all')).toHaveLength(COUNT);
  });

  it('names the oldest, oldest first, where no more are shown', () => {
    const times = removedIn('oldest')?.map(({ lastUsedMs }) => lastUsedMs);
    const oldest = Array.from({ length: OLDEST_LISTED }, (_, index) => NOW - (40 + COUNT - 1 - index) * DAY_MS);
    expect(times).toEqual(oldest);
  });

  it('names none where none is listed', () => {
    expect(removedIn('none')).toBeUndefined();
  });
});
