/** How near a file may come to the limit of Claude's own clean-up, and how young the shield makes it. Pure figures. */

const DAY_MS = 86_400_000;

/** From here on a period counts as for ever: no file that a program still knows is that old. */
const FOR_EVER_MS = 3_650 * DAY_MS;
/** Of the period: files are made as young as that, so that a worker that was down for some days is not too late. */
const YOUNGEST_SHARE = 0.8;
/** Of the period: no file is left older than that. */
const OLDEST_SHARE = 0.9;
/** The same for short periods: a worker that looks once a day may miss a day. */
const YOUNGEST_AHEAD_MS = 3 * DAY_MS;
const OLDEST_AHEAD_MS = 2 * DAY_MS;

export interface CleanupLimits {
  /** Claude deletes what is older. */
  readonly periodMs: number;
  /** The shield makes files as young as this, where nothing speaks against it. */
  readonly youngestMs: number;
  /** The shield leaves no file older than this. */
  readonly oldestMs: number;
}

/** Undefined where Claude deletes nothing in the life of a program. All are ages, milliseconds. */
export function cleanupLimits(periodMs: number): CleanupLimits | undefined {
  if (periodMs >= FOR_EVER_MS) return undefined;
  const ahead = (share: number, aheadMs: number) => Math.max(0, Math.min(periodMs * share, periodMs - aheadMs));
  return {
    periodMs,
    youngestMs: ahead(YOUNGEST_SHARE, YOUNGEST_AHEAD_MS),
    oldestMs: ahead(OLDEST_SHARE, OLDEST_AHEAD_MS),
  };
}
