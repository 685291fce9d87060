/** A job as whoever runs it sees it, wherever it works: started with plain options, stopped by a signal, locked until it is let go. */

import type { JobName, JobProgress, JobReport, RemovedListing } from '../jobs/job.ts';

/** Plain data, which goes to another process as it is. */
export interface RunOptions {
  readonly dryRun: boolean;
  /** A sweep came directly before. Of a dry run, that sweep has changed nothing; the job then sees the rows as after it. */
  readonly afterSweep: boolean;
  /** An operator has looked and says that most may go at once. */
  readonly allowMassRemoval: boolean;
  readonly listsRemoved: RemovedListing;
}

export interface RunRequest {
  readonly options: RunOptions;
  /** Aborted at the deadline and at shutdown: the job ends what it has in hand and returns. */
  readonly signal: AbortSignal;
  onProgress(progress: JobProgress): void;
}

export interface RunnableJob {
  readonly name: JobName;
  /** Takes the lock of every Claude directory, unless it is a dry run, and works. */
  start(request: RunRequest): JobAtWork;
}

export interface JobAtWork {
  /** Rejects with what ended the job: an OperatingError (`locked` where another run is at work), or what nobody foresaw. */
  readonly report: Promise<JobReport>;
  /**
   * Gives the locks back. Called once the run is written down, so that the next one finds it in the ledger.
   * @returns settles when nothing is left of the job
   */
  release(): Promise<void>;
}
