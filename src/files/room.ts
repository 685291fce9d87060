/** How much can still be made on a file system. */

import { statfsSync } from 'node:fs';

/** Undefined where the file system does not say. */
export interface Room {
  readonly bytes: number | undefined;
  readonly inodes: number | undefined;
}

/** @param path anything on the file system @throws the system's error */
export function roomAround(path: string): Room {
  const { blocks, bavail, bfree, bsize, files, ffree } = statfsSync(path);
  // What is set aside for root is free to root.
  const free = process.geteuid?.() === 0 ? bfree : bavail;
  return { bytes: blocks === 0 ? undefined : free * bsize, inodes: files === 0 ? undefined : ffree };
}

/** Whether there is as much; what the file system does not say is there. */
export function hasRoom(room: Room, bytes: number, inodes: number): boolean {
  return (room.bytes ?? bytes) >= bytes && (room.inodes ?? inodes) >= inodes;
}
