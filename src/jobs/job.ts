/** What a job is, and what it is given when it runs. */

import type { JobName } from './job-names.ts';
import type { ListingRequest } from './listing-request.ts';
import type { ReportOf } from './report.ts';

/** Which of the removed sessions a report names: a million of them take the memory and the time of a job to hand over. */
export type RemovedListing = 'all' | 'oldest' | 'none';
/** How many `oldest` are: more rows than a person reads. */
export const OLDEST_LISTED = 40;

export interface JobContext {
  readonly dryRun: boolean;
  readonly listsRemoved: RemovedListing;
  /** Sessions that a command wants to show. */
  readonly lists?: ListingRequest | undefined;
  /**
   * Asked between small steps, which lets signals, messages and timers in; the job then ends what it has in hand and returns what it
   * has done. Never asked while anybody's writers are held back.
   */
  shouldStop(): Promise<boolean>;
  /** For a progress bar; may be called often. */
  onProgress(progress: JobProgress): void;
}

export interface JobProgress {
  readonly phase: 'scan' | 'remove' | 'purge' | 'sweep';
  readonly done: number;
  /** Unknown while scanning. */
  readonly total?: number;
}

export interface Job<Name extends JobName = JobName> {
  readonly name: Name;
  /** @throws OperatingError where nothing could be done */
  run(context: JobContext): Promise<ReportOf<Name>>;
}
