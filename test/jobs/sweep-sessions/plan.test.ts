import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EARLIEST_SENSIBLE_TIME_MS } from '../../../src/clock.ts';
import {
  judgeRow,
  type PresentSessions,
  type RowVerdict,
  type SweepPolicy,
} from '../../../src/jobs/sweep-sessions/plan.ts';
import type { UncheckedFields } from '../../../src/resume-map/resume-map.ts';
import { isSensibleTime, type SessionMaxAge } from '../../../src/resume-map/row-age.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

const MAX_AGE_MS = 10 * DAY_MS;
const MIN_AGE_MS = DAY_MS;
const ID = sessionIdOf(1);
const NONE: PresentSessions = new Set();

function policyOf(maxAge: SessionMaxAge = MAX_AGE_MS): SweepPolicy {
  return { maxAge, minAgeMs: MIN_AGE_MS };
}

/** A row that has been there for long and was last used five days ago. */
function rowOf(overrides: Partial<UncheckedFields> = {}): UncheckedFields {
  return {
    key: 'forgejo:architect:acme/app:1',
    sessionId: ID,
    lastUsedAtMs: NOW - 5 * DAY_MS,
    createdAtMs: NOW - 50 * DAY_MS,
    ...overrides,
  };
}

interface Case {
  readonly what: string;
  readonly row: Partial<UncheckedFields>;
  readonly present?: PresentSessions;
  readonly maxAge?: SessionMaxAge;
  readonly verdict: RowVerdict;
}

const CASES: readonly Case[] = [
  { what: 'exactly the maximum age', row: { lastUsedAtMs: NOW - MAX_AGE_MS }, present: undefined, verdict: 'in-use' },
  { what: 'a millisecond over it', row: { lastUsedAtMs: NOW - MAX_AGE_MS - 1 }, verdict: 'expired' },
  {
    what: 'an expired row whose transcript is there',
    row: { lastUsedAtMs: NOW - MAX_AGE_MS - 1 },
    present: new Set([ID]),
    verdict: 'expired',
  },
  { what: 'a row that was never used', row: { lastUsedAtMs: 0 }, verdict: 'expired' },
  {
    what: 'an old row where rows never expire',
    row: { lastUsedAtMs: NOW - 900 * DAY_MS },
    maxAge: 'never',
    present: new Set([ID]),
    verdict: 'in-use',
  },
  { what: 'a negative time', row: { lastUsedAtMs: -1 }, verdict: 'senseless' },
  { what: 'a time in seconds', row: { lastUsedAtMs: Math.floor(NOW / 1000) }, verdict: 'senseless' },
  { what: 'the year 275760', row: { lastUsedAtMs: 8.64e15 }, verdict: 'senseless' },
  { what: 'a time one millisecond ahead', row: { lastUsedAtMs: NOW + 1 }, verdict: 'senseless' },
  { what: 'no time', row: { lastUsedAtMs: null }, verdict: 'senseless' },
  { what: 'a time as text', row: { lastUsedAtMs: '1700000000000' }, verdict: 'senseless' },
  { what: 'an id with a path in it', row: { sessionId: '../../etc/passwd' }, verdict: 'senseless' },
  { what: 'no id', row: { sessionId: null }, verdict: 'senseless' },
  { what: 'an id as bytes', row: { sessionId: Buffer.from(ID) }, verdict: 'senseless' },
  { what: 'a transcript that is there', row: {}, present: new Set([ID]), verdict: 'in-use' },
  {
    what: 'a transcript that is there, by an id in upper case',
    row: { sessionId: sessionIdOf(0xabc).toUpperCase() },
    present: new Set([sessionIdOf(0xabc)]),
    verdict: 'in-use',
  },
  { what: 'disks that could not be read in full', row: {}, present: undefined, verdict: 'in-use' },
  { what: 'a transcript that is gone', row: {}, verdict: 'gone' },
  { what: 'last use exactly the age floor ago', row: { lastUsedAtMs: NOW - MIN_AGE_MS }, verdict: 'gone' },
  { what: 'last use a millisecond later', row: { lastUsedAtMs: NOW - MIN_AGE_MS + 1 }, verdict: 'in-use' },
  { what: 'a row made within the age floor', row: { createdAtMs: NOW - MIN_AGE_MS + 1 }, verdict: 'in-use' },
  { what: 'a row made in the future', row: { createdAtMs: NOW + DAY_MS }, verdict: 'in-use' },
  { what: 'a row that tells nothing of when it was made', row: { createdAtMs: null }, verdict: 'gone' },
  { what: 'a row that was made sometime, as text', row: { createdAtMs: 'yesterday' }, verdict: 'gone' },
];

describe('the verdict on one row', () => {
  it.each(CASES)('$what: $verdict', ({ row, maxAge, verdict, ...rest }) => {
    const present = 'present' in rest ? rest.present : NONE;
    expect(judgeRow(rowOf(row), present, policyOf(maxAge), NOW)).toBe(verdict);
  });

  const anyTime = fc.oneof(
    fc.integer({ min: NOW - 20 * DAY_MS, max: NOW + DAY_MS }),
    fc.constantFrom(0, -1, NOW, NOW + 1, EARLIEST_SENSIBLE_TIME_MS, null, '7', Number.NaN, Number.POSITIVE_INFINITY),
  );
  const anyRow = fc.record({
    key: fc.string(),
    sessionId: fc.oneof(fc.nat(5).map(sessionIdOf), fc.constantFrom(null, '', 'x', 7)),
    lastUsedAtMs: anyTime,
    createdAtMs: anyTime,
  });
  const anyPresent = fc.oneof(
    fc.constant(undefined),
    fc.subarray([0, 1, 2, 3, 4, 5].map(sessionIdOf)).map((ids): PresentSessions => new Set(ids)),
  );

  it('lets a row go only by a sensible time', () => {
    fc.assert(
      fc.property(anyRow, anyPresent, (row, present) => {
        const verdict = judgeRow(row, present, policyOf(), NOW);
        if (!isSensibleTime(row.lastUsedAtMs, NOW)) expect(verdict).toBe('senseless');
        if (verdict === 'expired') expect(Number(row.lastUsedAtMs)).toBeLessThan(NOW - MAX_AGE_MS);
      }),
    );
  });

  it('calls a row gone only if all disks were read, its transcript is nowhere, and it is older than the age floor', () => {
    let gone = 0;
    fc.assert(
      fc.property(anyRow, anyPresent, (row, present) => {
        if (judgeRow(row, present, policyOf('never'), NOW) !== 'gone') return;
        gone += 1;
        expect(present).toBeDefined();
        expect(present).not.toContain(row.sessionId);
        expect(NOW - Number(row.lastUsedAtMs)).toBeGreaterThanOrEqual(MIN_AGE_MS);
      }),
      { numRuns: 1_000 },
    );
    expect(gone).toBeGreaterThan(0);
  });
});
