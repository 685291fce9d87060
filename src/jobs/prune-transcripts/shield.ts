/**
 * Keeps Claude's own sweep, which goes by file times alone, from deleting sessions that are live: their files are made younger before
 * they come near its limit, and no younger than they must be, so that `--continue` finds the same session as before. The true times
 * are remembered, so that our own ages stay right.
 */

import type { SessionId } from '../../sessions/session-id.ts';
import type { ClaudeDir } from '../../transcripts/claude-dir.ts';
import { refreshUnit } from '../../transcripts/refresh.ts';
import type { Unit } from '../../transcripts/unit.ts';
import type { Decision, KeepReason } from './plan.ts';

export interface ShieldedTime {
  /** When the session was last used in truth, Unix epoch ms. */
  readonly usedAtMs: number;
  /** What its files were set to; anything later is a use. */
  readonly setToMs: number;
}

export type ShieldedTimes = ReadonlyMap<SessionId, ShieldedTime>;

/** Remembers the true times, by Claude directory; a part of the ledger. */
export interface ShieldMemory {
  shieldedTimes(claudeDir: string): ShieldedTimes;
  recordShieldedTimes(claudeDir: string, times: ShieldedTimes): void;
}

/**
 * Of Claude's period: no file of a protected session is left older, so that a worker that was down for a while is not too late. And
 * none is made younger than that, since it would overtake sessions that were used later: they are made as young again at each run.
 */
const SHIELDED_SHARE = 0.8;
/** Times go through seconds as floating point. */
const TOLERANCE_MS = 1;

const PROTECTED: ReadonlySet<KeepReason> = new Set(['live', 'running', 'pinned', 'tagged', 'named']);

/** The units as old as they are in truth. */
export function trulyAged(units: readonly Unit[], times: ShieldedTimes): readonly Unit[] {
  if (times.size === 0) return units;
  return units.map((unit) => {
    const time = times.get(unit.sessionId);
    return time === undefined || isUsedSince(unit, time) ? unit : { ...unit, newestMtimeMs: time.usedAtMs };
  });
}

/** @returns the true times that are to be remembered from now on, and how many sessions were made younger */
export function shield(
  claudeDir: ClaudeDir,
  decisions: readonly Decision[],
  times: ShieldedTimes,
  periodMs: number,
  nowMs: number,
): { readonly times: ShieldedTimes; readonly shielded: number } {
  const kept = decisions.filter((decision) => !decision.remove).map(({ unit }) => unit);
  const remembered = new Map<SessionId, ShieldedTime>();
  for (const unit of kept) {
    const time = times.get(unit.sessionId);
    if (time !== undefined && !isUsedSince(unit, time)) remembered.set(unit.sessionId, time);
  }
  let shielded = 0;
  const oldestFirst = decisions
    .filter((decision) => !decision.remove && PROTECTED.has(decision.reason))
    .map(({ unit }) => unit)
    .sort((left, right) => left.newestMtimeMs - right.newestMtimeMs);
  for (const [rank, unit] of oldestFirst.entries()) {
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

function isUsedSince(unit: Unit, time: ShieldedTime): boolean {
  return unit.newestMtimeMs > time.setToMs + TOLERANCE_MS;
}
