/** The thread that looks on: asks now and then who the parent is, since whoever is orphaned gets another one. */

import { workerData } from 'node:worker_threads';

export interface ParentWatch {
  /** The parent's process id, as it was at the start. */
  readonly parentPid: number;
  /** How long the process has, once its parent is gone, to end by itself; milliseconds. */
  readonly graceMs: number;
}

const LOOK_EVERY_MS = 500;

const { parentPid, graceMs } = workerData as ParentWatch;
const looking = setInterval(() => {
  if (process.ppid === parentPid) return;
  clearInterval(looking);
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs);
}, LOOK_EVERY_MS);
