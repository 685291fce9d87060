/**
 * Keeps Claude's own clean-up, which goes by file times alone, from deleting what is to stay: files are made younger before they come
 * near its limit, and no younger than they must be. The true times are remembered, so that our own ages stay right.
 */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { refreshParts } from '../../claude-dir/refresh.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { CleanupLimits } from '../../claude-dir/shield-margins.ts';
import { type Doubt, type Units, withTimes } from '../../claude-dir/unit.ts';
import type { UnitTable } from '../../scan/unit-table.ts';
import type { ShieldedTime, ShieldedTimes, ShieldedTimesChange } from '../ledger-contracts.ts';
import type { FindableUnits } from './foreseen-units.ts';
import type { KeptSessions } from './kept.ts';
import { shieldTimes } from './shield-times.ts';

/** Times go through seconds as floating point. */
const TOLERANCE_MS = 1;
/** Sessions between two questions whether to stop. */
const STEP_SESSIONS = 64;
/** That an id has two transcripts does not make either somebody else's. */
const HARMLESS_DOUBTS: ReadonlySet<Doubt | undefined> = new Set([undefined, 'duplicate-id']);

/** The units as old as they are in truth. */
export function withTrueTimes(units: FindableUnits, times: ShieldedTimes): Units {
  const usedAtMs = new Map<number, number>();
  for (const [sessionId, time] of times) {
    const row = units.find(sessionId);
    if (row !== undefined && !isUsedSince(units.newestMtimeMs(row), time)) usedAtMs.set(row, time.usedAtMs);
  }
  if (usedAtMs.size === 0) return units;
  return withTimes(units, (row) => usedAtMs.get(row) ?? units.newestMtimeMs(row));
}

/** Whose files may be made younger: what would not be removed for what is in it is not touched either. */
export function canBeShielded(units: Pick<Units, 'doubt'>, row: number): boolean {
  return HARMLESS_DOUBTS.has(units.doubt(row));
}

export interface ShieldOptions {
  readonly claudeDir: ClaudeDir;
  /** As they are on disk. */
  readonly units: UnitTable;
  /** As old as they are in truth. */
  readonly aged: Units;
  readonly kept: KeptSessions;
  isCovered(row: number): boolean;
  readonly times: ShieldedTimes;
  readonly limits: CleanupLimits;
  readonly nowMs: number;
  shouldStop(): Promise<boolean>;
}

/** @returns what is to be remembered of true times, and how many sessions were made younger */
export async function shield(
  options: ShieldOptions,
): Promise<{ readonly change: ShieldedTimesChange; readonly shielded: number }> {
  const { claudeDir, units, aged, kept, isCovered, times, limits, nowMs } = options;
  const isShielded = (row: number) => isCovered(row) && canBeShielded(units, row);
  const targets = shieldTimes({
    ...{ units, aged, isShielded },
    isBystander: (row) => kept.isConversation(row),
    latestMs: nowMs - limits.youngestMs,
    earliestMs: nowMs - limits.oldestMs,
  });
  const set = new Map<SessionId, ShieldedTime>();
  let [shielded, asked] = [0, 0];
  for (const [row, toMs] of targets) {
    asked += 1;
    if (asked % STEP_SESSIONS === 0 && (await options.shouldStop())) break;
    const onDiskMs = units.newestMtimeMs(row);
    if (units.files(row) === 1 && onDiskMs >= toMs) continue;
    const unit = units.unit(row);
    if (refreshParts(claudeDir, unit.parts, { toMs, nowMs }) === 0) continue;
    shielded += 1;
    if (toMs > onDiskMs) set.set(unit.sessionId, { usedAtMs: aged.newestMtimeMs(row), setToMs: toMs });
  }
  return { change: { set, forgotten: outdated(units, kept, times) }, shielded };
}

/** Those that have gone, or were used since. */
function outdated(units: UnitTable, kept: KeptSessions, times: ShieldedTimes): SessionId[] {
  return [...times].flatMap(([sessionId, time]) => {
    const row = units.find(sessionId);
    const isGone = row === undefined || kept.isRemoval(row);
    return isGone || isUsedSince(units.newestMtimeMs(row), time) ? [sessionId] : [];
  });
}

function isUsedSince(newestMtimeMs: number, time: ShieldedTime): boolean {
  return newestMtimeMs > time.setToMs + TOLERANCE_MS;
}
