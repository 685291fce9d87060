/** Loaded before the program: a thread of it that renames a file hangs in a system call, as on a disk that does not answer. */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

if (!isMainThread) {
  const pipe = fs.openSync(process.env.HANG_PIPE, 'r+');
  fs.renameSync = () => fs.readSync(pipe, Buffer.alloc(1));
  syncBuiltinESMExports();
}
