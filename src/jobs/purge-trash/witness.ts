/**
 * Keeps in a Claude directory what its purges saw of the clocks, so that what lies in its trash can be told to have had its time although
 * the ledger was lost. What cannot be read or written there makes the trash lie longer, and nothing else.
 */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { readOwnRecord, writeOwnRecord } from '../../claude-dir/own-record.ts';
import { errorCode } from '../../errors.ts';
import { fixedName } from '../../files/byte-name.ts';
import { nextHistory } from '../guards/clock.ts';
import { unwitnessedMs } from '../guards/clock-gaps.ts';
import type { ClockGap, ClockHistory, ClockReading, ClockSetback } from '../ledger-contracts.ts';

const FILE = fixedName('clocks.json');
/** A machine that is started each day, and lost its ledger, witnesses as much. */
const OTHER_START_MAX_MS = 86_400_000;

/**
 * What is known after a look, with what earlier purges of the directory saw. Another start may be that of another host, whose clock may be
 * ahead: that it has been up for long is no sign that as much has passed since the last look here.
 */
export function witnessedIn(claudeDir: ClaudeDir, now: ClockReading): ClockHistory {
  const before = historyOf(forgiving(() => readOwnRecord(claudeDir, FILE)));
  if (before === undefined || before.last.bootId === now.bootId) return nextHistory(before, now);
  // One that surely was up before the last look is told by its uptime as it is.
  const isFromBefore = now.uptimeMs > now.wallMs - before.last.wallMs;
  const uptimeMs = isFromBefore ? now.uptimeMs : Math.min(now.uptimeMs, OTHER_START_MAX_MS);
  return { ...nextHistory(before, { ...now, uptimeMs }), last: now };
}

/** The caller holds the lock of the Claude directory. */
export function recordWitnessed(claudeDir: ClaudeDir, history: ClockHistory): void {
  forgiving(() => writeOwnRecord(claudeDir, FILE, history));
}

/** Each of two accounts tells how much has passed at least: what one has witnessed was there, whatever the other lacks. */
export function leastUnwitnessed(
  byLedger: (sinceMs: number) => number,
  { gaps }: Pick<ClockHistory, 'gaps'>,
): (sinceMs: number) => number {
  return (sinceMs) => Math.min(byLedger(sinceMs), unwitnessedMs(gaps, sinceMs));
}

/** Of a full or failing disk: a purge is what makes room, and the account that is lost is begun anew. */
function forgiving<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}

/** Undefined for anything that no purge has written. */
function historyOf(value: unknown): ClockHistory | undefined {
  if (!isObject(value)) return undefined;
  const { sinceMs, last, jumpMs, absenceMs, stoodMs, gaps, boots = [], setback } = value;
  const isWhole =
    [sinceMs, jumpMs, absenceMs, stoodMs].every(isNumber) &&
    isObject(last) &&
    typeof last.bootId === 'string' &&
    [last.uptimeMs, last.wallMs].every(isNumber) &&
    isListOf(gaps, isGap) &&
    isListOf(boots, (boot) => typeof boot === 'string') &&
    (setback === undefined || isSetback(setback));
  // Each field was looked at.
  return isWhole ? (value as unknown as ClockHistory) : undefined;
}

function isGap(value: unknown): value is ClockGap {
  if (!isObject(value) || ![value.atMs, value.ms].every(isNumber)) return false;
  const { undone } = value;
  return undone === undefined || (isObject(undone) && [undone.ms, undone.fromMs, undone.untilMs].every(isNumber));
}

function isSetback(value: unknown): value is ClockSetback {
  if (!isObject(value)) return false;
  return [value.ms, value.jumpMs, value.fromMs, value.untilMs].every(isNumber) && isListOf(value.gaps, isGap);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value);
}

function isListOf(value: unknown, isOne: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isOne);
}
