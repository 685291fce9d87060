import { describe, expect, it } from 'vitest';
import { ClockGuard } from '../src/clock-guard.ts';
import { JOB_NAMES } from '../src/jobs/job.ts';
import { DAY_MS } from './support/tree.ts';

const START_MS = Date.UTC(2026, 0, 1);

/** A wall clock and the time since boot, each set by hand. */
function machine() {
  const times = { wallMs: START_MS, uptimeMs: 5_000 };
  const guard = new ClockGuard({ now: () => times.wallMs }, () => times.uptimeMs);
  const pass = (wallMs: number, uptimeMs = wallMs) => {
    times.wallMs += wallMs;
    times.uptimeMs += uptimeMs;
  };
  return { guard, pass };
}

describe('the clock guard', () => {
  it.each([40 * DAY_MS, -40 * DAY_MS, 11 * 60_000])('leaves each job out once after a jump by %i ms', (jumpMs) => {
    const { guard, pass } = machine();
    pass(jumpMs, 0);
    expect(guard.look()).toBe(jumpMs);
    for (const job of JOB_NAMES) expect(guard.isToBeLeftOut(job)).toBe(true);
    pass(DAY_MS);
    expect(guard.look()).toBeUndefined();
    for (const job of JOB_NAMES) expect(guard.isToBeLeftOut(job)).toBe(false);
  });

  it('takes a sleep of the machine for no jump', () => {
    const { guard, pass } = machine();
    pass(3 * DAY_MS);
    expect(guard.look()).toBeUndefined();
    expect(guard.isToBeLeftOut('prune-transcripts')).toBe(false);
  });

  it('takes slewing and a leap second for no jump', () => {
    const { guard, pass } = machine();
    pass(DAY_MS + 60_000, DAY_MS);
    expect(guard.look()).toBeUndefined();
  });

  it('leaves a job out again after a second jump', () => {
    const { guard, pass } = machine();
    pass(40 * DAY_MS, 0);
    guard.look();
    guard.isToBeLeftOut('purge-trash');
    pass(-40 * DAY_MS, 0);
    expect(guard.look()).toBe(-40 * DAY_MS);
    expect(guard.isToBeLeftOut('purge-trash')).toBe(true);
  });
});
