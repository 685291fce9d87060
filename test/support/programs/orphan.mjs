/**
 * `orphan.mjs PIPE`: starts another process of itself, tells its id, and leaves. The other one hangs in a system call, reading from the
 * pipe, with a watch on its parent.
 */

import { fork } from 'node:child_process';
import { openSync, readSync } from 'node:fs';
import { watchParent } from '../../../dist/process/parent-watch.js';

const [pipe] = process.argv.slice(2);
if (process.send === undefined) {
  const child = fork(process.argv[1], [pipe]);
  child.once('message', () => {
    process.stdout.write(String(child.pid), () => process.kill(process.pid, 'SIGKILL'));
  });
} else {
  const parent = process.ppid;
  watchParent(10, parent);
  // The thread has begun when it is there; from then on the main thread hears nothing.
  setTimeout(() => {
    process.send('hanging');
    readSync(openSync(pipe, 'r+'), Buffer.alloc(1));
  }, 100);
}
