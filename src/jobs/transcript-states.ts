/** In which state a session is on disk after a prune, as the metrics show it. */

export const TRANSCRIPT_STATES = [
  'live',
  'retained',
  /** Kept since something about it is not understood. */
  'doubtful',
] as const;
export type TranscriptState = (typeof TRANSCRIPT_STATES)[number];
