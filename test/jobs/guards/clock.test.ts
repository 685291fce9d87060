import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { absenceLimits, ClockGuard, isDoubted, nextHistory } from '../../../src/jobs/guards/clock.ts';
import { unwitnessedMs } from '../../../src/jobs/guards/clock-gaps.ts';
import type { ClockHistory, ClockReading } from '../../../src/jobs/ledger-contracts.ts';
import { DAY_MS } from '../../support/tree.ts';

const START_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = DAY_MS / 24;
const PRUNE = 'prune-transcripts';
const LIMITS = absenceLimits({ rows: 2 * DAY_MS, transcripts: 30 * DAY_MS });

/** But for all that was before the first look. */
const gapsSince = ({ gaps }: Pick<ClockHistory, 'gaps'>) => gaps.filter(({ isBeginning }) => isBeginning !== true);

/** A machine whose clocks are set by hand, and what its ledger remembers. */
function machine() {
  const reading = { bootId: 'first', uptimeMs: 5_000, wallMs: START_MS };
  const ledger: { history: ClockHistory | undefined } = { history: undefined };
  const server: { confirmedAtMs: number | undefined } = { confirmedAtMs: undefined };
  const store = {
    clockHistory: () => ledger.history,
    recordClockHistory: (history: ClockHistory) => {
      ledger.history = history;
    },
  };
  const clocks = { uptime: () => reading, synchronisedAtMs: () => server.confirmedAtMs };
  /** As every process has its own. */
  const newGuard = () => new ClockGuard({ now: () => reading.wallMs }, store, LIMITS, clocks);
  const pass = (wallMs: number, uptimeMs = wallMs) => {
    reading.wallMs += wallMs;
    reading.uptimeMs += uptimeMs;
  };
  const restart = (downtimeMs: number) => {
    reading.bootId += ' again';
    reading.uptimeMs = 0;
    pass(downtimeMs, 20_000);
  };
  return { reading, ledger, server, newGuard, pass, restart };
}

describe('the clock guard', () => {
  it('believes the clock that it sees first', () => {
    expect(machine().newGuard().doubt(PRUNE)).toBeUndefined();
  });

  it.each([40 * DAY_MS, -40 * DAY_MS, 70 * 60_000])(
    'doubts a clock that jumps by %i ms, in the process and the next',
    (jumpMs) => {
      const { newGuard, pass } = machine();
      const guard = newGuard();
      guard.doubt(PRUNE);
      pass(jumpMs, 0);
      expect(guard.doubt(PRUNE)?.message).toContain('nothing is removed');
      pass(HOUR_MS);
      expect(guard.doubt('sweep-sessions')).toMatchObject({ guard: 'clock' });
      expect(newGuard().doubt(PRUNE)?.message).toContain('nothing is removed');
    },
  );

  it('believes it again at once when it is set right', () => {
    const { newGuard, pass } = machine();
    const guard = newGuard();
    guard.doubt(PRUNE);
    pass(40 * DAY_MS, 0);
    guard.doubt(PRUNE);
    pass(HOUR_MS);
    guard.doubt(PRUNE);
    pass(-40 * DAY_MS, 0);
    expect(guard.doubt(PRUNE)).toBeUndefined();
  });

  it('believes it when it has stood for most of a day', () => {
    const { newGuard, pass } = machine();
    const guard = newGuard();
    guard.doubt(PRUNE);
    pass(40 * DAY_MS, 0);
    guard.doubt(PRUNE);
    pass(19 * HOUR_MS);
    expect(guard.doubt(PRUNE)).toBeDefined();
    pass(2 * HOUR_MS);
    expect(guard.doubt(PRUNE)).toBeUndefined();
  });

  it('counts that time afresh where it jumps once more', () => {
    const { newGuard, pass } = machine();
    const guard = newGuard();
    guard.doubt(PRUNE);
    pass(40 * DAY_MS, 0);
    guard.doubt(PRUNE);
    pass(15 * HOUR_MS + DAY_MS, 15 * HOUR_MS);
    expect(guard.doubt(PRUNE)).toBeDefined();
    pass(15 * HOUR_MS);
    expect(guard.doubt(PRUNE)).toBeDefined();
    pass(6 * HOUR_MS);
    expect(guard.doubt(PRUNE)).toBeUndefined();
  });

  it('believes it each day on a virtual machine that is stopped for nine hours each night', () => {
    const { newGuard, pass } = machine();
    const guard = newGuard();
    for (let day = 0; day < 60; day += 1) {
      let ran = 0;
      for (let hour = 0; hour < 15; hour += 1) {
        if (guard.doubt(PRUNE) === undefined) ran += 1;
        pass(HOUR_MS);
      }
      expect(ran).toBeGreaterThan(0);
      pass(9 * HOUR_MS, 0);
    }
  });

  it('believes at once what a time server has confirmed since it jumped, and not what one confirmed before', () => {
    const { newGuard, pass, server, reading } = machine();
    const guard = newGuard();
    guard.doubt(PRUNE);
    server.confirmedAtMs = reading.wallMs;
    pass(40 * DAY_MS, 0);
    expect(guard.doubt(PRUNE)).toBeDefined();
    pass(60_000);
    expect(guard.doubt(PRUNE)).toBeDefined();
    server.confirmedAtMs = reading.wallMs + 30_000;
    pass(60_000);
    expect(guard.doubt(PRUNE)).toBeUndefined();
  });

  it('believes at once after an absence what a time server has confirmed since the machine came up', () => {
    const { newGuard, restart, server, reading } = machine();
    server.confirmedAtMs = reading.wallMs;
    newGuard().doubt(PRUNE);
    restart(90 * DAY_MS);
    server.confirmedAtMs = reading.wallMs - 5_000;
    const guard = newGuard();
    expect(guard.doubt(PRUNE)).toBeUndefined();
    expect(gapsSince(guard.look())).toEqual([]);
  });

  it('forgives the night that a machine was off when a time server confirms the clock some minutes after the start', () => {
    const { newGuard, restart, server, reading, pass } = machine();
    server.confirmedAtMs = reading.wallMs;
    newGuard().doubt(PRUNE);
    restart(14 * HOUR_MS);
    expect(gapsSince(newGuard().look())).toHaveLength(1);
    pass(60_000);
    server.confirmedAtMs = reading.wallMs;
    expect(gapsSince(newGuard().look())).toEqual([]);
  });

  it('takes no time for lived through that a clock was behind until a time server had its say', () => {
    const { newGuard, restart, server, reading, pass } = machine();
    newGuard().doubt(PRUNE);
    // As a machine that has saved the time and comes up without a network: 40 days behind, and nobody can tell.
    pass(10 * HOUR_MS);
    newGuard().doubt(PRUNE);
    const trashedAtMs = reading.wallMs;
    restart(40 * DAY_MS);
    server.confirmedAtMs = reading.wallMs;
    const { gaps } = newGuard().look();
    expect(reading.wallMs - trashedAtMs - unwitnessedMs(gaps, trashedAtMs)).toBeLessThan(HOUR_MS);
  });

  it('believes it when an operator says that it is right', () => {
    const { newGuard, pass } = machine();
    newGuard().doubt(PRUNE);
    pass(40 * DAY_MS, 0);
    expect(newGuard().doubt(PRUNE, { operatorConfirmed: true })).toBeUndefined();
    expect(newGuard().doubt(PRUNE)).toBeUndefined();
  });

  it('takes a sleep of the machine, slewing and a leap second for no jump', () => {
    const { newGuard, pass } = machine();
    const guard = newGuard();
    guard.doubt(PRUNE);
    pass(300 * DAY_MS);
    expect(guard.doubt(PRUNE)).toBeUndefined();
    pass(DAY_MS + 60_000, DAY_MS);
    expect(guard.doubt(PRUNE)).toBeUndefined();
  });

  it.each([
    { what: 'a weekend off', downtimeMs: 3 * DAY_MS, prune: false, sweep: true },
    { what: 'a night off', downtimeMs: 14 * HOUR_MS, prune: false, sweep: false },
    { what: 'three weeks off', downtimeMs: 21 * DAY_MS, prune: true, sweep: true },
    { what: 'a clock that has lost its battery', downtimeMs: -300 * DAY_MS, prune: true, sweep: true },
  ])('after a restart and $what: each job by what it could remove', ({ downtimeMs, prune, sweep }) => {
    const { newGuard, restart } = machine();
    newGuard().doubt(PRUNE);
    restart(downtimeMs);
    expect(newGuard().doubt(PRUNE) !== undefined).toBe(prune);
    expect(newGuard().doubt('sweep-sessions') !== undefined).toBe(sweep);
    expect(newGuard().doubt('purge-trash')).toBeUndefined();
  });

  it('takes a container that counts its own uptime for restarted', () => {
    const { newGuard, pass, reading } = machine();
    pass(DAY_MS);
    newGuard().doubt(PRUNE);
    pass(HOUR_MS);
    reading.uptimeMs = 3_000;
    expect(newGuard().doubt(PRUNE)).toBeUndefined();
  });

  it('does not forget while it lives, though the ledger is lost', () => {
    const { newGuard, pass, ledger } = machine();
    const guard = newGuard();
    guard.doubt(PRUNE);
    ledger.history = undefined;
    pass(40 * DAY_MS, 0);
    expect(guard.doubt(PRUNE)).toBeDefined();
  });

  it('never believes a clock that has left the time since boot by more than an hour within that hour', () => {
    const jump = fc.oneof(fc.integer({ min: 61, max: 100_000 }), fc.integer({ min: -100_000, max: -61 }));
    fc.assert(
      fc.property(jump, fc.array(fc.integer({ min: 0, max: 600 }), { maxLength: 8 }), (minutes, looksAfterSeconds) => {
        const start: ClockReading = { bootId: 'b', uptimeMs: 1, wallMs: START_MS };
        let history = nextHistory(undefined, start);
        let sinceMs = 0;
        for (const stepMs of [0, ...looksAfterSeconds.map((step) => step * 1_000)]) {
          sinceMs += stepMs;
          if (sinceMs > HOUR_MS) break;
          const wallMs = START_MS + sinceMs + minutes * 60_000;
          history = nextHistory(history, { ...start, uptimeMs: 1 + sinceMs, wallMs });
          expect(isDoubted(history, PRUNE, LIMITS)).toBe(true);
        }
      }),
    );
  });
});

describe('witnessed time', () => {
  it('is never more than what really passed, whatever the clock did, where no clock ran slow', () => {
    const step = fc.record({
      realMs: fc.integer({ min: 0, max: 5 * DAY_MS }),
      jumpMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 400 * DAY_MS })),
      restarts: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let now: ClockReading = { bootId: 'b', uptimeMs: 1_000, wallMs: START_MS };
        let history = nextHistory(undefined, now);
        const stampMs = now.wallMs;
        let realMs = 0;
        for (const [index, { realMs: passedMs, jumpMs, restarts }] of steps.entries()) {
          realMs += passedMs;
          const wallMs = now.wallMs + passedMs + jumpMs;
          now = restarts
            ? { bootId: `b${index}`, uptimeMs: Math.min(passedMs, 60_000), wallMs }
            : { ...now, uptimeMs: now.uptimeMs + passedMs, wallMs };
          history = nextHistory(history, now);
          const ageMs = now.wallMs - stampMs - unwitnessedMs(history.gaps, stampMs);
          // Steps below what counts as a jump add up to a little.
          expect(ageMs).toBeLessThanOrEqual(realMs + (index + 1) * 10 * 60_000);
        }
      }),
    );
  });

  it('goes on as before where a clock was wrong for a while and is set right', () => {
    const start: ClockReading = { bootId: 'b', uptimeMs: 1_000, wallMs: START_MS };
    const wrong = { ...start, uptimeMs: 2_000, wallMs: START_MS + 4_000 * DAY_MS };
    const right = { ...start, uptimeMs: 3_000, wallMs: START_MS + 2_000 };
    const history = nextHistory(nextHistory(nextHistory(undefined, start), wrong), right);
    expect(gapsSince(history)).toEqual([]);
    expect(isDoubted(history, PRUNE, LIMITS)).toBe(false);
  });

  it('counts a gap for what was there when it came, and not for what came later', () => {
    const gaps = [{ atMs: START_MS + DAY_MS, ms: DAY_MS, isAbsence: false }];
    expect([unwitnessedMs(gaps, START_MS), unwitnessedMs(gaps, START_MS + 2 * DAY_MS)]).toEqual([DAY_MS, 0]);
  });

  it('begins with the first look: what was there before may have come in that moment, by a clock that was wrong', () => {
    const first: ClockReading = { bootId: 'b', uptimeMs: 1_000, wallMs: START_MS };
    const later = { ...first, uptimeMs: 3 * DAY_MS, wallMs: START_MS + 3 * DAY_MS - 1_000 };
    const { gaps } = nextHistory(nextHistory(undefined, first), later);
    const lainMs = (stampMs: number) => later.wallMs - stampMs - unwitnessedMs(gaps, stampMs);
    expect([lainMs(START_MS - 60 * DAY_MS), lainMs(START_MS)]).toEqual([3 * DAY_MS - 1_000, 3 * DAY_MS - 1_000]);
    expect(lainMs(START_MS + DAY_MS)).toBe(2 * DAY_MS - 1_000);
  });

  it('begins anew with a clock that was ahead at the first look and is set right', () => {
    const first: ClockReading = { bootId: 'b', uptimeMs: 1_000, wallMs: START_MS + 4_000 * DAY_MS };
    const right = { ...first, uptimeMs: 2_000, wallMs: START_MS };
    const later = { ...first, uptimeMs: 8 * DAY_MS, wallMs: START_MS + 8 * DAY_MS };
    const { gaps } = nextHistory(nextHistory(nextHistory(undefined, first), right), later);
    const stampMs = START_MS - 60 * DAY_MS;
    expect((later.wallMs - stampMs - unwitnessedMs(gaps, stampMs)) / DAY_MS).toBeCloseTo(8);
  });

  it.each([
    { what: 'the same start of the machine', bootId: 'b' },
    { what: 'an earlier start', bootId: 'a' },
  ])('takes back no gap where the memory of $what is brought back beside what was seen later', ({ bootId }) => {
    const readings: ClockReading[] = [
      { bootId: 'a', uptimeMs: 20 * DAY_MS, wallMs: START_MS },
      { bootId: 'b', uptimeMs: 15 * DAY_MS, wallMs: START_MS + 15 * DAY_MS },
      { bootId: 'b', uptimeMs: 20 * DAY_MS, wallMs: START_MS + 60 * DAY_MS },
      { bootId, uptimeMs: 14 * DAY_MS, wallMs: START_MS + 60 * DAY_MS + HOUR_MS },
    ];
    const histories: ClockHistory[] = [];
    for (const reading of readings) histories.push(nextHistory(histories.at(-1), reading));
    const [before = 0, after = 0] = histories.slice(-2).map(({ gaps }) => unwitnessedMs(gaps, START_MS));
    expect([before, after]).toEqual([40 * DAY_MS, 40 * DAY_MS + HOUR_MS]);
  });

  it('takes no word of a time server for the clock of a machine whose memory was brought back', () => {
    const { newGuard, pass, reading, server } = machine();
    pass(10 * DAY_MS);
    server.confirmedAtMs = reading.wallMs - 60_000;
    newGuard().doubt(PRUNE);
    pass(2 * DAY_MS);
    newGuard().doubt(PRUNE);
    reading.uptimeMs -= 2 * DAY_MS;
    pass(40 * DAY_MS, 0);
    expect(newGuard().doubt(PRUNE)).toBeDefined();
  });

  it('stays a short list, however often the machine is off', () => {
    let now: ClockReading = { bootId: 'b', uptimeMs: 1_000, wallMs: START_MS };
    let history = nextHistory(undefined, now);
    for (let day = 0; day < 1_000; day += 1) {
      now = { bootId: `b${day}`, uptimeMs: 8 * HOUR_MS, wallMs: now.wallMs + DAY_MS };
      history = nextHistory(history, now);
    }
    expect(history.gaps.length).toBeLessThanOrEqual(401);
    expect(unwitnessedMs(gapsSince(history), 0)).toBe(1_000 * 16 * HOUR_MS);
  });
});
