/** Writes what the next run would be glad of, and can do without: on a full disk, what was known before is known still. */

import { isNoSpace } from '../errors.ts';

/** @throws the system's error where it is another one than that there is no room */
export function unlessFull(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!isNoSpace(error)) throw error;
  }
}
