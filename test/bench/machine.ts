/** What the bench ran on, and whether there is room for its trees. */

import { readFileSync, statfsSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

/** A file has a block and an inode of its own, and every second one a directory. */
const BYTES_A_FILE = 8_192;
const INODES_A_FILE = 2;
/** Beside the big trees there are spares, copies and smaller trees. */
const OTHERS_FACTOR = 1.6;
const DATABASE_BYTES = 1e9;
const GB = 1e9;

export function describeMachine(place: string): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  const memory = `${(totalmem() / GB).toFixed(0)} GB memory`;
  const load = `load ${loadavg()
    .map((value) => value.toFixed(1))
    .join(' ')}`;
  const kernel = `Linux ${release()}`;
  return `${model}, ${processors.length} cores, ${memory}, ${kernel}, ${fileSystemOf(place)}, Node ${process.version}, ${load}`;
}

export interface Space {
  readonly text: string;
  readonly isEnough: boolean;
}

/** Whether there is room for trees with so many files in all. */
export function spaceFor(treeFiles: number, place: string): Space {
  const { freeBytes, freeInodes } = freeIn(place);
  const files = treeFiles * OTHERS_FACTOR;
  const neededBytes = files * BYTES_A_FILE + DATABASE_BYTES;
  return {
    text: `${(freeBytes / GB).toFixed(1)} GB and ${freeInodes.toLocaleString('en')} inodes are free in ${place}; up to ${(neededBytes / GB).toFixed(1)} GB are needed`,
    isEnough: freeBytes >= neededBytes && freeInodes >= files * INODES_A_FILE,
  };
}

function freeIn(place: string) {
  const { bavail, bsize, ffree, files } = statfsSync(place);
  // Some file systems make inodes as they go, and say that they have none.
  return { freeBytes: bavail * bsize, freeInodes: files === 0 ? Number.POSITIVE_INFINITY : ffree };
}

/** Of the mounts above a place, the nearest one's. */
function fileSystemOf(place: string): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point]) => point !== undefined && (point === '/' || `${place}/`.startsWith(`${point}/`)));
  const nearest = mounts.toSorted(([, left = ''], [, right = '']) => left.length - right.length).at(-1);
  return nearest?.[2] ?? 'unknown file system';
}
