/** How much can still be made on a file system. */

/** Undefined where the file system does not say. */
export interface Room {
  readonly bytes: number | undefined;
  readonly inodes: number | undefined;
}

/** Whether there is as much; what the file system does not say is there. */
export function hasRoom(room: Room, bytes: number, inodes: number): boolean {
  return (room.bytes ?? bytes) >= bytes && (room.inodes ?? inodes) >= inodes;
}
