/** How the daemon runs a job: by the schedule, watched by nobody. */

import type { LogLevel } from '../format/log-line.ts';
import type { JobName } from '../jobs/job-names.ts';
import type { ListingRequest } from '../jobs/listing-request.ts';
import type { Requester } from '../process/actor.ts';
import type { RunOptions } from '../runs/runnable-job.ts';

/** What goes next by time alone, for whoever looks on. */
const NEXT: ListingRequest = { which: 'kept', order: 'soonest', limit: 10, goesWithinMs: Number.MAX_VALUE };

/** Whom the audit names for what a daemon does. */
export const BY_SCHEDULE: Requester = { by: 'schedule', command: 'daemon' };

export function runOptionsOf(job: JobName, level: LogLevel): RunOptions {
  // Only a log that tells each session needs to know them.
  const listsRemoved = level === 'debug' || level === 'trace' ? 'all' : 'none';
  const lists = job === 'prune-transcripts' ? NEXT : undefined;
  return { jobs: [job], dryRun: false, requester: BY_SCHEDULE, allowMassRemoval: false, listsRemoved, lists };
}
