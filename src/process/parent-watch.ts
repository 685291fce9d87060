/** Ends a process whose parent is gone, also where it hangs in a system call and hears nothing any more. */

import { Worker } from 'node:worker_threads';
import type { ParentWatch } from './parent-watch-thread.ts';

/** The smallest heap is enough for what the thread does. */
const LIMITS = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 };

/** Looks on from a thread of its own, which holds nothing up. */
export function watchParent(graceMs: number, parentPid = process.ppid): void {
  const watch: ParentWatch = { parentPid, graceMs };
  const thread = new Worker(new URL('./parent-watch-thread.js', import.meta.url), {
    workerData: watch,
    resourceLimits: LIMITS,
  });
  // Without it, the process ends as it would have ended before.
  thread.on('error', () => undefined);
  thread.unref();
}
