/** Runs a job in a thread of its own, and ends the thread where the job does not end itself. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Config } from '../config/config.ts';
import { OperatingError } from '../errors.ts';
import type { JobName, JobReport } from '../jobs/job.ts';
import type { RunnableJob, RunRequest } from '../run-job.ts';
import type { ThreadMessage, ThreadTask } from './messages.ts';

/** A batch in hand takes milliseconds; what has not ended by then hangs. Leaves time for an exit within five seconds. */
const STOP_GRACE_MS = 3_500;

export function threadJob(name: JobName, config: Config): RunnableJob {
  return { name, run: (request) => runInThread(name, config, request) };
}

async function runInThread(name: JobName, config: Config, request: RunRequest): Promise<JobReport> {
  const stopWord = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const { dryRun, afterSweep, allowMassRemoval, listsRemoved, lockedDirs } = request;
  const switches = { dryRun, afterSweep, allowMassRemoval, listsRemoved };
  const task: ThreadTask = { job: name, config, ...switches, lockedDirs, stopWord };
  const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: task });
  const ended = new AbortController();
  const requestStop = () => {
    Atomics.store(stopWord, 0, 1);
    // The lock is given back only when the thread is gone: until then it may still be moving files.
    sleep(STOP_GRACE_MS, undefined, { signal: ended.signal, ref: false }).then(
      () => worker.terminate(),
      () => undefined,
    );
  };
  if (request.signal.aborted) requestStop();
  else request.signal.addEventListener('abort', requestStop, { once: true });
  try {
    return await outcomeOf(worker, request);
  } finally {
    request.signal.removeEventListener('abort', requestStop);
    ended.abort();
  }
}

/** Settles when the thread is gone, not when it has spoken its last: what it held is free then. */
function outcomeOf(worker: Worker, request: RunRequest): Promise<JobReport> {
  return new Promise((resolve, reject) => {
    let settle = () => reject(new OperatingError('io', 'the job did not end in time and was broken off'));
    worker.on('message', (message: ThreadMessage) => {
      if (message.type === 'progress') request.onProgress(message.progress);
      else if (message.type === 'done') settle = () => resolve(message.report);
      else settle = () => reject(failureOf(message));
    });
    worker.on('error', (error) => {
      settle = () => reject(error);
    });
    worker.on('exit', () => settle());
  });
}

function failureOf({ kind, message, stack }: Extract<ThreadMessage, { type: 'failed' }>): Error {
  const error = kind === 'internal' ? new Error(message) : new OperatingError(kind, message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
