/** What the bench ran on, and whether there is room for its trees. */

import { readFileSync, statfsSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import type { SIZES } from './row.ts';

/** A file has a block and an inode of its own, and every second one a directory. */
const BYTES_A_FILE = 8_192;
const INODES_A_FILE = 2;
/** Beside the big trees there are spares, copies and smaller trees. */
const OTHERS_FACTOR = 1.6;
const DATABASE_BYTES = 1e9;
const GB = 1e9;

type Sizes = typeof SIZES.full;

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

export function describeSpace(place: string, sizes: Sizes): string {
  const { freeBytes, freeInodes } = freeIn(place);
  const { bytes } = neededFor(sizes);
  return `${(freeBytes / GB).toFixed(1)} GB and ${freeInodes.toLocaleString('en')} inodes are free in ${place}; up to ${(bytes / GB).toFixed(1)} GB are needed`;
}

export function spaceFault(place: string, sizes: Sizes): string | undefined {
  const { freeBytes, freeInodes } = freeIn(place);
  const { bytes, inodes } = neededFor(sizes);
  if (freeBytes >= bytes && freeInodes >= inodes) return undefined;
  return `there is too little room in ${place}: set BENCH_DIR to where there is more, or run it with --short`;
}

function neededFor({ files, manyFiles, fewFiles }: Sizes) {
  const all = (files + manyFiles + fewFiles) * OTHERS_FACTOR;
  return { bytes: all * BYTES_A_FILE + DATABASE_BYTES, inodes: all * INODES_A_FILE };
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
