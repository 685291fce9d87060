/** The only place where bytes are destroyed, and only below a run directory of the trash. */

import { errorCode } from '../../errors.ts';
import type { AnchoredDir } from '../anchored-dir.ts';
import type { ByteName } from '../byte-name.ts';
import type { Part } from '../unit.ts';
import type { HeldDirs } from './held-dirs.ts';

/** @param dev the file system of the trash; whatever is mounted inside is not entered */
export function destroyPart(part: Part, trash: HeldDirs, dev: number): void {
  const parent = trash.find(part.directory);
  if (parent === undefined) return;
  if (part.kind === 'directory' && parent.lstat(part.name)?.isDirectory()) destroyTree(parent, part.name, dev);
  else unlinkIfThere(parent, part.name);
}

function destroyTree(parent: AnchoredDir, name: ByteName, dev: number): void {
  const directory = parent.openChild(name);
  try {
    if (directory.dev !== dev) return;
    for (const entry of directory.entries()) {
      if (entry.kind === 'directory') destroyTree(directory, entry.name, dev);
      else unlinkIfThere(directory, entry.name);
    }
  } finally {
    directory.close();
  }
  parent.removeDirectory(name);
}

/** A symlink is unlinked itself; what it points to is never reached. */
function unlinkIfThere(parent: AnchoredDir, name: ByteName): void {
  try {
    parent.unlink(name);
  } catch (error) {
    // Gone already: an earlier purge was killed after this step.
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/**
 * Removes directories that hold nothing but empty directories.
 * @returns whether nothing is left but `exceptions`; a stray file keeps the directories above it
 */
export function removeEmptyTree(directory: AnchoredDir, exceptions: readonly ByteName[] = []): boolean {
  let isEmpty = true;
  for (const entry of directory.entries()) {
    if (exceptions.includes(entry.name)) continue;
    if (entry.kind !== 'directory') {
      isEmpty = false;
      continue;
    }
    const child = directory.openChild(entry.name);
    let isChildEmpty: boolean;
    try {
      isChildEmpty = removeEmptyTree(child);
    } finally {
      child.close();
    }
    if (isChildEmpty) directory.removeDirectory(entry.name);
    else isEmpty = false;
  }
  return isEmpty;
}
