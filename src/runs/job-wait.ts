/** How long a job waits for a database that another holds: it is to be able to stop in time. */

import { SHUTDOWN_BUDGET } from '../process/shutdown-budget.ts';

export const JOB_WAIT = { busyTimeoutMs: SHUTDOWN_BUDGET.databaseWaitMs };
