/** Whether a process is there, by a signal that does nothing: a /proc mounted with hidepid hides other users' processes, signals do not. */

import { errorCode } from '../errors.ts';

export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
}
