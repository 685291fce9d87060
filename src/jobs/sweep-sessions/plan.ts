/** Decides which rows of a resume map go and why. Pure: no clock, no disk; a row that is not understood stays. */

import { parseProtectedId, type SessionId } from '../../claude-dir/session-id.ts';
import type { UncheckedFields } from '../../resume-map/resume-map.ts';
import { isSensibleTime, isStale, type SessionMaxAge } from '../../resume-map/row-age.ts';

export type RowKeepReason =
  | 'in-use'
  /** Its times make no sense, or its id is none: unknown means keep. */
  | 'senseless'
  /** Somebody has brought it back. */
  | 'restored'
  /** It is over its age, and so is most of the map at once. */
  | 'held'
  /** Its transcript is gone, and the walk came not so far as to tell which share of the map that is. */
  | 'dangling-kept'
  /** So many transcripts are gone that the disk, not the rows, is what is wrong. */
  | 'mass-dangling';

/** Why a row goes. */
export const SWEEP_REASONS = ['expired', 'dangling'] as const;
export type SweepReason = (typeof SWEEP_REASONS)[number];

/** What is to become of one row; `gone` rows are decided on together, when the whole map has been walked. */
export type RowVerdict = 'in-use' | 'senseless' | 'expired' | 'gone';

export interface SweepPolicy {
  readonly maxAge: SessionMaxAge;
  /** Only rows unused for longer can be dangling: a new session's transcript may not be written yet. */
  readonly minAgeMs: number;
}

/** The sessions on the known disks; undefined where those were not read in full: then no row is gone. */
export type PresentSessions = ReadonlySet<SessionId> | undefined;

export function judgeRow(
  row: UncheckedFields,
  present: PresentSessions,
  policy: SweepPolicy,
  nowMs: number,
): RowVerdict {
  const sessionId = parseProtectedId(row.sessionId);
  if (!isSensibleTime(row.lastUsedAtMs, nowMs)) return 'senseless';
  if (isStale(row, nowMs, policy.maxAge)) return 'expired';
  if (sessionId === undefined) return 'senseless';
  const isClaudes = (row.isOthers ?? 0) === 0;
  if (present === undefined || present.has(sessionId) || isYoung(row, policy, nowMs) || !isClaudes) return 'in-use';
  return 'gone';
}

/** Used or made within the age floor; a creation time that is no number tells nothing. */
function isYoung(row: UncheckedFields, policy: SweepPolicy, nowMs: number): boolean {
  return [row.lastUsedAtMs, row.createdAtMs].some((timeMs) => {
    return typeof timeMs === 'number' && nowMs - timeMs < policy.minAgeMs;
  });
}
