/**
 * “Out within five seconds of SIGTERM”, divided among those who wait for each other: each of them is through, or is given up, before
 * the next one loses patience.
 */

export const SHUTDOWN_BUDGET = {
  /** For which SQLite waits for another's lock in a job, deaf meanwhile; what is busy for longer is for the next batch or run. */
  databaseWaitMs: 1_000,
  /** A batch in hand takes milliseconds: a run that has not ended by then hangs, and its process is killed. */
  runGraceMs: 3_500,
  /** Telling of a run that is over by then may take so long. */
  noticeGraceMs: 500,
  /** For which the daemon waits for its run, the kill, its record and what is told of it included. */
  daemonWaitMs: 4_500,
  /** When the process leaves, whatever hangs. */
  leaveAfterMs: 4_800,
  /** Whoever sends the signal may rely on this. */
  promisedMs: 5_000,
} as const;
