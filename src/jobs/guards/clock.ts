/**
 * Notices that the wall clock is not to be believed, by holding it against the time since boot (which goes on while the machine
 * sleeps) and against what earlier runs saw. By a wrong clock everything is old; so after a jump nothing is removed until the clock is
 * what it was again, a time server has confirmed it, it has stood for as long as it jumped (most of a day at the most), or an operator
 * says that it is right. What is destroyed for good goes by witnessed time alone: see `unwitnessedMs` of clock-gaps.ts.
 */

import type { Clock } from '../../clock.ts';
import { formatDurationRounded } from '../../format/duration.ts';
import { synchronisedAtMs, systemUptime, type Uptime, uptimeMs } from '../../process/machine-clock.ts';
import type { JobName } from '../job-names.ts';
import type { ClockGap, ClockHistory, ClockHistoryStore, ClockReading } from '../ledger-contracts.ts';
import { accountAfter, beginningOf, comesBack, JUMP_MIN_MS } from './clock-gaps.ts';
import type { Held } from './guards.ts';

/** A daily run is some minutes early at times. */
const CONFIRMED_AFTER_MS = 20 * 3_600_000;

/** Of a machine that is started each day, three months. */
const BOOTS_MAX = 100;

/** For each job, the longest absence of the machine after which its clock is believed: less than what the job could remove by it. */
export type AbsenceLimits = Readonly<Record<JobName, number>>;

/** A machine may well have been off for two weeks. */
const ABSENCE_MAX_MS = 14 * 86_400_000;

/** @param ages the ages by which each job removes; milliseconds, or never */
export function absenceLimits(ages: {
  readonly rows: number | 'never';
  readonly transcripts: number | 'never';
}): AbsenceLimits {
  const half = (age: number | 'never') => (age === 'never' ? ABSENCE_MAX_MS : Math.min(ABSENCE_MAX_MS, age / 2));
  return {
    'sweep-sessions': half(ages.rows),
    'prune-transcripts': half(ages.transcripts),
    // It goes by witnessed time, whatever the clock says.
    'purge-trash': Number.POSITIVE_INFINITY,
  };
}

/** What the machine says of time, apart from the wall clock. */
export interface MachineClock {
  uptime(): Uptime;
  /** When a time server last confirmed the clock, Unix epoch ms. */
  synchronisedAtMs(): number | undefined;
}

const THIS_MACHINE: MachineClock = { uptime: systemUptime, synchronisedAtMs };

export class ClockGuard {
  readonly #clock: Clock;
  readonly #store: ClockHistoryStore;
  readonly #limits: AbsenceLimits;
  readonly #machine: MachineClock;
  /** Outlives a ledger that is lost while we run. */
  #history: ClockHistory | undefined;

  constructor(clock: Clock, store: ClockHistoryStore, limits: AbsenceLimits, machine: MachineClock = THIS_MACHINE) {
    this.#clock = clock;
    this.#store = store;
    this.#limits = limits;
    this.#machine = machine;
  }

  /**
   * Looks at the clocks and remembers what it saw.
   * @returns what is remembered of them
   * @throws OperatingError of the ledger
   */
  look({ operatorConfirmed = false } = {}): ClockHistory {
    const reading = readClocks(this.#clock, this.#machine);
    const before = this.#store.clockHistory() ?? this.#history;
    const isRight = operatorConfirmed || isSynchronised(before, reading, this.#machine.synchronisedAtMs());
    const history = nextHistory(before, reading, isRight);
    this.#store.recordClockHistory(history);
    this.#history = history;
    return history;
  }

  /**
   * As `look`, for a job that is about to run.
   * @param operatorConfirmed an operator has looked at the clock
   * @returns undefined where nothing speaks against the job's removing by the clock now
   */
  doubt(job: JobName, { operatorConfirmed = false } = {}): Held | undefined {
    return doubtBy(this.look({ operatorConfirmed }), job, this.#limits);
  }
}

/** @returns undefined where nothing speaks against the job's removing by the clock */
export function doubtBy(history: ClockHistory, job: JobName, limits: AbsenceLimits): Held | undefined {
  return isDoubted(history, job, limits) ? { guard: 'clock', message: explain(history) } : undefined;
}

/**
 * The clock of one run, from a reading of both: whatever the wall clock does while it is at work, nothing is as old as that by it, and the
 * next look is asked about it.
 */
export function clockFrom(begun: ClockReading): Clock {
  return { now: () => begun.wallMs + Math.max(0, uptimeMs() - begun.uptimeMs) };
}

/** A purge goes by witnessed time, so for it the clock is never in doubt. */
export function isDoubted({ jumpMs, absenceMs }: ClockHistory, job: JobName, limits: AbsenceLimits): boolean {
  if (job === 'purge-trash') return false;
  return Math.abs(jumpMs) > JUMP_MIN_MS || absenceMs > limits[job];
}

/** What is remembered after a look. @param isRight somebody who knows has confirmed the clock */
export function nextHistory(before: ClockHistory | undefined, now: ClockReading, isRight = false): ClockHistory {
  const settled = { jumpMs: 0, absenceMs: 0, stoodMs: 0 };
  const confirmed = isRight ? ({ isConfirmed: true } as const) : {};
  if (before === undefined) {
    return { sinceMs: now.wallMs, last: now, ...settled, gaps: [beginningOf(now.wallMs)], ...confirmed };
  }
  const isSame = isSameBoot(before.last, now);
  const witnessedMs = witnessedBetween(before, now);
  const stepMs = now.wallMs - before.last.wallMs - witnessedMs;
  const isRestarted = now.bootId !== before.last.bootId;
  const boots = isRestarted ? [...(before.boots ?? []), before.last.bootId].slice(-BOOTS_MAX) : before.boots;
  // A first look by a clock of the future was no look.
  const base = { sinceMs: Math.min(before.sinceMs, now.wallMs), last: now, ...(boots === undefined ? {} : { boots }) };
  const isFromRight = !isSame && before.isConfirmed === true;
  const step = { atMs: now.wallMs, ms: stepMs, isAbsence: !isSame, ...(isFromRight ? { isFromRight } : {}) };
  if (isRight) {
    const gaps = Math.abs(stepMs) > JUMP_MIN_MS ? accountAfter(before, step).gaps : before.gaps;
    // The absence that this start ended was one in truth where the clock was right before it, too: else the stamps from before are old.
    const isTrue = (gap: ClockGap) => gap.isFromRight === true && gap.atMs >= now.wallMs - now.uptimeMs;
    return { ...base, ...settled, gaps: gaps.filter((gap) => !isTrue(gap)), ...confirmed };
  }
  if (Math.abs(stepMs) <= JUMP_MIN_MS) {
    const isStill = isSame && before.isConfirmed === true;
    return { ...stood(before, base, witnessedMs), ...(isStill ? { isConfirmed: true } : {}) };
  }
  const { gaps, setback } = accountAfter(before, step);
  let { jumpMs, absenceMs } = before;
  if (before.setback?.isAtStart && comesBack(before.setback, { ms: stepMs })) {
    // A clock without a battery has got the time: what it shows beyond that of before is what the machine was off.
    absenceMs = Math.max(0, stepMs - before.setback.ms);
    jumpMs = before.setback.jumpMs;
  } else if (!isSame && stepMs > 0) absenceMs = stepMs;
  else {
    // What a wrong clock had made of an absence, it takes back when it is set right.
    const takenBackMs = Math.min(absenceMs, Math.max(0, -stepMs));
    absenceMs -= takenBackMs;
    jumpMs += stepMs + takenBackMs;
  }
  if (Math.abs(jumpMs) <= JUMP_MIN_MS) jumpMs = 0;
  // Where it was only set right, there is nothing that it could come back from.
  const behind = jumpMs < 0 && setback !== undefined ? { setback } : {};
  return { ...base, jumpMs, absenceMs, stoodMs: 0, gaps, ...behind };
}

function stood(
  { jumpMs, absenceMs, stoodMs, gaps, setback }: ClockHistory,
  base: Pick<ClockHistory, 'sinceMs' | 'last' | 'boots'>,
  witnessedMs: number,
): ClockHistory {
  const sinceMs = stoodMs + witnessedMs;
  const neededMs = Math.min(CONFIRMED_AFTER_MS, Math.max(Math.abs(jumpMs), absenceMs));
  if (sinceMs >= neededMs) return { ...base, jumpMs: 0, absenceMs: 0, stoodMs: 0, gaps };
  return { ...base, jumpMs, absenceMs, stoodMs: sinceMs, gaps, ...(setback === undefined ? {} : { setback }) };
}

/**
 * How much time has passed for certain since the last look. The time since boot of another start is no measure where that boot may have
 * begun before the last look: it was seen before (the memory of a virtual machine was brought back), or it is longer than the wall clock
 * says that all of it was (a disk that came to a machine which was up).
 */
function witnessedBetween(before: ClockHistory, now: ClockReading): number {
  if (isSameBoot(before.last, now)) return now.uptimeMs - before.last.uptimeMs;
  const isFromBefore = isKnownBoot(before, now) || now.uptimeMs > now.wallMs - before.last.wallMs + JUMP_MIN_MS;
  return isFromBefore ? 0 : now.uptimeMs;
}

function isKnownBoot({ last, boots = [] }: ClockHistory, { bootId }: ClockReading): boolean {
  return bootId === last.bootId || boots.includes(bootId);
}

/** Whether a time server has confirmed the clock since it jumped, or since the machine came up. */
function isSynchronised(
  before: ClockHistory | undefined,
  now: ClockReading,
  confirmedAtMs: number | undefined,
): boolean {
  if (confirmedAtMs === undefined || confirmedAtMs > now.wallMs) return false;
  const bootedAtMs = now.wallMs - now.uptimeMs;
  if (before === undefined) return confirmedAtMs >= bootedAtMs;
  // By a clock that has jumped while the machine was up, a confirmation from before says nothing.
  const isKnown = isKnownBoot(before, now);
  const sinceMs = isKnown ? Math.max(bootedAtMs, before.last.wallMs) : bootedAtMs;
  const stepMs = now.wallMs - before.last.wallMs - witnessedBetween(before, now);
  const hasJumpedNow = isKnown && Math.abs(stepMs) > JUMP_MIN_MS;
  return !hasJumpedNow && confirmedAtMs >= sinceMs;
}

/** Some containers count their own uptime, which begins anew with the same boot id; and the memory of a machine may be brought back. */
function isSameBoot(before: ClockReading, now: ClockReading): boolean {
  return before.bootId === now.bootId && before.uptimeMs <= now.uptimeMs;
}

function explain({ jumpMs, absenceMs, stoodMs }: ClockHistory): string {
  const isJump = Math.abs(jumpMs) > JUMP_MIN_MS;
  const by = formatDurationRounded(Math.abs(isJump ? jumpMs : absenceMs));
  const what = isJump
    ? `the clock was put ${jumpMs > 0 ? 'forward' : 'back'} by ${by} while the machine was up`
    : `by the clock the machine was off for ${by}, which nothing confirms`;
  const neededMs = Math.min(CONFIRMED_AFTER_MS, Math.max(Math.abs(jumpMs), absenceMs));
  const left = formatDurationRounded(Math.max(60_000, neededMs - stoodMs));
  return `${what}: nothing is removed until it has stood for another ${left}`;
}

export function readClocks(clock: Clock, machine: Pick<MachineClock, 'uptime'> = THIS_MACHINE): ClockReading {
  return { ...machine.uptime(), wallMs: clock.now() };
}
