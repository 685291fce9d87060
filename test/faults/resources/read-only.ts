/** File systems that cannot be written: nothing changes, and a dry run works all the same. */

import { eachOf, type ResourceCase, type Stage } from './case.ts';
import { type Job, PRUNE, PURGE, RESTORE, SWEEP } from './jobs.ts';
import { makeReadOnly } from './mounts.ts';

const REFUSED = [69, 73, 74];

const jobs: readonly (readonly [string, Job])[] = [
  ['prune', PRUNE],
  ['purge', PURGE],
  ['restore', RESTORE],
  ['sweep', SWEEP],
];

const ofClaude = jobs.map(([name, job]) => ({
  name: `${name} with a read-only Claude directory`,
  isShort: name === 'prune',
  run: async (stage: Stage) => {
    const place = stage.place();
    await (job.from === 'trashed' ? place.fillTrash() : place.warmUp());
    const pass = makeReadOnly(place.claudeDir);
    await place.through({ job, codes: REFUSED, says: /EROFS|READONLY|read-only/, done: 'none', pass });
  },
}));

const ofState = jobs
  .filter(([name]) => name !== 'restore')
  .map(([name, job]) => ({
    name: `${name} with a read-only state directory`,
    isShort: name === 'prune',
    run: async (stage: Stage) => {
      const place = stage.place();
      if (job.from === 'trashed') await place.fillTrash();
      const pass = makeReadOnly(place.stateDir);
      await place.through({ job, codes: REFUSED, done: 'none', pass });
    },
  }));

const dryRuns = eachOf(['Claude', 'state'], ['Claude'], (which) => ({
  name: `a dry run with a read-only ${which} directory`,
  run: async (stage: Stage) => {
    const place = stage.place();
    makeReadOnly(which === 'Claude' ? place.claudeDir : place.stateDir);
    // SQLite cannot read a database in WAL mode where it cannot make its index file: refused, and nothing guessed.
    await place.expectDryRun(which === 'Claude' ? [0] : [0, 69]);
  },
}));

const others: readonly ResourceCase[] = [
  {
    name: 'the first run of all with a read-only Claude directory',
    run: async (stage) => {
      const place = stage.place();
      const pass = makeReadOnly(place.claudeDir);
      await place.through({ codes: REFUSED, done: 'none', pass });
    },
  },
  {
    name: 'everything is read-only',
    run: async (stage) => {
      const place = stage.place();
      const passes = [makeReadOnly(place.claudeDir), makeReadOnly(place.stateDir)];
      await place.expectDryRun([0, 69]);
      const pass = () => passes.forEach((end) => void end());
      await place.through({ codes: REFUSED, done: 'none', pass });
    },
  },
  {
    name: 'the trash alone is read-only',
    run: async (stage) => {
      const place = stage.place();
      await place.fillTrash();
      const pass = makeReadOnly(place.at('session-sweeper/trash'));
      await place.through({ job: PURGE, codes: [74], done: 'none', pass });
    },
  },
];

export const READ_ONLY_CASES: readonly ResourceCase[] = [...ofClaude, ...ofState, ...dryRuns, ...others];
