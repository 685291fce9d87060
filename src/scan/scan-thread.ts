/** The thread of a helper: takes directories from the queue and sends their rows. */

import { workerData } from 'node:worker_threads';
import { errorCode, errorMessage } from '../errors.ts';
import { AnchoredDir } from '../files/anchored-dir.ts';
import { type DirectoryRecords, DirectoryScanner } from './directory-scan.ts';
import { TaskQueue } from './task-queue.ts';
import type { ScanThreadMessage, ScanThreadTask } from './thread-messages.ts';

/** Directories are sent together, as most hold but a few sessions. */
const SENT_FROM_ROWS = 2_048;

const { rootFd, projectsFd, surroundings, queue, begun, port } = workerData as ScanThreadTask;

const post = (message: ScanThreadMessage, buffers: ArrayBuffer[] = []) => port.postMessage(message, buffers);

try {
  const [root, projects] = [reopened(rootFd), reopened(projectsFd)];
  try {
    Atomics.store(begun, 0, 1);
    scanAll(new DirectoryScanner(root, projects, surroundings));
  } finally {
    projects.close();
    root.close();
  }
  post({ type: 'done' });
} catch (error) {
  post({ type: 'failed', code: errorCode(error), message: errorMessage(error) });
} finally {
  port.close();
}

function scanAll(scanner: DirectoryScanner): void {
  const tasks = new TaskQueue(queue);
  let found: DirectoryRecords[] = [];
  let rows = 0;
  const send = () => {
    post(
      { type: 'rows', found },
      found.map(({ buffer }) => buffer),
    );
    found = [];
    rows = 0;
  };
  for (let task = tasks.next(); task !== undefined; task = tasks.next()) {
    const ofTask = scanner.scan(task);
    found.push(ofTask);
    rows += ofTask.count;
    if (rows >= SENT_FROM_ROWS) send();
  }
  send();
}

/** The very directory, by another descriptor: each thread reads by a position of its own, and closes what is its own. */
function reopened(fd: number): AnchoredDir {
  return AnchoredDir.open(`/proc/self/fd/${fd}/.`);
}
