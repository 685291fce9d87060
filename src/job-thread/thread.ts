/** The thread of one job: synchronous scanning and moving happen here, and the main thread stays free. */

import { parentPort, workerData } from 'node:worker_threads';
import { errorKind, errorMessage } from '../errors.ts';
import type { JobProgress, JobReport } from '../jobs/job.ts';
import { runConfiguredJob } from './compose-job.ts';
import type { ThreadMessage, ThreadTask } from './messages.ts';

/** A progress bar needs no more. */
const PROGRESS_INTERVAL_MS = 100;

const task = workerData as ThreadTask;
const post = (message: ThreadMessage) => parentPort?.postMessage(message);

try {
  const report = await runConfiguredJob(task, {
    dryRun: task.dryRun,
    shouldStop: () => Atomics.load(task.stopWord, 0) !== 0,
    onProgress: rateLimited((progress) => post({ type: 'progress', progress })),
  });
  post({ type: 'done', report: task.listsRemoved ? report : withoutRemoved(report) });
} catch (error) {
  const stack = error instanceof Error ? error.stack : undefined;
  post({ type: 'failed', kind: errorKind(error), message: errorMessage(error), stack });
}

function withoutRemoved({ removedSessions: _, ...report }: JobReport): JobReport {
  return report;
}

function rateLimited(report: (progress: JobProgress) => void): (progress: JobProgress) => void {
  let lastAt = 0;
  return (progress) => {
    const now = performance.now();
    if (now - lastAt < PROGRESS_INTERVAL_MS && progress.done !== progress.total) return;
    lastAt = now;
    report(progress);
  };
}
