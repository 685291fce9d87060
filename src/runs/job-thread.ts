/** A thread that runs jobs, one after the other, and is ended where a job does not end itself. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Config } from '../config/config.ts';
import { OperatingError } from '../errors.ts';
import type { JobName, JobReport } from '../jobs/job.ts';
import type { ThreadMessage, ThreadRequest, ThreadSetup } from './messages.ts';
import type { RunnableJob, RunRequest } from './run-job.ts';

/** A batch in hand takes milliseconds; what has not ended by then hangs. Leaves time for an exit within five seconds. */
const STOP_GRACE_MS = 3_500;
/** Most of what a job makes is garbage at once: a small nursery is as fast, and does not grow with the tree. */
const LIMITS = { maxYoungGenerationSizeMb: 2 };
const THREAD_SCRIPT = new URL('./thread.js', import.meta.url);

interface Thread {
  readonly worker: Worker;
  readonly stopWord: Int32Array;
  /** Settles when it is gone, with what has ended it, where that was an error. */
  readonly gone: Promise<unknown>;
}

export class JobThread {
  readonly #script: URL;
  #thread: Thread | undefined;
  #isUsed = false;
  #ending: Promise<unknown> | undefined;

  constructor(script = THREAD_SCRIPT) {
    this.#script = script;
  }

  /** Starts it before there is a job: that takes as long as a small job. */
  start(): void {
    this.#started();
  }

  job(name: JobName, config: Config): RunnableJob {
    return { name, run: (request) => this.#run(name, config, request) };
  }

  /** Ends the thread; settles when it is gone, since what it held is free only then. A later job starts another. */
  async end(): Promise<void> {
    const thread = this.#thread;
    if (thread !== undefined) {
      this.#thread = undefined;
      this.#ending = thread.gone;
      // One that is still loading would hear of it only afterwards.
      if (this.#isUsed) say(thread, { type: 'end' });
      else void thread.worker.terminate();
    }
    await this.#ending;
  }

  #started(): Thread {
    if (this.#thread !== undefined) return this.#thread;
    const thread = startThread(this.#script);
    this.#thread = thread;
    this.#isUsed = false;
    thread.gone.then(() => {
      if (this.#thread === thread) this.#thread = undefined;
    });
    return thread;
  }

  async #run(job: JobName, config: Config, request: RunRequest): Promise<JobReport> {
    const thread = this.#started();
    this.#isUsed = true;
    const ended = new AbortController();
    const requestStop = () => {
      Atomics.store(thread.stopWord, 0, 1);
      // The lock is given back only when the thread is gone: until then it may still be moving files.
      sleep(STOP_GRACE_MS, undefined, { signal: ended.signal, ref: false }).then(
        () => thread.worker.terminate(),
        () => undefined,
      );
    };
    if (request.signal.aborted) requestStop();
    else request.signal.addEventListener('abort', requestStop, { once: true });
    const { dryRun, afterSweep, allowMassRemoval, listsRemoved, lockedDirs } = request;
    const switches = { dryRun, afterSweep, allowMassRemoval, listsRemoved };
    let isReusable = false;
    try {
      const answer = answerOf(thread, request);
      say(thread, { type: 'run', task: { job, config, ...switches, lockedDirs } });
      const report = await answer;
      // A thread that was told to stop would stop the next job as well; one whose job has failed may be in any state.
      isReusable = !request.signal.aborted;
      return report;
    } finally {
      if (!isReusable) await this.end();
      request.signal.removeEventListener('abort', requestStop);
      ended.abort();
    }
  }
}

/** A job in a thread of its own, whose memory goes with it. */
export function threadJob(name: JobName, config: Config): RunnableJob {
  const run = async (request: RunRequest) => {
    const thread = new JobThread();
    try {
      return await thread.job(name, config).run(request);
    } finally {
      await thread.end();
    }
  };
  return { name, run };
}

function startThread(script: URL): Thread {
  const stopWord = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const setup: ThreadSetup = { stopWord };
  const worker = new Worker(script, { workerData: setup, resourceLimits: LIMITS });
  let fault: unknown;
  worker.on('error', (error) => {
    fault = error;
  });
  const gone = new Promise<unknown>((resolve) => {
    worker.on('exit', () => resolve(fault));
  });
  return { worker, stopWord, gone };
}

function say({ worker }: Thread, request: ThreadRequest): void {
  worker.postMessage(request);
}

function answerOf({ worker, gone }: Thread, request: RunRequest): Promise<JobReport> {
  return new Promise<JobReport>((resolve, reject) => {
    const onMessage = (message: ThreadMessage) => {
      if (message.type === 'progress') request.onProgress(message.progress);
      else worker.off('message', onMessage);
      if (message.type === 'done') resolve(message.report);
      if (message.type === 'failed') reject(failureOf(message));
    };
    worker.on('message', onMessage);
    gone.then((fault) => {
      reject(fault ?? new OperatingError('io', 'the job did not end in time and was broken off'));
    });
  });
}

function failureOf({ kind, message, stack }: Extract<ThreadMessage, { type: 'failed' }>): Error {
  const error = kind === 'internal' ? new Error(message) : new OperatingError(kind, message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
