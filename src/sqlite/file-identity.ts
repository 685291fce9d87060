/** Which file stands under a name: another one after a replacement, whatever its content. */

import { statSync } from 'node:fs';

/** Undefined where there is none. */
export function fileIdentity(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats && `${stats.dev}:${stats.ino}`;
}
