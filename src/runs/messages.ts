/** What a run's process and the one that started it say to each other. Plain data only. */

import type { Config } from '../config/config.ts';
import type { ErrorKind } from '../exit-codes.ts';
import type { JobProgress } from '../jobs/job.ts';
import type { JobName } from '../jobs/job-names.ts';
import type { JobReport } from '../jobs/report.ts';
import type { RunOptions } from './runnable-job.ts';

/** Which job, by which configuration. */
export interface RunTask {
  readonly job: JobName;
  readonly config: Config;
  readonly options: RunOptions;
}

export type RunCommand =
  | { readonly type: 'run'; readonly task: RunTask }
  /** The job is to end what it has in hand, and to answer. */
  | { readonly type: 'stop' }
  /** The answer is written down: the locks are to be given back. So they are where the channel is closed, as nobody is there any more. */
  | { readonly type: 'leave' };

export type RunAnswer =
  /** What it does now is another thing than what it did before. */
  | { readonly type: 'phase'; readonly progress: JobProgress }
  | { readonly type: 'done'; readonly report: JobReport }
  | { readonly type: 'failed'; readonly kind: ErrorKind; readonly message: string; readonly stack: string | undefined };
