/** Ends the process, whatever libraries would do at its end. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/**
 * koffi's library, where a thread has loaded it, syncs stdout and stderr when the process exits: that may take long, and hangs for good
 * where it fails. The system's own `_exit` asks no library. All that is to be written has been written by now.
 */
export function exitAtOnce(code: number): never {
  if (isKoffiLoaded()) {
    try {
      const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
      const end = koffi.load(null).func('void _exit(int code)');
      process.emit('exit', code);
      end(code);
    } catch {
      // Then as ever.
    }
  }
  process.exit(code);
}

function isKoffiLoaded(): boolean {
  try {
    return readFileSync('/proc/self/maps', 'latin1').includes('/koffi.node');
  } catch {
    return false;
  }
}
