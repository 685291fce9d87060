/** Decides which sessions in the trash have had their time. Pure. */

import type { SessionId } from '../../claude-dir/session-id.ts';
import type { Found, TrashedEntry } from '../../trash/purge.ts';

export interface TrashedTime {
  readonly sessionId: SessionId;
  readonly trashedAtMs: number;
}

/** Whether a session is live; a set of ids is one. */
export interface LiveNames {
  has(sessionId: SessionId): boolean;
}

/** Why a session stays in the trash. */
export const PURGE_KEEP_REASONS = [
  /** It is live again. */
  'live',
  'within-keep',
  /** It was removed at a time that makes no sense. */
  'senseless-time',
  /** Something stands under one of its old names again: then it is not alone. */
  'recreated',
  /** The resume map could not be asked. */
  'busy',
] as const;
export type PurgeKeepReason = (typeof PURGE_KEEP_REASONS)[number];

export type PurgeDecision<T extends TrashedTime> =
  | { readonly session: T; readonly purge: true }
  | { readonly session: T; readonly purge: false; readonly reason: PurgeKeepReason };

/**
 * A session that is live again, perhaps by a row set since, is to be restored, not destroyed.
 * @param unwitnessedMs how much of the time since a moment only the wall clock has counted: it may be wrong, and bytes do not come back
 */
export function planPurge<T extends TrashedTime>(
  sessions: readonly T[],
  live: LiveNames,
  keepMs: number,
  nowMs: number,
  unwitnessedMs: (sinceMs: number) => number,
): readonly PurgeDecision<T>[] {
  return sessions.map((session): PurgeDecision<T> => {
    if (live.has(session.sessionId)) return { session, purge: false, reason: 'live' };
    const lainMs = nowMs - session.trashedAtMs;
    if (!Number.isFinite(lainMs) || lainMs < 0) return { session, purge: false, reason: 'senseless-time' };
    return lainMs - unwitnessedMs(session.trashedAtMs) > keepMs
      ? { session, purge: true }
      : { session, purge: false, reason: 'within-keep' };
  });
}

/** One part of a session in the trash, with what it takes of the disk. */
export interface EarlyCandidate extends TrashedTime {
  readonly diskBytes: number;
  /** Whether nothing stands under its old names: else it is not to be purged. Asked only where it matters. */
  isAlone(): boolean;
}

export interface EarlyLimits {
  readonly keepMs: number;
  /** Nothing that has lain for less goes early. */
  readonly keepAtLeastMs: number;
  /** How much is to come free, with what has had its time. */
  readonly neededBytes: number;
}

export interface EarlyPlan {
  readonly sessionIds: ReadonlySet<SessionId>;
  /** Those go however short a time beyond this they have lain. */
  readonly keepAtLeastMs: number;
  /** What does not come free by any of it. */
  readonly missingBytes: number;
}

/**
 * Which sessions go before their time, since the disk is to have the room: the oldest first, and no more than it takes. Of one whose parts
 * went at different times, the newest counts.
 */
export function planEarly(
  candidates: readonly EarlyCandidate[],
  live: LiveNames,
  { keepMs, keepAtLeastMs, neededBytes }: EarlyLimits,
  nowMs: number,
  unwitnessedMs: (sinceMs: number) => number,
): EarlyPlan {
  const sessions = wholeSessions(candidates);
  const sessionIds = new Set<SessionId>();
  let missingBytes = neededBytes;
  for (const session of sessions.toSorted((left, right) => left.trashedAtMs - right.trashedAtMs)) {
    if (missingBytes <= 0) break;
    const hasLain = (ageMs: number) => planPurge([session], live, ageMs, nowMs, unwitnessedMs)[0]?.purge === true;
    if (!hasLain(Math.min(keepAtLeastMs, keepMs)) || !session.isAlone()) continue;
    missingBytes -= session.diskBytes;
    // What has had its time goes anyway.
    if (!hasLain(keepMs)) sessionIds.add(session.sessionId);
  }
  return { sessionIds, keepAtLeastMs, missingBytes: Math.max(0, missingBytes) };
}

function wholeSessions(candidates: readonly EarlyCandidate[]): EarlyCandidate[] {
  const sessions = new Map<SessionId, EarlyCandidate>();
  for (const part of candidates) {
    const before = sessions.get(part.sessionId);
    sessions.set(part.sessionId, before === undefined ? part : joined(before, part));
  }
  return [...sessions.values()];
}

function joined(left: EarlyCandidate, right: EarlyCandidate): EarlyCandidate {
  return {
    sessionId: left.sessionId,
    // A time that is none makes the whole senseless.
    trashedAtMs: Math.max(left.trashedAtMs, right.trashedAtMs),
    diskBytes: left.diskBytes + right.diskBytes,
    isAlone: () => left.isAlone() && right.isAlone(),
  };
}

/**
 * Why a session that is due is not to be destroyed after all, by what is found in the moment of the act.
 * @param spared sessions that only a killed purge called due, and why they are not
 */
export function purgeObstacle(
  { session, isRecreated, isWhole }: Found,
  live: ReadonlySet<SessionId>,
  spared: ReadonlyMap<TrashedEntry, PurgeKeepReason>,
): PurgeKeepReason | undefined {
  // What a killed purge has begun to destroy can only be ended.
  if (session.state === 'purging' && !isWhole) return undefined;
  // The originals of a joined session are not the session: whether it is live says nothing of them.
  if (session.state !== 'joined') {
    if (live.has(session.sessionId)) return 'live';
    if (isRecreated) return 'recreated';
  }
  return spared.get(session);
}

/**
 * The parts of a session that went at different times go when the newest has had its time: until then it can come back whole.
 * @param withNewerPart sessions of which folders before held a part that has time left; those of these decisions are added
 */
export function asOneSession<T extends TrashedTime>(
  decisions: readonly PurgeDecision<T>[],
  withNewerPart: Set<string>,
): readonly PurgeDecision<T>[] {
  const whole = decisions.map((decision): PurgeDecision<T> => {
    const isHeldBack = decision.purge && withNewerPart.has(decision.session.sessionId);
    return isHeldBack ? { session: decision.session, purge: false, reason: 'within-keep' } : decision;
  });
  for (const decision of whole) {
    if (!decision.purge && decision.reason === 'within-keep') withNewerPart.add(decision.session.sessionId);
  }
  return whole;
}
