/** How much can still be made on a file system. */

import { statfsSync } from 'node:fs';

/** Undefined where the file system does not say. */
export interface Room {
  readonly bytes: number | undefined;
  readonly inodes: number | undefined;
  /** Names take no blocks there. */
  readonly isInMemory?: boolean;
}

/** @param path anything on the file system @throws the system's error */
export function roomAround(path: string): Room {
  // What is free beyond this may be set aside for the file system itself, also where it is root who asks.
  const { type, blocks, bavail, bsize, files, ffree } = statfsSync(path);
  return {
    bytes: blocks === 0 ? undefined : bavail * bsize,
    inodes: files === 0 ? undefined : ffree,
    isInMemory: type === TMPFS,
  };
}

/** TMPFS_MAGIC. Source: statfs(2). */
const TMPFS = 0x01021994;

export function isInMemory(path: string): boolean {
  return statfsSync(path).type === TMPFS;
}

/** Whether there is as much; what the file system does not say is there. */
export function hasRoom(room: Room, bytes: number, inodes: number): boolean {
  return (room.bytes ?? bytes) >= bytes && (room.inodes ?? inodes) >= inodes;
}
