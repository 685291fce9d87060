/** Whether directories can be held safely at all on this system. */

import { existsSync } from 'node:fs';
import { OperatingError } from '../errors.ts';

/** @throws OperatingError (`unsafe-root`) where descriptors cannot anchor paths: there is no safe way to work then */
export function requireAnchoring(): void {
  if (existsSync('/proc/self/fd/')) return;
  throw new OperatingError(
    'unsafe-root',
    'start: /proc is not mounted, and without /proc/self/fd no directory can be held safely (Linux only)',
  );
}
