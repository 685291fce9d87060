/** Trees that are deeper or wider than any Claude makes: bounded memory and time, no silent stop. */

import { closeSync, constants, mkdirSync, openSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sessionIdOf } from '../../support/tree.ts';
import type { ResourceCase, Stage } from './case.ts';
import { PRUNE, PURGE, RESTORE } from './jobs.ts';
import type { TroubledPlace } from './place.ts';

const LEVELS = 3_000;
const ENTRIES = 100_000;
/** Whoever keeps the whole of it in memory dies of this. */
const BOUNDED = { environment: { NODE_OPTIONS: '--max-old-space-size=160' } };

/** Far beyond what a path can name. @returns how deep the tree is, read again */
export function makeDeep(path: string): void {
  walkDown(path, LEVELS, (at) => mkdirSync(`${at}/d`));
}

function depthOf(path: string): number {
  return walkDown(path, LEVELS + 1, () => undefined);
}

function walkDown(path: string, levels: number, visit: (at: string) => void): number {
  let fd = openSync(path, constants.O_DIRECTORY);
  for (let level = 0; level < levels; level += 1) {
    const at = `/proc/self/fd/${fd}`;
    visit(at);
    let child: number;
    try {
      child = openSync(`${at}/d`, constants.O_DIRECTORY);
    } catch {
      closeSync(fd);
      return level;
    }
    closeSync(fd);
    fd = child;
  }
  closeSync(fd);
  return levels;
}

const deep: readonly ResourceCase[] = [
  {
    name: `${LEVELS} levels in the directory of a session`,
    isShort: true,
    run: async (stage) => {
      const place = stage.place();
      makeDeep(place.companionsOf(place.rich));
      await place.through({ codes: [0], kept: { unrecognised: 1 }, done: 'all', except: [place.rich.id] });
      place.expect(depthOf(place.companionsOf(place.rich)) === LEVELS, 'the deep tree is not what it was');
    },
  },
  ...['projects', 'projects/-srv-deep', 'file-history'].map((where) => ({
    name: `${LEVELS} levels in ${where}`,
    run: async (stage: Stage) => {
      const place = stage.place();
      mkdirSync(place.at(where), { recursive: true });
      makeDeep(place.at(where));
      await place.through({ codes: [0], done: 'all' });
      place.expect(depthOf(place.at(where)) === LEVELS, 'the deep tree is not what it was');
    },
  })),
  ...[128, 1_024].map((limit) => ({
    name: `${LEVELS} levels in the trash, purged with ${limit} file descriptors`,
    run: async (stage: Stage) => {
      const place = stage.place();
      await place.fillTrash();
      makeDeep(place.trashed(`projects/${place.rich.project}/${place.rich.id}`));
      const launcher = ['prlimit', `--nofile=${limit}:${limit}`];
      place.expectCode(await place.sweeper(PURGE.args(place), { launcher }), [0, 74], 'the purge');
      await place.through({ job: PURGE, codes: [0], done: 'all' });
    },
  })),
];

function fillDirectory(path: string, nameOf: (number: number) => string): void {
  mkdirSync(path, { recursive: true });
  for (let number = 0; number < ENTRIES; number += 1) {
    const file = join(path, nameOf(number));
    writeFileSync(file, '');
    utimesSync(file, 1_700_000_000, 1_700_000_000);
  }
}

const WIDE: Readonly<Record<string, (place: TroubledPlace) => void>> = {
  'strangers in a project': (place) => fillDirectory(place.projectOf(place.plain), (number) => `${number}.txt`),
  'files in the directory of a session': (place) =>
    fillDirectory(join(place.companionsOf(place.rich), 'tool-results'), (number) => `file-${number}`),
  projects: (place) => {
    for (let number = 0; number < ENTRIES; number += 1) mkdirSync(place.at(`projects/-srv-wide-${number}`));
  },
};

const wide: readonly ResourceCase[] = [
  ...Object.entries(WIDE).map(([name, make]) => ({
    name: `${ENTRIES} ${name}`,
    run: async (stage: Stage) => {
      const place = stage.place();
      make(place);
      await place.through({ ...BOUNDED, codes: [0], done: 'all' });
      await place.through({ job: RESTORE, codes: [0], done: 'all' });
    },
  })),
  {
    name: `a dry run over ${ENTRIES} expired sessions in one project`,
    run: async (stage) => {
      const place = stage.place();
      fillDirectory(place.projectOf(place.plain), (number) => `${sessionIdOf(10_000 + number)}.jsonl`);
      const exit = await place.sweeper(['--run-now', '--dry-run', '--json', '--job', 'prune-transcripts'], BOUNDED);
      place.expectCode(exit, [0], 'the dry run');
      const told = Number(/"removed":\{"sessions":(\d+)/.exec(exit.stdout)?.[1]);
      place.expect(told === ENTRIES + place.expiring.length, `the dry run tells of ${told} sessions`);
      place.expectSessions(PRUNE, 'none');
    },
  },
];

export const BIG_CASES: readonly ResourceCase[] = [...deep, ...wide];
