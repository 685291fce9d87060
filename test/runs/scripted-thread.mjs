/** Stands for the jobs' thread: does what the task's configuration says, and reports which thread it is. */

import { parentPort, threadId, workerData } from 'node:worker_threads';

parentPort.on('message', ({ type, task }) => {
  if (type === 'end') parentPort.close();
  else acts[task.config.act](task);
});

const report = { faults: [], kept: { thread: threadId } };
const acts = {
  answer: () => parentPort.postMessage({ type: 'done', report }),
  fail: () => parentPort.postMessage({ type: 'failed', kind: 'io', message: 'the disk is full', stack: undefined }),
  crash: () => {
    throw new Error('a programmer was here');
  },
  obey: () => {
    parentPort.postMessage({ type: 'progress', progress: { phase: 'scan', done: 1 } });
    // Whoever sets the word wakes nobody: jobs look at it.
    while (Atomics.load(workerData.stopWord, 0) === 0) Atomics.wait(workerData.stopWord, 0, 0, 1);
    parentPort.postMessage({ type: 'done', report: { ...report, stopped: true } });
  },
  leave: () => process.exit(),
};
