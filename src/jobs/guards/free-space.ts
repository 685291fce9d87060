/** Keeps a prune from running out of space half-way, which is the worst place: no more is begun than there is room to write down. */

import type { Room } from '../../files/room.ts';
import { formatBytes } from '../../format/byte-size.ts';
import type { Held } from './guards.ts';

/** What a session may need for its lines in the manifest and the ledger, and a project for its directory in the trash. */
const BYTES_PER_SESSION = 1_024;
const BYTES_PER_PROJECT = 4_096;
/** For the folder in the trash, its manifest, and the directories of companions. */
const BYTES_MIN = 2 ** 16;
const INODES_MIN = 12;

/** Where the record stands in names, a session takes as many of them. */
const NAMES_PER_SESSION = 8;

/** The same where no byte can be written and names take no blocks. */
export function neededInNames(sessions: number, projects: number): { readonly bytes: number; readonly inodes: number } {
  return { bytes: 0, inodes: INODES_MIN + projects + sessions * NAMES_PER_SESSION };
}

/** What a run needs to take so many sessions from so many projects. */
export function neededRoom(sessions: number, projects: number): { readonly bytes: number; readonly inodes: number } {
  return {
    bytes: BYTES_MIN + sessions * BYTES_PER_SESSION + projects * BYTES_PER_PROJECT,
    inodes: INODES_MIN + projects,
  };
}

/**
 * @param projects of the sessions that would go, in the order in which they matter: the first go first
 * @param room with what a reserve would give
 */
export function freeSpace(place: string, projects: readonly (number | undefined)[], room: Room): Held | undefined {
  const inBytes = affordable(projects, room, neededRoom);
  const portion = room.isInMemory === true ? Math.max(inBytes, affordable(projects, room, neededInNames)) : inBytes;
  if (portion === projects.length) return undefined;
  const needed = neededRoom(projects.length, new Set(projects).size);
  const free = [
    ...(room.bytes === undefined ? [] : [formatBytes(room.bytes)]),
    ...(room.inodes === undefined || room.inodes >= needed.inodes ? [] : [`${room.inodes} inodes`]),
  ];
  const when =
    portion === 0
      ? 'nothing is removed; purge the trash or free some space first'
      : `only the ${portion} oldest go in this run; purge the trash or free some space for the others`;
  return {
    guard: 'free-space',
    message: `${free.join(' and ')} are free where ${place} is, and the record of ${projects.length} sessions may need ${formatBytes(needed.bytes)} and ${needed.inodes} inodes: ${when}`,
    portion,
  };
}

/** How many of the sessions there is room for, from the first on. */
function affordable(
  projects: readonly (number | undefined)[],
  { bytes, inodes }: Room,
  needed: typeof neededRoom,
): number {
  const seen = new Set<number | undefined>();
  for (const [index, project] of projects.entries()) {
    seen.add(project);
    const most = needed(index + 1, seen.size);
    if ((bytes ?? most.bytes) < most.bytes || (inodes ?? most.inodes) < most.inodes) return index;
  }
  return projects.length;
}
