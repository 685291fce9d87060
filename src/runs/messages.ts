/** What the jobs' thread and the thread that started it say to each other. Plain data only. */

import type { LockedDirs } from '../claude-dir/dir-lock.ts';
import type { Config } from '../config/config.ts';
import type { ErrorKind } from '../errors.ts';
import type { JobName, JobProgress, JobReport, RemovedListing } from '../jobs/job.ts';

/** Which job, by which configuration. */
export interface JobTask {
  readonly job: JobName;
  readonly config: Config;
  /** A sweep came directly before. Of a dry run, that sweep has changed nothing; the job then sees the rows as after it. */
  readonly afterSweep: boolean;
  /** An operator has looked and says that most may go at once. */
  readonly allowMassRemoval: boolean;
  /** The directories whose locks are held; undefined in a dry run. */
  readonly lockedDirs: LockedDirs | undefined;
}

export interface ThreadTask extends JobTask {
  readonly dryRun: boolean;
  readonly listsRemoved: RemovedListing;
}

/** What the thread is given when it starts. */
export interface ThreadSetup {
  /** One shared word: not 0 once the job is to stop. A thread that is busy reads no messages. */
  readonly stopWord: Int32Array;
}

export type ThreadRequest = { readonly type: 'run'; readonly task: ThreadTask } | { readonly type: 'end' };

export type ThreadMessage =
  | { readonly type: 'progress'; readonly progress: JobProgress }
  | { readonly type: 'done'; readonly report: JobReport }
  | { readonly type: 'failed'; readonly kind: ErrorKind; readonly message: string; readonly stack: string | undefined };
