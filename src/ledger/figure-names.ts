/** What the figures in the ledger are called. */

/** Names of figures in the ledger; a metric of the same name shows each. Labels with two parts are joined by a comma. */
export const FIGURES = {
  runs: 'runs_total',
  lastRun: 'run_last_timestamp_seconds',
  lastSuccess: 'run_last_success_timestamp_seconds',
  liveSessions: 'live_sessions',
  transcripts: 'transcripts',
  transcriptBytes: 'transcript_bytes',
  exposed: 'exposed_sessions',
  removed: 'transcripts_removed_total',
  removedBytes: 'removed_bytes_total',
  swept: 'rows_swept_total',
  trashSessions: 'trash_sessions',
  trashBytes: 'trash_bytes',
  purgedBytes: 'purged_bytes_total',
  errors: 'errors_total',
} as const;
