/** The jobs' thread: synchronous scanning and moving happen here, and the main thread stays free. */

import { parentPort, workerData } from 'node:worker_threads';
import { errorKind, errorMessage } from '../errors.ts';
import type { JobProgress } from '../jobs/job.ts';
import { runConfiguredJob } from './compose-job.ts';
import type { ThreadMessage, ThreadRequest, ThreadSetup, ThreadTask } from './messages.ts';
import { handedOver } from './trim-report.ts';

/** A progress bar needs no more. */
const PROGRESS_INTERVAL_MS = 100;

const { stopWord } = workerData as ThreadSetup;
const post = (message: ThreadMessage) => parentPort?.postMessage(message);

parentPort?.on('message', (request: ThreadRequest) => {
  // Without its port, nothing holds the thread any more.
  if (request.type === 'end') parentPort?.close();
  else void run(request.task);
});

async function run(task: ThreadTask): Promise<void> {
  const { dryRun, listsRemoved } = task;
  try {
    const report = await runConfiguredJob(task, {
      dryRun,
      listsRemoved,
      shouldStop: async () => Atomics.load(stopWord, 0) !== 0,
      onProgress: rateLimited((progress) => post({ type: 'progress', progress })),
    });
    post({ type: 'done', report: handedOver(report, listsRemoved) });
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined;
    post({ type: 'failed', kind: errorKind(error), message: errorMessage(error), stack });
  }
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
