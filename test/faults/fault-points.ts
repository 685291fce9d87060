/** Where a job can be hit: which calls it makes on our own files, how often, and how far it has come by then. */

import type { SeenCall } from './strace.ts';

/** Calls that Node or the loader make for themselves too: of these only the ones that name a path of ours may fail. */
const SHARED_CALLS = [
  'openat',
  'read',
  'write',
  'pread64',
  'close',
  'fcntl',
  'statx',
  'newfstatat',
  'fstat',
  'access',
  'readlink',
];
/** By paths as Node makes it, and by descriptors as the native part does. */
export const RENAMES: readonly string[] = ['rename', 'renameat2'];
const OWN_CALLS = [
  ...RENAMES,
  'link',
  'unlink',
  'mkdir',
  'rmdir',
  'getdents64',
  'pwrite64',
  'fsync',
  'fdatasync',
  'ftruncate',
];
export const FAULTY_CALLS: readonly string[] = [...OWN_CALLS, ...SHARED_CALLS];

/** A call that a job makes. */
export interface Target {
  readonly call: string;
  /** How often the thread makes it that makes it most. */
  readonly count: number;
  /** Sessions whose move had begun before the n-th call. */
  begunBefore(position: number): number;
  /** Whether the n-th call of each thread that comes to one is on something in the trash. */
  isInTrash(position: number): boolean;
}

export interface Recording {
  readonly targets: readonly Target[];
  /** The paths to confine a fault to, for a place other than the recorded one; undefined where that needs none. */
  pathsFor(call: string, place: string): readonly string[] | undefined;
}

/** @param place the one that the recorded run worked on */
export function recordingOf(seen: readonly SeenCall[], place: string): Recording {
  const ours = seen
    .map((one) => ({ ...one, paths: one.paths.filter((path) => isOurs(path, place)) }))
    .filter(({ call, paths }) => paths.length > 0 || !SHARED_CALLS.includes(call));
  const paths = [...new Set(ours.flatMap((one) => one.paths))];
  return {
    targets: FAULTY_CALLS.map((call) => targetOf(call, ours)).filter(({ count }) => count > 0),
    pathsFor: (call, other) => (SHARED_CALLS.includes(call) ? variantsOf(paths, place, other) : undefined),
  };
}

function isOurs(path: string, place: string): boolean {
  return path.startsWith(`${place}/`) || /^\/proc\/self\/(fd\/\d+(\/|$)|mountinfo$)/.test(path);
}

const SESSION_ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

const TRASH = '/session-sweeper/trash';

function targetOf(call: string, seen: readonly SeenCall[]): Target {
  const begun = new Set<string>();
  const begunBefore: number[] = [];
  const isInTrash: boolean[] = [];
  const counts = new Map<string, number>();
  for (const one of seen) {
    if (one.call === call) {
      const count = (counts.get(one.thread) ?? 0) + 1;
      counts.set(one.thread, count);
      begunBefore[count] ??= begun.size;
      isInTrash[count] = (isInTrash[count] ?? true) && one.paths.some((path) => path.includes(TRASH));
    }
    const id = RENAMES.includes(one.call) ? one.paths.join().match(SESSION_ID)?.[0] : undefined;
    if (id !== undefined) begun.add(id);
  }
  return {
    call,
    count: Math.max(0, ...counts.values()),
    begunBefore: (position) => begunBefore[position] ?? begun.size,
    isInTrash: (position) => isInTrash[position] ?? false,
  };
}

const RUN_STAMP = /\d{8}T\d{6}Z/;
/** A trash folder has its name from the second in which the run begins. */
const STAMPS = 8;
const HELD_PATH = /^\/proc\/self\/fd\/(\d+)(?=\/|$)/;
/** After a fault, descriptors get other numbers than in the recorded run. */
const DESCRIPTORS_MORE = 8;

function variantsOf(paths: readonly string[], from: string, to: string): string[] {
  const stamps = Array.from({ length: STAMPS }, (_, second) => {
    return new Date(Date.now() + second * 1_000).toISOString().replace(/[-:]|\.\d+/g, '');
  });
  const ofPlace = paths.map((path) => (path.startsWith(`${from}/`) ? to + path.slice(from.length) : path));
  const stamped = ofPlace.flatMap((path) => {
    return RUN_STAMP.test(path) ? [path, ...stamps.map((stamp) => path.replace(RUN_STAMP, stamp))] : [path];
  });
  const numbers = paths.map((path) => Number(HELD_PATH.exec(path)?.[1])).filter((number) => !Number.isNaN(number));
  const [first, last] = [Math.min(...numbers), Math.max(...numbers) + DESCRIPTORS_MORE];
  const held = stamped.flatMap((path) => {
    if (!HELD_PATH.test(path)) return [path];
    return Array.from({ length: last - first + 1 }, (_, step) => {
      return path.replace(HELD_PATH, `/proc/self/fd/${first + step}`);
    });
  });
  return [...new Set(held)];
}

export const ERRNOS = ['EIO', 'ENOSPC', 'EACCES', 'EROFS', 'EBUSY', 'ENOENT', 'EMFILE', 'EINTR'] as const;
