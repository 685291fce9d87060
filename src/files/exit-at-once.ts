/** Ends the process, also where the native part is at work in another thread. */

import { nativeUnderWay } from './native-part.ts';

/**
 * process.exit waits for libuv's threads, and one may look at a file system that does not answer. The system's own `_exit` waits for
 * nobody. All that is to be written has been written by now.
 */
export function exitAtOnce(code: number): never {
  const native = nativeUnderWay();
  if (native !== undefined) {
    process.emit('exit', code);
    native.exit(code);
  }
  process.exit(code);
}
