/** Few descriptors and little memory: a run is complete or safe, and the next one is complete. */

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eachOf, type ResourceCase, type Stage } from './case.ts';
import { type Job, PRUNE, PURGE, RESTORE, SWEEP } from './jobs.ts';
import { CannotSetUp } from './mounts.ts';

/** Where there are too few to load the program, Node ends it before the first line of it, with 1. */
const CODES = [0, 1, 69, 70, 73, 74];

function withDescriptors(name: string, job: Job, limits: readonly number[], short: readonly number[]): ResourceCase[] {
  return eachOf(limits, short, (limit) => ({
    name: `${name} with ${limit} file descriptors`,
    run: async (stage: Stage) => {
      const place = stage.place();
      if (job.from === 'trashed') await place.fillTrash();
      const launcher = ['prlimit', `--nofile=${limit}:${limit}`];
      // The program is loaded with so few that work may be done with those that it needs least of.
      const done = limit <= 24 ? 'none' : 'any';
      // With hardly any, not even Node itself starts.
      await place.through({ job, launcher, codes: CODES, mayDie: limit < 24, done, pass: () => undefined });
    },
  }));
}

/** Loading takes more than working does; so here the limit falls when the program has been loaded, or nearly. */
const dwindling = eachOf([200, 300, 350, 400, 450, 500, 600, 800, 1_200], [], (afterMs) => ({
  name: `prune with 24 file descriptors after ${afterMs} ms`,
  run: async (stage: Stage) => {
    const place = stage.place({ sessions: 1_500 });
    const limiter = `(sleep ${afterMs / 1_000}; prlimit --pid=$$ --nofile=24:) >/dev/null 2>&1 &`;
    const launcher = ['sh', '-c', `${limiter} exec "$@"`, 'sh'];
    await place.through({ launcher, codes: CODES, done: 'any', pass: () => undefined });
  },
}));

const descriptors: readonly ResourceCase[] = [
  ...withDescriptors('prune', PRUNE, [12, 16, 20, 24, 32, 64, 80, 96, 100, 104, 108, 112, 128], [24]),
  ...withDescriptors('purge', PURGE, [24, 64, 96, 104, 112], []),
  ...withDescriptors('restore', RESTORE, [20, 32, 64, 96, 104], []),
  ...withDescriptors('sweep', SWEEP, [24, 96, 104], []),
  ...dwindling,
];

/** Few of them expired, so that their number is what counts. */
const MANY = { sessions: 30_000, ageMaxDays: 32 };
const FEW = { sessions: 3_000, ageMaxDays: 32 };

function starved(
  name: string,
  size: typeof MANY,
  how: { readonly launcher?: readonly string[]; readonly environment?: Readonly<Record<string, string>> },
  isShort = false,
): ResourceCase {
  return {
    name: `prune of ${size.sessions} sessions with ${name}`,
    isShort,
    run: async (stage) => {
      const place = stage.place(size);
      await place.through({ ...how, codes: [0], mayDie: true, done: 'any', pass: () => undefined });
    },
  };
}

const heap = (mib: number) => ({ environment: { NODE_OPTIONS: `--max-old-space-size=${mib}` } });
const limited = (limit: string) => ({ launcher: ['prlimit', limit] });
const MIB = 2 ** 20;

const memory: readonly ResourceCase[] = [
  starved('a heap of 8 MiB', FEW, heap(8), true),
  ...[16, 32, 64].map((mib) => starved(`a heap of ${mib} MiB`, MANY, heap(mib))),
  ...[60, 100, 150, 250].map((mib) => starved(`${mib} MiB of data`, FEW, limited(`--data=${mib * MIB}`))),
  ...[600, 900, 1_400].map((mib) => starved(`${mib} MiB of addresses`, FEW, limited(`--as=${mib * MIB}`))),
  ...[32, 64, 96].map((mib) => ({
    name: `prune of ${FEW.sessions} sessions in a memory cgroup of ${mib} MiB`,
    run: async (stage: Stage) => {
      const group = makeMemoryGroup(`sweeper-${process.pid}-${mib}`, mib * MIB);
      try {
        const place = stage.place(FEW);
        const launcher = ['sh', '-c', `echo 0 > ${group}/cgroup.procs && exec "$@"`, 'sh'];
        await place.through({ launcher, codes: [0], mayDie: true, done: 'any', pass: () => undefined });
      } finally {
        rmdirSync(group);
      }
    },
  })),
];

/** @throws CannotSetUp where neither version of control groups gives us one */
function makeMemoryGroup(name: string, bytes: number): string {
  for (const [root, file] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const group = join(root, name);
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    try {
      writeFileSync(join(group, file), String(bytes), { flag: 'r+' });
      return group;
    } catch {
      rmdirSync(group);
    }
  }
  throw new CannotSetUp('no memory cgroup can be made');
}

export const LIMITS_CASES: readonly ResourceCase[] = [...descriptors, ...memory];
