/** The jobs by name, in the order in which they run, and how a run of one can end. */

export const JOB_NAMES = ['sweep-sessions', 'prune-transcripts', 'purge-trash'] as const;
export type JobName = (typeof JOB_NAMES)[number];

export const OUTCOMES = [
  'ok',
  /** Something went wrong, or the run was asked to stop, and the rest was done. */
  'partial',
  /** A guard said: not now. */
  'held',
  'failed',
  /** It was not begun. */
  'skipped',
] as const;
export type Outcome = (typeof OUTCOMES)[number];
