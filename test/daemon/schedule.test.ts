import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { cronFault, Schedule, type ScheduleOptions } from '../../src/daemon/schedule.ts';
import type { JobName } from '../../src/jobs/job-names.ts';
import { SetClock } from '../support/set-clock.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const DAILY = 'prune-transcripts';
const HOURLY = 'sweep-sessions';
const YEARLY = 'purge-trash';

interface Given {
  readonly daily?: string;
  readonly hourly?: string;
  readonly timeZone?: string;
  readonly jitterMs?: number;
  readonly clock?: ScheduleOptions['clock'];
  readonly onDue?: (job: JobName) => void;
}

/** Of the three jobs one runs daily, one hourly, and one so rarely that no test sees it. */
function makeSchedule(given: Given = {}): Schedule {
  const schedule = new Schedule({
    patterns: { [DAILY]: given.daily ?? '17 4 * * *', [HOURLY]: given.hourly ?? '7 * * * *', [YEARLY]: '0 0 1 1 *' },
    timeZone: given.timeZone ?? 'UTC',
    jitterMs: given.jitterMs ?? 1,
    clock: given.clock ?? { now: () => Date.now() },
    onDue: given.onDue ?? (() => undefined),
  });
  onTestFinished(() => schedule.stop());
  return schedule;
}

const dateFormats = new Map<string, Intl.DateTimeFormat>();

/** `2025-03-30` as a calendar on the wall shows it. */
function localDate(timeMs: number, timeZone: string): string {
  const format = dateFormats.get(timeZone) ?? new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short' });
  dateFormats.set(timeZone, format);
  return format.format(timeMs);
}

/** The wall times that the days of change skip or repeat, and those at their edges. */
const ZONES = [
  { timeZone: 'Europe/Berlin', springMs: Date.UTC(2025, 2, 30, 1), autumnMs: Date.UTC(2025, 9, 26, 1) },
  { timeZone: 'America/New_York', springMs: Date.UTC(2025, 2, 9, 7), autumnMs: Date.UTC(2025, 10, 2, 6) },
] as const;
const WALL_TIMES = ['59 0', '0 1', '30 1', '59 1', '0 2', '30 2', '59 2', '0 3', '30 3', '17 4', '0 0', '59 23'];
const CASES = ZONES.flatMap((zone) =>
  WALL_TIMES.map((wallTime) => ({ ...zone, wallTime, daily: `${wallTime} * * *` })),
);

describe('the due times', () => {
  it.each(CASES)('of a daily job at $wallTime in $timeZone come exactly once on every date of the year', (given) => {
    const schedule = makeSchedule(given);
    const { timeZone } = given;
    const dates: string[] = [];
    let dueMs: number | undefined = Date.UTC(2025, 0, 1);
    while (dates.length < 365) {
      dueMs = schedule.dueAfterMs(DAILY, dueMs);
      if (dueMs === undefined) break;
      dates.push(localDate(dueMs, timeZone));
    }
    const first = Date.parse(dates[0] ?? '');
    const everyDate = Array.from({ length: 365 }, (_, day) =>
      new Date(first + day * DAY_MS).toISOString().slice(0, 10),
    );
    expect(dates).toEqual(everyDate);
  });

  it.each(CASES)('of a daily job at $wallTime in $timeZone do not depend on when one asks', (given) => {
    const schedule = makeSchedule(given);
    const around = [given.springMs, given.autumnMs].map((changeMs) =>
      fc.integer({ min: changeMs - 2 * DAY_MS, max: changeMs + 2 * DAY_MS }),
    );
    fc.assert(
      fc.property(fc.oneof(...around), (timeMs) => {
        const dueMs = schedule.dueAfterMs(DAILY, timeMs) ?? Number.NaN;
        expect(dueMs).toBeGreaterThan(timeMs);
        // Whoever asks in between, in the repeated hour too, is told the same time.
        const betweenMs = Math.floor((timeMs + dueMs) / 2);
        expect(schedule.dueAfterMs(DAILY, betweenMs)).toBe(dueMs);
        expect(dueMs - timeMs).toBeLessThanOrEqual(25 * HOUR_MS + 30 * MINUTE_MS);
      }),
      { numRuns: 60 },
    );
  });

  it.each(ZONES)(
    'of an hourly job in $timeZone come once an hour, whatever the wall clock does',
    ({ timeZone, ...changes }) => {
      const schedule = makeSchedule({ timeZone });
      for (const changeMs of [changes.springMs, changes.autumnMs]) {
        let dueMs = changeMs - 6 * HOUR_MS;
        for (let hour = 0; hour < 12; hour += 1) {
          const next = schedule.dueAfterMs(HOURLY, dueMs) ?? Number.NaN;
          expect(next).toBe(changeMs - (6 - hour) * HOUR_MS + 7 * MINUTE_MS);
          dueMs = next;
        }
      }
    },
  );

  it('are undefined where the pattern never comes again', () => {
    const schedule = makeSchedule({ daily: '0 0 0 1 1 * 2025' });
    expect(schedule.dueAfterMs(DAILY, Date.UTC(2024, 5, 1))).toBe(Date.UTC(2025, 0, 1));
    expect(schedule.dueAfterMs(DAILY, Date.UTC(2025, 0, 1))).toBeUndefined();
    expect(schedule.isMissed(DAILY, Date.UTC(2025, 5, 1))).toBe(false);
  });

  it("next to come are told by the clock that was given, not by the system's", () => {
    const clock = new SetClock(Date.UTC(2031, 4, 5, 12));
    const schedule = makeSchedule({ clock });
    expect(schedule.nextRunMs(DAILY)).toBe(Date.UTC(2031, 4, 6, 4, 17));
    clock.nowMs = Date.UTC(2031, 4, 6, 4, 17);
    expect(schedule.nextRunMs(DAILY)).toBe(Date.UTC(2031, 4, 7, 4, 17));
  });
});

describe('a run is missed', () => {
  const dueMs = Date.UTC(2026, 5, 15, 4, 17);
  const at = (nowMs: number) => makeSchedule({ clock: new SetClock(nowMs) });

  it('from the moment on in which it was due, where the last one was before', () => {
    expect(at(dueMs - 1).isMissed(DAILY, dueMs - DAY_MS)).toBe(false);
    expect(at(dueMs).isMissed(DAILY, dueMs - DAY_MS)).toBe(true);
    expect(at(dueMs + 40 * DAY_MS).isMissed(DAILY, dueMs - DAY_MS)).toBe(true);
  });

  it('but not overdue before its own time, jitter counted, has had the chance to start it', () => {
    const jitterMs = 10 * MINUTE_MS;
    const overdueAt = (nowMs: number, lastMs: number | undefined) =>
      makeSchedule({ clock: new SetClock(nowMs), jitterMs }).isOverdue(DAILY, lastMs);
    expect(overdueAt(dueMs + jitterMs, dueMs - DAY_MS)).toBe(false);
    expect(overdueAt(dueMs + jitterMs + 2 * MINUTE_MS, dueMs - DAY_MS)).toBe(true);
    expect(overdueAt(dueMs + jitterMs + 2 * MINUTE_MS, dueMs)).toBe(false);
    expect(overdueAt(dueMs + HOUR_MS, undefined)).toBe(false);
  });

  it('no more once it was made up for', () => {
    expect(at(dueMs + 5 * HOUR_MS).isMissed(DAILY, dueMs + 4 * HOUR_MS)).toBe(false);
  });

  it('never where the job has not run yet: nothing was due for it', () => {
    expect(at(dueMs + HOUR_MS).isMissed(DAILY, undefined)).toBe(false);
  });

  it('not where the last one lies in the future, because the clock was put back', () => {
    expect(at(dueMs).isMissed(DAILY, dueMs + 40 * DAY_MS)).toBe(false);
  });

  it.each(CASES)(
    'not twice on a day of change: daily at $wallTime in $timeZone',
    ({ springMs, autumnMs, ...given }) => {
      for (const changeMs of [springMs, autumnMs]) {
        const clock = new SetClock(changeMs);
        const schedule = makeSchedule({ ...given, clock });
        const firstMs = schedule.dueAfterMs(DAILY, changeMs - 30 * HOUR_MS) ?? Number.NaN;
        const secondMs = schedule.dueAfterMs(DAILY, firstMs) ?? Number.NaN;
        for (clock.nowMs = firstMs; clock.nowMs < secondMs; clock.nowMs += 10 * MINUTE_MS) {
          expect(schedule.isMissed(DAILY, firstMs), new Date(clock.nowMs).toISOString()).toBe(false);
        }
      }
    },
  );
});

describe('the started clockwork', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  /** When each job came due. */
  const started = (
    nowMs: number,
    given: Given = {},
    lastRunMs: (job: JobName) => number | undefined = () => undefined,
  ) => {
    vi.setSystemTime(nowMs);
    const due: { readonly job: JobName; readonly atMs: number }[] = [];
    const schedule = makeSchedule({ ...given, onDue: (job) => due.push({ job, atMs: Date.now() }) });
    schedule.start(lastRunMs);
    const times = (job: JobName) => due.filter((entry) => entry.job === job).map(({ atMs }) => atMs);
    return { schedule, due, times };
  };

  const NOON_MS = Date.UTC(2026, 5, 15, 12);

  it('lets every job come due at its times', async () => {
    const { due } = started(Date.UTC(2026, 5, 16, 2), { jitterMs: 1 });
    await vi.advanceTimersByTimeAsync(4 * HOUR_MS);
    expect(due.map(({ job, atMs }) => [job, new Date(atMs).toISOString().slice(11, 16)])).toEqual([
      [HOURLY, '02:07'],
      [HOURLY, '03:07'],
      [HOURLY, '04:07'],
      [DAILY, '04:17'],
      [HOURLY, '05:07'],
    ]);
  });

  it.each([
    { ...ZONES[0], wallTime: '30 2', daily: '30 2 * * *' },
    { ...ZONES[1], wallTime: '30 1', daily: '30 1 * * *' },
    { ...ZONES[1], wallTime: '30 2', daily: '30 2 * * *' },
  ])('fires once on each day of change: daily at $wallTime in $timeZone', async ({ springMs, autumnMs, ...given }) => {
    for (const changeMs of [springMs, autumnMs]) {
      // From before midnight until both passes of any repeated hour are over.
      const { schedule, times } = started(changeMs - 4 * HOUR_MS, given);
      await vi.advanceTimersByTimeAsync(7 * HOUR_MS);
      schedule.stop();
      const dates = times(DAILY).map((atMs) => localDate(atMs, given.timeZone));
      expect(dates).toEqual([localDate(changeMs, given.timeZone)]);
    }
  });

  it('catches up once for many missed runs, within ten seconds', async () => {
    const { due, times } = started(NOON_MS, { jitterMs: HOUR_MS }, () => NOON_MS - 90 * DAY_MS);
    await vi.advanceTimersByTimeAsync(10 * SECOND_MS);
    expect(times(DAILY)).toHaveLength(1);
    expect(times(HOURLY)).toHaveLength(1);
    expect(times(YEARLY)).toHaveLength(0);
    expect(due).toHaveLength(2);
  });

  it('catches nothing up where nothing was missed, or nothing has ever run', async () => {
    const { due } = started(NOON_MS, {}, (job) => (job === DAILY ? NOON_MS - HOUR_MS : undefined));
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    expect(due).toEqual([]);
  });

  it('fires once when the clock jumps 40 days ahead, or the machine slept for as long, and then goes on', async () => {
    const { times } = started(NOON_MS);
    vi.setSystemTime(NOON_MS + 40 * DAY_MS);
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    expect(times(DAILY)).toHaveLength(1);
    expect(times(HOURLY)).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(3 * HOUR_MS);
    expect(times(DAILY)).toHaveLength(1);
    expect(times(HOURLY)).toHaveLength(4);
  });

  it('goes on when the clock jumps 40 days back', async () => {
    const { times } = started(NOON_MS);
    await vi.advanceTimersByTimeAsync(2 * HOUR_MS);
    expect(times(HOURLY)).toHaveLength(2);
    vi.setSystemTime(NOON_MS - 40 * DAY_MS - 9 * HOUR_MS);
    await vi.advanceTimersByTimeAsync(3 * HOUR_MS);
    expect(times(HOURLY)).toHaveLength(2 + 3);
    expect(times(DAILY)).toHaveLength(1);
  });

  it('fires once where the clock is put back by a minute after a time, which then comes again', async () => {
    const { times } = started(NOON_MS);
    const dueMs = NOON_MS + 7 * MINUTE_MS;
    await vi.advanceTimersByTimeAsync(7 * MINUTE_MS + 20 * SECOND_MS);
    expect(times(HOURLY)).toHaveLength(1);
    vi.setSystemTime(dueMs - MINUTE_MS);
    await vi.advanceTimersByTimeAsync(10 * MINUTE_MS);
    expect(times(HOURLY)).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(HOUR_MS);
    expect(times(HOURLY)).toHaveLength(2);
  });

  it('does not fire for a time that comes again after the start, when the run was before it', async () => {
    const dueMs = Date.UTC(2026, 5, 15, 4, 17);
    const { times } = started(dueMs - MINUTE_MS, {}, (job) => (job === DAILY ? dueMs + SECOND_MS : undefined));
    await vi.advanceTimersByTimeAsync(HOUR_MS);
    expect(times(DAILY)).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(DAY_MS);
    expect(times(DAILY)).toHaveLength(1);
  });

  it('spreads the starts over the jitter, never earlier and never later', async () => {
    const jitterMs = 2 * MINUTE_MS;
    const intervalMs = 10 * MINUTE_MS;
    const { times } = started(NOON_MS, { hourly: '*/10 * * * *', jitterMs });
    await vi.advanceTimersByTimeAsync(8 * HOUR_MS + jitterMs);
    const delays = times(HOURLY).map((atMs) => atMs % intervalMs);
    expect(delays).toHaveLength(48);
    expect(Math.max(...delays)).toBeLessThanOrEqual(jitterMs);
    expect(new Set(delays).size).toBeGreaterThan(30);
  });

  it('keeps a jitter that is longer than the interval clear of the next time', async () => {
    const { times } = started(NOON_MS, { hourly: '* * * * *', jitterMs: HOUR_MS });
    await vi.advanceTimersByTimeAsync(HOUR_MS);
    expect(times(HOURLY).length).toBeGreaterThanOrEqual(59);
    for (const atMs of times(HOURLY)) expect(atMs % MINUTE_MS).toBeLessThanOrEqual(30 * SECOND_MS);
  });

  it('fires no more once it is stopped, not even what only waits for its jitter or its catch-up', async () => {
    const { schedule, due } = started(
      NOON_MS + 7 * MINUTE_MS - 1,
      { jitterMs: 10 * MINUTE_MS },
      () => NOON_MS - DAY_MS,
    );
    await vi.advanceTimersByTimeAsync(1);
    schedule.stop();
    const before = due.length;
    await vi.advanceTimersByTimeAsync(3 * DAY_MS);
    expect(due).toHaveLength(before);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a cron pattern', () => {
  it.each(['17 4 * * *', '*/5 * * * *', '0 0 * * SUN', '0 0 L * *', '@daily', '30 0 4 * * *'])(
    '%j is taken',
    (pattern) => {
      expect(cronFault(pattern, 'Europe/Berlin')).toBeUndefined();
    },
  );

  it.each([
    'x',
    '17 4 * *',
    '60 4 * * *',
    '17 24 * * *',
    '17 4 0 * *',
    '17 4 * 13 *',
    '* * * * * * * *',
    '@reboot',
    '-1 4 * * *',
  ])('%j is refused, with the reason', (pattern) => {
    expect(cronFault(pattern, 'UTC')).toMatch(/\w+/);
  });

  it.each(['0 0 30 2 *', '0 0 31 4 *', '0 0 0 1 1 * 2001'])('%j, which never comes, is refused', (pattern) => {
    expect(cronFault(pattern, 'UTC')).toBe('the pattern never comes');
  });

  it('is refused together with a time zone that is none', () => {
    expect(cronFault('17 4 * * *', 'Mars/Olympus_Mons')).toContain('Mars/Olympus_Mons');
  });
});
