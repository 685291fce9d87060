/** What a job's thread and the thread that started it say to each other. Plain data only. */

import type { Config } from '../config/config.ts';
import type { ErrorKind } from '../errors.ts';
import type { JobName, JobProgress, JobReport } from '../jobs/job.ts';

export interface ThreadTask {
  readonly job: JobName;
  readonly config: Config;
  readonly dryRun: boolean;
  readonly afterSweep: boolean;
  /** One shared word: not 0 once the job is to stop. A thread that is busy reads no messages. */
  readonly stopWord: Int32Array;
}

export type ThreadMessage =
  | { readonly type: 'progress'; readonly progress: JobProgress }
  | { readonly type: 'done'; readonly report: JobReport }
  | { readonly type: 'failed'; readonly kind: ErrorKind; readonly message: string; readonly stack: string | undefined };
