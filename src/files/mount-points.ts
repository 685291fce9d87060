/** Finds the mount points below a directory: they are not entered and not moved. */

import { readFileSync } from 'node:fs';
import { operatingError } from '../errors.ts';
import type { AnchoredDir } from './anchored-dir.ts';

/**
 * The mount points below a held directory, relative to it (`projects/-srv-app`), bind mounts of the same file system included,
 * which device numbers do not show.
 * @throws OperatingError (`unavailable`) where the kernel does not say
 */
export function mountPointsBelow(directory: AnchoredDir): ReadonlySet<string> {
  try {
    const prefix = `${directory.currentPath().replace(/\/$/, '')}/`;
    const table = readFileSync('/proc/self/mountinfo', 'latin1');
    return mountPointsIn(table, prefix);
  } catch (error) {
    throw operatingError('unavailable', 'read mount points', error);
  }
}

/** `table` has the form of proc(5) mountinfo: the fifth field is the mount point, with octal escapes. */
export function mountPointsIn(table: string, prefix: string): ReadonlySet<string> {
  const below = new Set<string>();
  for (const line of table.split('\n')) {
    const escaped = line.split(' ')[4];
    if (escaped === undefined) continue;
    const path = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    if (path.startsWith(prefix)) below.add(path.slice(prefix.length));
  }
  return below;
}
