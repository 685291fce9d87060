/** Makes directories that only their owner may enter: the state directory and what is in it. */

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoError, errorCode } from '../errors.ts';
import { giveMadeDirectory } from './given-away.ts';

/**
 * Makes the state directory or one in it, with those above it that are missing, for its owner alone, who is that of
 * the directory above. Not by Node's own recursion, which
 * never ends where the system goes on saying that there is no such directory.
 */
export function makePrivateDirectory(path: string): void {
  const parent = dirname(path);
  if (parent !== path && !existsSync(parent)) makePrivateDirectory(parent);
  try {
    mkdirSync(path, { mode: 0o700 });
    giveMadeDirectory(path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    if (!statSync(path).isDirectory()) throw errnoError('ENOTDIR', path);
  }
}
