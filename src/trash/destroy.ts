/** The only place where a session's files are destroyed, and only below a folder of the trash. (Entries of a session store go in that store.) */

import { type Part, partPath } from '../claude-dir/unit.ts';
import { errnoError, errorCode } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, displayName } from '../files/byte-name.ts';
import type { OpenDirs } from '../files/open-dirs.ts';

/** Whatever is mounted in the trash is not the trash's. */
export interface TrashBounds {
  readonly dev: number;
  /** Mount points in the trash folder, relative to it; mostly none. */
  readonly mountPoints: readonly string[];
}

/** @throws the system's error; EBUSY where something is mounted in the part: nothing of it is destroyed then */
export function destroyPart(part: Part, trash: OpenDirs, { dev, mountPoints }: TrashBounds): void {
  const path = partPath(part);
  const mountPoint = mountPoints.find((point) => point === path || point.startsWith(`${path}/`));
  if (mountPoint !== undefined) throw errnoError('EBUSY', `${displayName(mountPoint)} is a mount point`);
  const parent = trash.find(part.directory);
  if (parent === undefined) return;
  if (part.kind === 'directory' && parent.lstat(part.name)?.isDirectory()) destroyTree(parent, part.name, dev);
  else unlinkIfThere(parent, part.name);
}

function destroyTree(parent: AnchoredDir, name: ByteName, dev: number): void {
  const directory = parent.openChild(name);
  try {
    if (directory.dev !== dev) throw errnoError('EXDEV', `${displayName(name)} is another file system`);
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

/** Whether `removeEmptyTree` would remove all that is in a directory. Changes nothing. */
export function isEmptyTree(directory: AnchoredDir, exceptions: readonly ByteName[] = []): boolean {
  return directory.entries().every((entry) => {
    if (exceptions.includes(entry.name)) return true;
    if (entry.kind !== 'directory') return false;
    const child = directory.openChild(entry.name);
    try {
      return isEmptyTree(child);
    } finally {
      child.close();
    }
  });
}
