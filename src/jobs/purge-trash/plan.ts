/** Decides which sessions in the trash have had their time. Pure. */

import type { SessionId } from '../../claude-dir/session-id.ts';

export interface TrashedTime {
  readonly sessionId: SessionId;
  readonly trashedAtMs: number;
}

export type PurgeKeepReason = 'live' | 'within-keep' | 'senseless-time';

export type PurgeDecision<T extends TrashedTime> =
  | { readonly session: T; readonly purge: true }
  | { readonly session: T; readonly purge: false; readonly reason: PurgeKeepReason };

/**
 * A session that is live again, perhaps by a row set since, is to be restored, not destroyed.
 * @param unwitnessedMs how much of the time since a moment only the wall clock has counted: it may be wrong, and bytes do not come back
 */
export function planPurge<T extends TrashedTime>(
  sessions: readonly T[],
  live: ReadonlySet<SessionId>,
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
