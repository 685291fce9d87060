/** Keeps account of the time that only the wall clock has counted, so that what goes for good goes by time that was witnessed. Pure. */

import type { ClockGap, ClockHistory, ClockSetback } from '../ledger-contracts.ts';

/** More than any slewing or leap second, far less than any retention. */
export const JUMP_MIN_MS = 10 * 60_000;
/** A machine that is off each night for more than a year; older gaps are told as one. */
const GAPS_MAX = 400;

type Account = Pick<ClockHistory, 'gaps' | 'setback' | 'jumpMs'>;
type Accounted = Pick<ClockHistory, 'gaps' | 'setback'>;

/**
 * All before the first look, Unix epoch ms: nobody has witnessed any of it, so of what was there then, only the time since is known. Where
 * the clock was ahead at that look, the beginning goes back with it.
 */
export function beginningOf(firstLookMs: number): ClockGap {
  return { atMs: firstLookMs, ms: firstLookMs, isAbsence: true, isBeginning: true };
}

/** @param step by how much the wall clock has left the time since boot; negative where it was put back */
export function accountAfter(before: Account, step: ClockGap): Accounted {
  if (step.ms < 0) return { gaps: takenBack(before.gaps, step), setback: setbackAfter(before, step) };
  const { setback } = before;
  if (setback === undefined || !comesBack(setback, step)) return { gaps: merged([...before.gaps, step]) };
  const { ms, fromMs, untilMs, gaps } = setback;
  const shown = { fromMs, untilMs: Math.max(untilMs, step.atMs - step.ms) };
  // A machine without a battery begins each day in 1970: that it comes back from there is no time that passed.
  return { gaps: merged([...gaps, { ...step, undone: { ms: Math.min(ms, step.ms), ...shown } }]) };
}

/** Whether a step brings a clock back to where it was before it was put back, or beyond. */
export function comesBack(setback: ClockSetback, step: Pick<ClockGap, 'ms'>): boolean {
  return step.ms >= setback.ms - JUMP_MIN_MS;
}

/** How much of the time since a moment (Unix epoch ms) nothing but the wall clock has counted; milliseconds. */
export function unwitnessedMs(gaps: readonly ClockGap[], sinceMs: number): number {
  return gaps.reduce((total, gap) => total + countedMs(gap, sinceMs), 0);
}

function countedMs({ atMs, ms, undone }: ClockGap, sinceMs: number): number {
  if (atMs < sinceMs) return 0;
  // A stamp of the time in which the clock was behind is older by all of the way back.
  const isOfMeanwhile = undone !== undefined && sinceMs >= undone.fromMs && sinceMs <= undone.untilMs;
  const countsMs = undone === undefined || isOfMeanwhile ? ms : ms - undone.ms;
  // However far it went: what was there before has lain witnessed since then.
  return Math.min(countsMs, atMs - sinceMs);
}

function setbackAfter({ gaps, setback, jumpMs }: Account, { atMs, ms, isAbsence }: ClockGap): ClockSetback {
  if (setback === undefined) return { ms: -ms, isAtStart: isAbsence, jumpMs, fromMs: atMs, untilMs: atMs, gaps };
  const [fromMs, untilMs] = [Math.min(setback.fromMs, atMs), Math.max(setback.untilMs, atMs - ms)];
  return { ...setback, ms: setback.ms - ms, isAtStart: setback.isAtStart && isAbsence, fromMs, untilMs };
}

/** A clock that is put back takes back the latest gaps, as far as it goes. */
function takenBack(gaps: readonly ClockGap[], step: ClockGap): readonly ClockGap[] {
  const left = [...gaps];
  let takenMs = -step.ms;
  for (let last = left.pop(); last !== undefined; last = left.pop()) {
    const [atMs, ms] = [Math.min(last.atMs, step.atMs), last.ms - takenMs];
    const { undone: _, ...rest } = last;
    if (ms > 0) return [...left, { ...rest, atMs, ms }];
    takenMs -= last.ms;
  }
  return [];
}

function merged(gaps: readonly ClockGap[]): readonly ClockGap[] {
  if (gaps.length <= GAPS_MAX) return gaps;
  const beginning = gaps.filter(({ isBeginning }) => isBeginning === true);
  const [first, second, ...rest] = gaps.slice(beginning.length);
  if (first === undefined || second === undefined) return gaps;
  return [...beginning, { ...second, ms: first.ms + second.ms }, ...rest];
}
