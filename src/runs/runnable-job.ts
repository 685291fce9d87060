/** A job as whoever runs it sees it, wherever it works: started with plain options, stopped by a signal, locked until it is let go. */

import type { JobProgress, RemovedListing } from '../jobs/job.ts';
import type { JobName } from '../jobs/job-names.ts';
import type { ListingRequest } from '../jobs/listing-request.ts';
import type { JobReport } from '../jobs/report.ts';
import type { Requester } from '../process/actor.ts';

/** Plain data, which goes to another process as it is. */
export interface RunOptions {
  readonly dryRun: boolean;
  /** For the audit; nobody is named where it was nobody's command and no schedule's. */
  readonly requester?: Requester;
  /** All the jobs that run one after the other, this one among them. */
  readonly jobs: readonly JobName[];
  /** An operator has looked and says that most may go at once. */
  readonly allowMassRemoval: boolean;
  readonly listsRemoved: RemovedListing;
  /** A prune takes, or a purge destroys, these sessions alone, whatever their age. */
  readonly only?: readonly string[];
  /** None of those goes where one of them is to stay, or is nowhere. */
  readonly isAllOrNone?: boolean;
  /** The same, by the Claude directory or session store in which each is to go. */
  readonly onlyAt?: Readonly<Record<string, readonly string[]>>;
  /** Sessions that a command wants to show. */
  readonly lists?: ListingRequest | undefined;
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
