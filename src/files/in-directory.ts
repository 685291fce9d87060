/** Opens a directory for one use, and closes it whatever happens; where there is none, there is nothing in it. */

import { errnoError, errorCode } from '../errors.ts';
import type { AnchoredDir } from './anchored-dir.ts';
import { type ByteName, displayName } from './byte-name.ts';

/** @throws the system's error where it is there and cannot be opened; ENOTDIR where it is no directory */
export function inDirectory<T>(parent: AnchoredDir, name: ByteName, use: (directory: AnchoredDir) => T[]): T[] {
  let directory: AnchoredDir;
  try {
    directory = parent.openChild(name);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return [];
    if (code !== 'ENOTDIR' && code !== 'ELOOP') throw error;
    throw errnoError('ENOTDIR', `${displayName(name)} is no directory, or a symlink, which is never followed`);
  }
  try {
    return use(directory);
  } finally {
    directory.close();
  }
}
