import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { absenceLimits, isDoubted, nextHistory } from '../../../src/jobs/guards/clock.ts';
import { unwitnessedMs } from '../../../src/jobs/guards/clock-gaps.ts';
import type { ClockReading } from '../../../src/jobs/ledger-contracts.ts';
import { DAY_MS } from '../../support/tree.ts';

const START_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = DAY_MS / 24;
const SLACK_MS = 10 * 60_000;
const LIMITS = absenceLimits({ rows: 30 * DAY_MS, transcripts: 30 * DAY_MS });

/** How long something has lain for the purge. */
const lainMs = (wallMs: number, stampMs: number, gaps: Parameters<typeof unwitnessedMs>[0]) =>
  wallMs - stampMs - unwitnessedMs(gaps, stampMs);

describe('time that only the wall clock has counted', () => {
  it('is never taken for more than what really passed, wherever the clock was put, for stamps of every moment', () => {
    const jump = fc.oneof(
      fc.constant(0),
      fc.integer({ min: -9, max: 9 }).map((hours) => hours * HOUR_MS),
      fc.integer({ min: -60, max: 60 }).map((days) => days * DAY_MS),
      fc.constantFrom('to 1970', 'right'),
    );
    const realMs = fc.integer({ min: 0, max: 3 * DAY_MS });
    const start = fc.constantFrom('none', 'none', 'anew', 'brought back', 'elsewhere');
    const step = fc.record({ realMs, jump, start, pick: fc.nat(), confirms: fc.boolean() });
    const aheadMs = fc.constantFrom(0, 40 * DAY_MS, -40 * DAY_MS);
    fc.assert(
      fc.property(aheadMs, fc.array(step, { maxLength: 14 }), (firstAheadMs, steps) => {
        let now: ClockReading = { bootId: 'b', uptimeMs: 1_000, wallMs: START_MS + firstAheadMs };
        let history = nextHistory(undefined, now);
        let realMs = 0;
        const seen = [now];
        // Of what was there before the first look, nobody knows more than that it was there then.
        const before = [3_000, 1, 0].map((days) => ({ atMs: START_MS - days * DAY_MS, realMs }));
        const stamps = [...before, { atMs: now.wallMs, realMs }];
        for (const [index, { realMs: passedMs, jump: to, start: how, pick, confirms }] of steps.entries()) {
          realMs += passedMs;
          const byMs =
            typeof to === 'number' ? now.wallMs + passedMs + to : to === 'right' ? START_MS + realMs : 60_000;
          // The memory of a machine as it was at an earlier look; and another machine that has been up for longer.
          const { bootId, uptimeMs } = now;
          const savedBefore = seen.filter((saved) => saved.bootId !== bootId || saved.uptimeMs <= uptimeMs);
          const earlier = savedBefore[pick % savedBefore.length] ?? now;
          const boots: Record<string, Pick<ClockReading, 'bootId' | 'uptimeMs'>> = {
            none: { bootId: now.bootId, uptimeMs: now.uptimeMs + passedMs },
            anew: { bootId: `b${index}`, uptimeMs: Math.min(passedMs, 60_000) },
            'brought back': { bootId: earlier.bootId, uptimeMs: earlier.uptimeMs },
            elsewhere: { bootId: `other ${index}`, uptimeMs: 100_000 * DAY_MS },
          };
          now = { ...now, ...boots[how], wallMs: byMs };
          seen.push(now);
          // Whoever knows has his say only by a clock that is right.
          history = nextHistory(history, now, confirms && byMs === START_MS + realMs);
          for (const stamp of stamps) {
            const passed = realMs - stamp.realMs;
            expect(lainMs(now.wallMs, stamp.atMs, history.gaps)).toBeLessThanOrEqual(passed + (index + 1) * SLACK_MS);
          }
          stamps.push({ atMs: now.wallMs, realMs });
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('goes on to be counted on a machine without a battery, which begins in 1970 each day until a time server has its say', () => {
    const trashedAtMs = START_MS;
    let now: ClockReading = { bootId: 'b', uptimeMs: 1_000, wallMs: START_MS };
    let history = nextHistory(undefined, now);
    for (let day = 1; day <= 16; day += 1) {
      now = { ...now, uptimeMs: now.uptimeMs + 14 * HOUR_MS, wallMs: now.wallMs + 14 * HOUR_MS };
      history = nextHistory(history, now);
      const upMs = START_MS + day * DAY_MS;
      history = nextHistory(history, { bootId: `b${day}`, uptimeMs: 20_000, wallMs: 60_000 });
      now = { bootId: `b${day}`, uptimeMs: 80_000, wallMs: upMs };
      history = nextHistory(history, now);
      expect(isDoubted(history, 'prune-transcripts', LIMITS)).toBe(false);
    }
    const lain = lainMs(now.wallMs, trashedAtMs, history.gaps);
    expect(lain / HOUR_MS).toBeGreaterThan(16 * 14 - 3);
    expect(lain / HOUR_MS).toBeLessThanOrEqual(16 * 14 + 1);
  });

  it('begins anew at the latest when a clock that was believed to be in 1970 is set right', () => {
    const start: ClockReading = { bootId: 'b', uptimeMs: 1_000, wallMs: START_MS };
    const wrong = { bootId: 'c', uptimeMs: 20_000, wallMs: 60_000 };
    const believed = { ...wrong, uptimeMs: 21 * HOUR_MS, wallMs: 21 * HOUR_MS };
    const right = { ...wrong, uptimeMs: 22 * HOUR_MS, wallMs: START_MS + DAY_MS };
    const later = { ...wrong, uptimeMs: 22 * HOUR_MS + 8 * DAY_MS, wallMs: START_MS + 9 * DAY_MS };
    const history = [start, wrong, believed, right, later].reduce<ReturnType<typeof nextHistory> | undefined>(
      (before, reading) => nextHistory(before, reading),
      undefined,
    );
    expect(lainMs(later.wallMs, START_MS, history?.gaps ?? [])).toBe(8 * DAY_MS);
  });
});
