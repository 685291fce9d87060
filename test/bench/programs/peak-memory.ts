/** Imported before a program: writes what the process had resident at most, in bytes, into $PEAK_MEMORY_FILE when it ends. */

import { readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.PEAK_MEMORY_FILE;
// The peak that getrusage tells also knows what the process was before its exec; the kernel's own is of this program alone.
if (isMainThread && file !== undefined) {
  process.on('exit', () => {
    const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    writeFileSync(file, String(Number(kilobytes) * 1_024));
  });
}
