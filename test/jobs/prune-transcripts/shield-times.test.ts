import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedName } from '../../../src/files/byte-name.ts';
import { shieldTimes } from '../../../src/jobs/prune-transcripts/shield-times.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';
import { makeUnit, NOW, rowsOf } from '../../support/units.ts';

const [LATEST_MS, EARLIEST_MS] = [NOW - 24 * DAY_MS, NOW - 27 * DAY_MS];

interface Session {
  /** As its files say, days. */
  readonly onDisk: number;
  /** In truth, where that is more. */
  readonly inTruth?: number;
  readonly isShielded?: boolean;
  readonly project?: string;
}

/** @returns how old each looks afterwards, days */
function agesAfter(sessions: readonly Session[]): number[] {
  const unitsBy = (daysOf: (session: Session) => number) =>
    rowsOf(
      sessions.map((session, index) => {
        const project = fixedName(session.project ?? '-srv-app');
        return makeUnit({ sessionId: sessionIdOf(index), project, newestMtimeMs: NOW - daysOf(session) * DAY_MS });
      }),
    );
  const units = unitsBy(({ onDisk }) => onDisk);
  const times = shieldTimes({
    units,
    aged: unitsBy(({ onDisk, inTruth }) => inTruth ?? onDisk),
    isShielded: (row) => sessions[row]?.isShielded === true,
    isBystander: () => true,
    latestMs: LATEST_MS,
    earliestMs: EARLIEST_MS,
  });
  return sessions.map((_, row) => {
    const toMs = Math.max(times.get(row) ?? Number.NEGATIVE_INFINITY, units.newestMtimeMs(row));
    return (NOW - toMs) / DAY_MS;
  });
}

const shielded = (onDisk: number, inTruth = onDisk): Session => ({ onDisk, inTruth, isShielded: true });
const bystander = (onDisk: number): Session => ({ onDisk });

describe('The times that the shield sets', () => {
  it('are no younger than they must be, and none is made older', () => {
    expect(agesAfter([shielded(200), shielded(10)]).map(Math.round)).toEqual([24, 10]);
  });

  it('keep those who are shielded in the order in which they were used, far enough apart for who goes by whole milliseconds', () => {
    const [first = 0, second = 0, third = 0] = agesAfter([shielded(200), shielded(24.5, 300), shielded(100)]);
    expect(second).toBeGreaterThan(first);
    expect(first).toBeGreaterThan(third);
    // A time is read back up to a part of a millisecond earlier than it was set.
    for (const [younger, older] of [
      [third, first],
      [first, second],
    ] as const) {
      expect((older - younger) * DAY_MS).toBeGreaterThan(2);
    }
    expect((second - third) * DAY_MS).toBeLessThan(1_000);
  });

  it('do not let one overtake a session of its project that was used later', () => {
    const [pinned = 0, young = 0] = agesAfter([shielded(200), bystander(26)]);
    expect(pinned).toBeGreaterThan(young);
    expect(pinned).toBeCloseTo(26, 3);
  });

  it('spare one all the same where the other is about to be deleted itself', () => {
    const [pinned = 0] = agesAfter([shielded(200), bystander(29)]);
    expect(pinned).toBeCloseTo(27, 3);
  });

  it('are not held up by what was used earlier, nor by another project', () => {
    expect(agesAfter([shielded(26), bystander(28)])[0]).toBeCloseTo(24, 3);
    expect(agesAfter([shielded(200), { ...bystander(26), project: '-other' }])[0]).toBeCloseTo(24, 3);
  });

  it('leave nobody near the limit, and turn no order round, whatever there is', () => {
    const session = fc.record({
      onDisk: fc.integer({ min: 0, max: 30 }),
      more: fc.integer({ min: 0, max: 40 }),
      isShielded: fc.boolean(),
      project: fc.constantFrom('-a', '-b'),
    });
    fc.assert(
      fc.property(fc.array(session, { maxLength: 12 }), (made) => {
        // Only what was shielded before looks younger than it is.
        const sessions = made.map(({ more, ...one }) => ({
          ...one,
          inTruth: one.onDisk + (one.isShielded ? more : 0),
        }));
        const after = agesAfter(sessions);
        for (const [index, one] of sessions.entries()) {
          const age = after[index] ?? 0;
          expect(age).toBeLessThanOrEqual(one.isShielded ? 27.001 : one.onDisk);
          for (const [at, other] of sessions.entries()) {
            const otherAge = after[at] ?? 0;
            if (one.project !== other.project || one.inTruth <= other.inTruth) continue;
            // What was out of order before, and what is beyond saving, is nobody's promise.
            if (one.onDisk < other.onDisk || otherAge > 27) continue;
            expect(age).toBeGreaterThanOrEqual(otherAge);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
