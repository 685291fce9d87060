/** Looks at what stands at a path below a held directory; no symlink on the way is followed. */

import { errorCode } from '../errors.ts';
import type { AnchoredDir } from './anchored-dir.ts';
import type { ByteName } from './byte-name.ts';
import type { FileFacts } from './native-calls.ts';

/**
 * @returns undefined where it, or a directory on the way to it, is not there
 * @throws the system's error; ENOTDIR or ELOOP where something on the way is no directory
 */
export function factsBelow(root: AnchoredDir, path: readonly ByteName[]): FileFacts | undefined {
  const [name, ...rest] = path;
  if (name === undefined) throw new Error('the path has no name');
  if (rest.length === 0) return root.lstat(name);
  let child: AnchoredDir;
  try {
    child = root.openChild(name);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return factsBelow(child, rest);
  } finally {
    child.close();
  }
}
