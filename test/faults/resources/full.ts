/** Disks that are full, or become so in the middle of a run. */

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sessionIdOf } from '../../support/tree.ts';
import { eachOf, type ResourceCase, type Stage } from './case.ts';
import { type Job, PRUNE, PURGE, RESTORE, SWEEP } from './jobs.ts';
import { fill, fillInodes, mountExt4, mountTmpfs } from './mounts.ts';
import type { TroubledPlace } from './place.ts';

const ANY_NO_SPACE = /ENOSPC|SQLITE_FULL|SQLITE_IOERR/;
const IO = [74, 77];

const mountSmall = (at: string) => mountTmpfs(at, 'size=2m,nr_inodes=800');
const claudeOnTmpfs = (stage: Stage, sessions?: number) => stage.place({ sessions, mountClaude: mountSmall });
const stateOnTmpfs = (stage: Stage) => stage.place({ mountState: mountSmall });
const claudeOnExt4 = (stage: Stage, sessions?: number) =>
  stage.place({ sessions, mountClaude: (at) => mountExt4(at, join(stage.directory, 'claude.img')) });

const first: readonly ResourceCase[] = [
  {
    name: 'the first prune of all, on a full tmpfs',
    isShort: true,
    run: async (stage) => {
      const place = claudeOnTmpfs(stage);
      const pass = fillInodes(place.claudeDir);
      await place.through({ codes: IO, says: /ENOSPC/, done: 'none', pass });
    },
  },
  {
    name: 'a dry run on a full tmpfs',
    run: async (stage) => {
      const place = claudeOnTmpfs(stage);
      fillInodes(place.claudeDir);
      // The same plan as the run: nothing could be written down.
      await place.expectDryRun([77]);
    },
  },
];

/** A prune needs a page or two for its manifest, and an inode for each directory that the trash mirrors: the reserve has them. */
const pruneByPages = eachOf([0, 1, 2, 3, 4, 6], [0], (pages) => ({
  name: `prune with ${pages} pages left on a tmpfs`,
  run: async (stage: Stage) => {
    const place = claudeOnTmpfs(stage);
    await place.warmUp();
    const pass = fill(place.claudeDir, pages);
    await place.through({ codes: [0], done: 'all', pass });
  },
}));

const pruneByInodes = eachOf([0, 1, 2, 3, 4, 5, 6, 8, 10], [5], (inodes) => ({
  name: `prune with ${inodes} inodes left on a tmpfs`,
  run: async (stage: Stage) => {
    const place = claudeOnTmpfs(stage);
    await place.warmUp();
    const pass = fillInodes(place.claudeDir, inodes);
    // The reserve has the inodes of some projects, and not of any number of them.
    await place.through({ codes: [0, 77], done: 'any', pass });
  },
}));

const pruneOnExt4 = eachOf([0, 1, 2, 4, 8], [], (pages) => ({
  name: `prune with ${pages} blocks left on ext4`,
  run: async (stage: Stage) => {
    const place = claudeOnExt4(stage);
    await place.warmUp();
    const pass = fill(place.claudeDir, pages);
    await place.through({ codes: [0, ...IO], done: 'any', pass });
  },
}));

/** The way out of a full disk. */
const purges: readonly ResourceCase[] = [
  ['a tmpfs', claudeOnTmpfs, true] as const,
  ['ext4', claudeOnExt4, false] as const,
].map(([name, makePlace, isShort]) => ({
  name: `purge frees space on ${name} that is full to the last byte`,
  isShort,
  run: async (stage) => {
    // More than fits into what the last page of the manifest has left.
    const place = makePlace(stage, 80);
    await place.fillTrash();
    fill(place.claudeDir);
    await place.through({ job: PURGE, codes: [0], done: 'all' });
  },
}));

const restores: readonly ResourceCase[] = eachOf([0, 1], [], (pages) => ({
  name: `restore with ${pages} pages left on a tmpfs`,
  run: async (stage: Stage) => {
    const place = claudeOnTmpfs(stage);
    await place.fillTrash();
    const pass = fill(place.claudeDir, pages);
    await place.through({ job: RESTORE, codes: [0, ...IO], done: 'any', pass });
  },
}));

const stateByPages = (name: string, job: Job, short: readonly number[]) =>
  eachOf([0, 1, 2, 4, 8, 12, 16, 24], short, (pages) => ({
    name: `${name} with ${pages} pages left for the state directory`,
    run: async (stage: Stage) => {
      const place = stateOnTmpfs(stage);
      await place.warmUp();
      const pass = fill(place.stateDir, pages);
      await place.through({ job, codes: [0], done: 'all', pass });
    },
  }));

const states: readonly ResourceCase[] = [
  {
    name: 'the very first run, with no room for a database',
    run: async (stage) => {
      const place = stateOnTmpfs(stage);
      const saved = readFileSync(join(place.stateDir, 'sessions.db'));
      for (const file of readdirSync(place.stateDir)) rmSync(join(place.stateDir, file), { recursive: true });
      const pass = fill(place.stateDir);
      place.expectCode(await place.sweeper(PRUNE.args(place)), [69, ...IO], 'the run');
      place.expectSessions(PRUNE, 'none');
      place.faults.push(...readdirSync(place.stateDir).filter((file) => file !== 'filler'));
      pass();
      writeFileSync(join(place.stateDir, 'sessions.db'), saved);
      await place.mustWork(PRUNE.args(place));
      place.expectSessions(PRUNE, 'all');
      place.expectSoundState();
    },
  },
  {
    name: "the library's setSession on a full state directory",
    isShort: true,
    run: async (stage) => {
      const place = stateOnTmpfs(stage);
      const key = 'forgejo:a:acme/app:1';
      const set = ['map', 'set', key, sessionIdOf(77)];
      const pass = fill(place.stateDir);
      const exit = await place.sweeper(set);
      place.expectCode(exit, [69, ...IO], 'setting a session');
      place.expect(ANY_NO_SPACE.test(exit.stderr), `it does not say why: ${exit.stderr}`);
      pass();
      await expectRow(place, key, place.live.id);
      await place.mustWork(set);
      await expectRow(place, key, sessionIdOf(77));
      place.expectSoundState();
    },
  },
  {
    name: 'a pin on a full state directory',
    run: async (stage) => {
      const place = stateOnTmpfs(stage);
      const pass = fillInodes(place.stateDir);
      place.expectCode(await place.sweeper(['pin', place.plain.id]), IO, 'the pin');
      pass();
      await place.mustWork(['pin', place.plain.id]);
      await place.through({ codes: [0], kept: { pinned: 1 }, done: 'all', except: [place.plain.id] });
    },
  },
  {
    name: 'an old sessions.json on a full state directory',
    run: async (stage) => {
      const place = stateOnTmpfs(stage);
      const path = join(place.stateDir, 'sessions.json');
      const rows = Array.from({ length: 200 }, (_, row) => [`foreman:acme/old:${row}`, sessionIdOf(row)] as const);
      const text = JSON.stringify(Object.fromEntries(rows));
      writeFileSync(path, text);
      rmSync(join(place.stateDir, 'reserve'), { recursive: true });
      const pass = fill(place.stateDir, 10);
      const sweep = [...SWEEP.args(place), '--sessions-max-age', 'never'];
      place.expectCode(await place.sweeper(sweep), [69, ...IO], 'the import');
      place.expect(readFileSync(path, 'utf8') === text, 'sessions.json is not what it was');
      pass();
      place.expectRows('none');
      await place.mustWork(sweep);
      place.expect(!existsSync(path) && existsSync(`${path}.bak`), 'sessions.json has not been imported');
      place.expectSoundState();
    },
  },
];

async function expectRow(place: TroubledPlace, key: string, id: string): Promise<void> {
  const { stdout } = await place.sweeper(['map', 'get', key]);
  place.expect(stdout.includes(id), `the row of ${key} is ${stdout.trim()}, not ${id}`);
}

export const FULL_CASES: readonly ResourceCase[] = [
  ...first,
  ...pruneByPages,
  ...pruneByInodes,
  ...pruneOnExt4,
  ...purges,
  ...restores,
  ...stateByPages('prune', PRUNE, [0]),
  ...stateByPages('sweep', SWEEP, []),
  ...states,
];
