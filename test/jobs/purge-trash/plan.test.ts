import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EarlyCandidate, type PurgeKeepReason, planEarly, planPurge } from '../../../src/jobs/purge-trash/plan.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

const KEEP_MS = 7 * DAY_MS;
const ID = sessionIdOf(1);
const allWitnessed = () => 0;

describe('the plan of one session in the trash', () => {
  it.each<{ what: string; trashedAtMs: number; live?: boolean; outcome: PurgeKeepReason | 'purge' }>([
    { what: 'a millisecond over its time', trashedAtMs: NOW - KEEP_MS - 1, outcome: 'purge' },
    { what: 'exactly its time', trashedAtMs: NOW - KEEP_MS, outcome: 'within-keep' },
    { what: 'trashed just now', trashedAtMs: NOW, outcome: 'within-keep' },
    { what: 'trashed in the future', trashedAtMs: NOW + 1, outcome: 'senseless-time' },
    { what: 'trashed at no time', trashedAtMs: Number.NaN, outcome: 'senseless-time' },
    { what: 'trashed infinitely long ago', trashedAtMs: Number.NEGATIVE_INFINITY, outcome: 'senseless-time' },
    { what: 'long over its time and live again', trashedAtMs: NOW - 900 * DAY_MS, live: true, outcome: 'live' },
    { what: 'trashed at no time and live again', trashedAtMs: Number.NaN, live: true, outcome: 'live' },
  ])('$what: $outcome', ({ trashedAtMs, live = false, outcome }) => {
    const session = { sessionId: ID, trashedAtMs };
    const expected = outcome === 'purge' ? { session, purge: true } : { session, purge: false, reason: outcome };
    expect(planPurge([session], new Set(live ? [ID] : []), KEEP_MS, NOW, allWitnessed)).toEqual([expected]);
  });
});

describe('time that only the wall clock has counted', () => {
  it.each([
    { unwitnessedMs: 3 * DAY_MS, purge: false },
    { unwitnessedMs: 3 * DAY_MS - 1, purge: true },
  ])('is no time in the trash: $unwitnessedMs of ten days, purged $purge', ({ unwitnessedMs, purge }) => {
    const session = { sessionId: ID, trashedAtMs: NOW - 10 * DAY_MS };
    const since: number[] = [];
    const witness = (sinceMs: number) => {
      since.push(sinceMs);
      return unwitnessedMs;
    };
    expect(planPurge([session], new Set(), KEEP_MS, NOW, witness).map((decision) => decision.purge)).toEqual([purge]);
    expect(since).toEqual([session.trashedAtMs]);
  });
});

describe('every plan', () => {
  const anyIds = fc.array(fc.nat(9).map(sessionIdOf));
  const anySessions = fc.array(
    fc.record({
      sessionId: fc.nat(9).map(sessionIdOf),
      trashedAtMs: fc.oneof(
        fc.integer({ min: NOW - 30 * DAY_MS, max: NOW + DAY_MS }),
        fc.constantFrom(Number.NaN, 0, NOW),
      ),
    }),
  );
  const anyKeepMs = fc.integer({ min: 0, max: 30 * DAY_MS });

  it('decides on each session once, in the order that they came in', () => {
    fc.assert(
      fc.property(anySessions, anyIds, anyKeepMs, (sessions, live, keepMs) => {
        expect(planPurge(sessions, new Set(live), keepMs, NOW, allWitnessed).map(({ session }) => session)).toEqual(
          sessions,
        );
      }),
    );
  });

  it('purges nothing that is live or has not lain for longer than its time', () => {
    let purged = 0;
    fc.assert(
      fc.property(anySessions, anyIds, anyKeepMs, (sessions, live, keepMs) => {
        for (const { session, purge } of planPurge(sessions, new Set(live), keepMs, NOW, allWitnessed)) {
          if (!purge) continue;
          purged += 1;
          expect(live).not.toContain(session.sessionId);
          expect(NOW - session.trashedAtMs).toBeGreaterThan(keepMs);
        }
      }),
    );
    expect(purged).toBeGreaterThan(0);
  });

  it('purges more by a shorter keep', () => {
    fc.assert(
      fc.property(anySessions, anyIds, anyKeepMs, fc.nat(30 * DAY_MS), (sessions, live, keepMs, moreMs) => {
        const purgedAt = (keep: number) =>
          planPurge(sessions, new Set(live), keep, NOW, allWitnessed)
            .filter(({ purge }) => purge)
            .map(({ session }) => session);
        const shorter = purgedAt(keepMs);
        for (const session of purgedAt(keepMs + moreMs)) expect(shorter).toContain(session);
      }),
    );
  });
});

describe('the plan of what goes early', () => {
  const limits = { keepMs: KEEP_MS, keepAtLeastMs: DAY_MS, neededBytes: 100 };
  const part = (number: number, days: number, diskBytes: number, isAlone = true): EarlyCandidate => {
    return { sessionId: sessionIdOf(number), trashedAtMs: NOW - days * DAY_MS, diskBytes, isAlone: () => isAlone };
  };
  const early = (candidates: readonly EarlyCandidate[], live: readonly number[] = [], needed = 100) => {
    const names = new Set(live.map(sessionIdOf));
    const plan = planEarly(candidates, names, { ...limits, neededBytes: needed }, NOW, allWitnessed);
    return { numbers: [...plan.sessionIds].map((id) => Number.parseInt(id.slice(-12), 16)), left: plan.missingBytes };
  };

  it('takes the oldest first, and no more than it needs', () => {
    expect(early([part(1, 2, 60), part(2, 4, 60), part(3, 3, 60)])).toEqual({ numbers: [2, 3], left: 0 });
  });

  it('never takes what has lain for less than it has to, and says what is missing', () => {
    expect(early([part(1, 0.5, 60), part(2, 1, 60), part(3, 2, 60)])).toEqual({ numbers: [3], left: 40 });
  });

  it('counts what goes anyway, and takes none but what it then still needs', () => {
    expect(early([part(1, 8, 90), part(2, 3, 60), part(3, 2, 60)])).toEqual({ numbers: [2], left: 0 });
  });

  it('passes over what is live again or written anew, which would free nothing', () => {
    expect(early([part(1, 5, 100), part(2, 4, 100, false), part(3, 3, 100)], [1])).toEqual({ numbers: [3], left: 0 });
  });

  it('takes a session whose parts went at different times by the newest, and whole', () => {
    expect(early([part(1, 6, 50), part(1, 0.5, 50), part(2, 3, 60)])).toEqual({ numbers: [2], left: 40 });
    expect(early([part(1, 6, 50), part(1, 4, 50), part(2, 3, 60)])).toEqual({ numbers: [1], left: 0 });
  });

  it('never takes one more than it has to: without the last of them, something would be missing', () => {
    const anyParts = fc.array(fc.tuple(fc.nat(20), fc.nat({ max: 9 }), fc.integer({ min: 1, max: 50 })), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(anyParts, fc.nat(200), (parts, needed) => {
        const candidates = parts.map(([number, days, bytes]) => part(number, days, bytes));
        const { numbers, left } = early(candidates, [], needed);
        const bytesOf = (number: number) =>
          candidates
            .filter(({ sessionId }) => sessionId === sessionIdOf(number))
            .reduce((sum, { diskBytes }) => sum + diskBytes, 0);
        const last = numbers.at(-1);
        if (left === 0 && last !== undefined) {
          const taken = numbers.reduce((sum, number) => sum + bytesOf(number), 0);
          expect(taken - bytesOf(last)).toBeLessThan(needed);
        }
      }),
    );
  });
});
