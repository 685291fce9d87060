/** Gives what root makes in a directory of another user to that user, who would be locked out of their own state by it otherwise. */

import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';

const ROOT = 0;
const OWNERS_ALONE = 0o600;

/** Makes an empty file, safe on disk, for the owner of its directory alone. @throws the system's error (`EEXIST`) where there is one */
export function makeGivenFile(path: string): void {
  const fd = openSync(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    OWNERS_ALONE,
  );
  try {
    giveTo(fd, ownerAbove(path));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** @param path a directory that was made just now; where something else has taken its place since, that stays whose it is */
export function giveMadeDirectory(path: string): void {
  const owner = ownerAbove(path);
  if (owner === undefined) return;
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    // Whoever owns the directory above could have put one there that holds what is not theirs to read.
    if (readdirSync(`/proc/self/fd/${fd}`).length === 0 && fstatSync(fd).uid === ROOT) giveTo(fd, owner);
  } finally {
    closeSync(fd);
  }
}

/** Undefined where there is nobody to give to, or this process cannot give. */
function ownerAbove(path: string): Stats | undefined {
  if (process.geteuid?.() !== ROOT) return undefined;
  const stats = statSync(dirname(path));
  return stats.uid === ROOT ? undefined : stats;
}

function giveTo(fd: number, owner: Stats | undefined): void {
  if (owner !== undefined) fchownSync(fd, owner.uid, owner.gid);
}
