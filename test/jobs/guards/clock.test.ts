import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClockGuard, nextHistory } from '../../../src/jobs/guards/clock.ts';
import type { ClockHistory, ClockReading } from '../../../src/jobs/ports.ts';
import { DAY_MS } from '../../support/tree.ts';

const START_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = DAY_MS / 24;

/** A machine whose clocks are set by hand, and what its ledger remembers. */
function machine() {
  const reading = { bootId: 'first', uptimeMs: 5_000, wallMs: START_MS };
  const ledger: { history: ClockHistory | undefined } = { history: undefined };
  const store = {
    clockHistory: () => ledger.history,
    recordClockHistory: (history: ClockHistory) => {
      ledger.history = history;
    },
  };
  /** As every process has its own. */
  const newGuard = () => new ClockGuard({ now: () => reading.wallMs }, store, () => reading);
  const pass = (wallMs: number, uptimeMs = wallMs) => {
    reading.wallMs += wallMs;
    reading.uptimeMs += uptimeMs;
  };
  const restart = (downtimeMs: number) => {
    reading.bootId += ' again';
    reading.uptimeMs = 0;
    pass(downtimeMs, 20_000);
  };
  return { reading, ledger, newGuard, pass, restart };
}

describe('the clock guard', () => {
  it('believes the clock that it sees first', () => {
    expect(machine().newGuard().doubt()).toBeUndefined();
  });

  it.each([40 * DAY_MS, -40 * DAY_MS, 11 * 60_000])(
    'doubts a clock that jumps by %i ms, in the process and the next',
    (jumpMs) => {
      const { newGuard, pass } = machine();
      const guard = newGuard();
      guard.doubt();
      pass(jumpMs, 0);
      expect(guard.doubt()).toContain('nothing is removed');
      pass(HOUR_MS);
      expect(guard.doubt()).toContain('nothing is removed');
      expect(newGuard().doubt()).toContain('nothing is removed');
    },
  );

  it('believes it again at once when it is set right', () => {
    const { newGuard, pass } = machine();
    const guard = newGuard();
    guard.doubt();
    pass(40 * DAY_MS, 0);
    guard.doubt();
    pass(HOUR_MS);
    guard.doubt();
    pass(-40 * DAY_MS, 0);
    expect(guard.doubt()).toBeUndefined();
  });

  it('believes it when it has stood for most of a day', () => {
    const { newGuard, pass } = machine();
    const guard = newGuard();
    guard.doubt();
    pass(40 * DAY_MS, 0);
    guard.doubt();
    pass(19 * HOUR_MS);
    expect(guard.doubt()).toBeDefined();
    pass(2 * HOUR_MS);
    expect(guard.doubt()).toBeUndefined();
    pass(HOUR_MS);
    expect(guard.doubt()).toBeUndefined();
  });

  it('counts that time anew where it jumps once more', () => {
    const { newGuard, pass } = machine();
    const guard = newGuard();
    guard.doubt();
    pass(40 * DAY_MS, 0);
    guard.doubt();
    pass(15 * HOUR_MS + DAY_MS, 15 * HOUR_MS);
    expect(guard.doubt()).toBeDefined();
    pass(15 * HOUR_MS);
    expect(guard.doubt()).toBeDefined();
    pass(6 * HOUR_MS);
    expect(guard.doubt()).toBeUndefined();
  });

  it('believes it when an operator says that it is right', () => {
    const { newGuard, pass } = machine();
    newGuard().doubt();
    pass(40 * DAY_MS, 0);
    expect(newGuard().doubt({ operatorConfirmed: true })).toBeUndefined();
    expect(newGuard().doubt()).toBeUndefined();
  });

  it('takes a sleep of the machine, slewing and a leap second for no jump', () => {
    const { newGuard, pass } = machine();
    const guard = newGuard();
    guard.doubt();
    pass(300 * DAY_MS);
    expect(guard.doubt()).toBeUndefined();
    pass(DAY_MS + 60_000, DAY_MS);
    expect(guard.doubt()).toBeUndefined();
  });

  it.each([
    { what: 'a weekend off', downtimeMs: 3 * DAY_MS, isDoubted: false },
    { what: 'three weeks off', downtimeMs: 21 * DAY_MS, isDoubted: true },
    { what: 'a clock that has lost its battery', downtimeMs: -300 * DAY_MS, isDoubted: true },
  ])('after a restart and $what: doubted $isDoubted', ({ downtimeMs, isDoubted }) => {
    const { newGuard, restart } = machine();
    newGuard().doubt();
    restart(downtimeMs);
    expect(newGuard().doubt() !== undefined).toBe(isDoubted);
  });

  it('takes a container that counts its own uptime for restarted', () => {
    const { newGuard, pass, reading } = machine();
    pass(DAY_MS);
    newGuard().doubt();
    pass(HOUR_MS);
    reading.uptimeMs = 3_000;
    expect(newGuard().doubt()).toBeUndefined();
  });

  it('does not forget while it lives, though the ledger is lost', () => {
    const { newGuard, pass, ledger } = machine();
    const guard = newGuard();
    guard.doubt();
    ledger.history = undefined;
    pass(40 * DAY_MS, 0);
    expect(guard.doubt()).toBeDefined();
  });

  it('never believes a clock that leaves the time since boot within the hour', () => {
    const jump = fc.oneof(fc.integer({ min: 11, max: 100_000 }), fc.integer({ min: -100_000, max: -11 }));
    fc.assert(
      fc.property(jump, fc.array(fc.integer({ min: 0, max: 600 }), { maxLength: 8 }), (minutes, looksAfterMs) => {
        const start: ClockReading = { bootId: 'b', uptimeMs: 1, wallMs: START_MS };
        let history = nextHistory(undefined, start);
        let sinceMs = 0;
        for (const stepMs of [0, ...looksAfterMs.map((step) => step * 1_000)]) {
          sinceMs += stepMs;
          if (sinceMs > HOUR_MS) break;
          history = nextHistory(history, {
            ...start,
            uptimeMs: 1 + sinceMs,
            wallMs: START_MS + sinceMs + minutes * 60_000,
          });
          expect(history.doubted).toBeDefined();
          expect(history.believed).toEqual(start);
        }
      }),
    );
  });
});
