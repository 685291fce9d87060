/**
 * Keeps Claude's own sweep, which goes by file times alone, from deleting sessions that are live: their files are made younger before
 * they come near its limit, and no younger than they must be, so that `--continue` finds the same session as before. The true times
 * are remembered, so that our own ages stay right.
 */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import { refreshUnit } from '../../claude-dir/refresh.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { Units } from '../../claude-dir/unit.ts';
import type { UnitTable } from '../../scan/unit-table.ts';
import type { ShieldedTime, ShieldedTimes } from '../ports.ts';
import type { FindableUnits } from './foreseen-units.ts';
import type { Plan } from './plan.ts';

/**
 * Of Claude's period: no file of a protected session is left older, so that a worker that was down for a while is not too late. And
 * none is made younger than that, since it would overtake sessions that were used later: they are made as young again at each run.
 */
const SHIELDED_SHARE = 0.8;
/** Times go through seconds as floating point. */
const TOLERANCE_MS = 1;

const PROTECTED: ReadonlySet<string> = new Set(['live', 'running', 'pinned', 'tagged', 'named']);

/** The units as old as they are in truth. */
export function withTrueTimes(units: FindableUnits, times: ShieldedTimes): Units {
  const usedAtMs = new Map<number, number>();
  for (const [sessionId, time] of times) {
    const row = units.find(sessionId);
    if (row !== undefined && !isUsedSince(units.newestMtimeMs(row), time)) usedAtMs.set(row, time.usedAtMs);
  }
  if (usedAtMs.size === 0) return units;
  return {
    length: units.length,
    projects: units.projects,
    sessionId: (row) => units.sessionId(row),
    projectIndex: (row) => units.projectIndex(row),
    hasTranscript: (row) => units.hasTranscript(row),
    doubt: (row) => units.doubt(row),
    files: (row) => units.files(row),
    bytes: (row) => units.bytes(row),
    newestMtimeMs: (row) => usedAtMs.get(row) ?? units.newestMtimeMs(row),
    compareIds: (left, right) => units.compareIds(left, right),
  };
}

/** @returns the true times that are to be remembered from now on, and how many sessions were made younger */
export function shield(
  claudeDir: ClaudeDir,
  units: UnitTable,
  plan: Plan,
  times: ShieldedTimes,
  periodMs: number,
  nowMs: number,
): { readonly times: ShieldedTimes; readonly shielded: number } {
  const remembered = new Map<SessionId, ShieldedTime>();
  for (const [sessionId, time] of times) {
    const row = units.find(sessionId);
    if (row === undefined || plan.isRemoval(row) || isUsedSince(units.newestMtimeMs(row), time)) continue;
    remembered.set(sessionId, time);
  }
  let shielded = 0;
  for (const [rank, row] of oldestProtected(units, plan).entries()) {
    const unit = units.unit(row);
    // A millisecond apart, so that their order stays.
    const toMs = Math.floor(nowMs - periodMs * SHIELDED_SHARE) + Math.min(rank, 60_000);
    if (refreshUnit(claudeDir, unit, { toMs, nowMs }) === 0) continue;
    shielded += 1;
    if (toMs <= unit.newestMtimeMs) continue;
    const usedAtMs = remembered.get(unit.sessionId)?.usedAtMs ?? unit.newestMtimeMs;
    remembered.set(unit.sessionId, { usedAtMs, setToMs: toMs });
  }
  return { times: remembered, shielded };
}

function oldestProtected(units: UnitTable, plan: Plan): number[] {
  const rows: number[] = [];
  for (let row = 0; row < plan.length; row += 1) if (PROTECTED.has(plan.reason(row))) rows.push(row);
  return rows.sort((left, right) => units.newestMtimeMs(left) - units.newestMtimeMs(right));
}

function isUsedSince(newestMtimeMs: number, time: ShieldedTime): boolean {
  return newestMtimeMs > time.setToMs + TOLERANCE_MS;
}
