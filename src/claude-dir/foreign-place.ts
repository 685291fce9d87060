/** Directories of a Claude directory that belong to another user than Claude, as where root has made them. */

import { errorCode } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { factsBelow } from '../files/facts-below.ts';
import type { ClaudeDir } from './claude-dir.ts';

/** @returns the other user; undefined where it is Claude's, is not there, or cannot be looked at */
export function foreignOwnerOf(
  { root, surroundings }: Pick<ClaudeDir, 'root' | 'surroundings'>,
  directory: readonly ByteName[],
): number | undefined {
  try {
    const owner = factsBelow(root, directory)?.uid;
    return owner === surroundings.uid ? undefined : owner;
  } catch {
    return undefined;
  }
}

/** Whether nobody but its foreign owner sees what is in it. Claude has nothing there then, and neither has a session. */
export function isClosedByOther(
  claudeDir: Pick<ClaudeDir, 'root' | 'surroundings'>,
  directory: readonly ByteName[],
  find: (directory: readonly ByteName[]) => AnchoredDir | undefined,
): boolean {
  if (foreignOwnerOf(claudeDir, directory) === undefined) return false;
  try {
    find(directory)?.entries();
    return false;
  } catch (error) {
    return errorCode(error) === 'EACCES';
  }
}
