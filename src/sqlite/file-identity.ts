/** Which file stands under a name: another one after a replacement, whatever its content. */

import { lstatSync, statSync } from 'node:fs';
import { guarded } from './open.ts';

/** Undefined where there is none. @throws OperatingError (`unavailable`) where that cannot be told */
export function fileIdentity(path: string): string | undefined {
  const stats = guarded(path, 'find', () => statSync(path, { throwIfNoEntry: false }));
  return stats && `${stats.dev}:${stats.ino}`;
}

/** Whether anything stands under a name, and be it a symlink that leads nowhere: that is no absence, but a fault to be told. */
export function isTaken(path: string): boolean {
  return guarded(path, 'find', () => lstatSync(path, { throwIfNoEntry: false })) !== undefined;
}
