/** Files and directories with the immutable or the append-only flag, on a file system that honours them. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ResourceCase, Stage } from './case.ts';
import { type Job, PRUNE, PURGE, RESTORE, SWEEP, type Trouble } from './jobs.ts';
import { changeFlags, mountExt4 } from './mounts.ts';
import type { TroubledPlace } from './place.ts';

interface Flagged extends Pick<Trouble, 'codes' | 'done' | 'says'> {
  readonly job?: Job;
  path(place: TroubledPlace): string;
  /** Who is held back by it. */
  readonly who?: 'rich' | 'plain';
}

const held: Pick<Flagged, 'codes' | 'done' | 'says'> = { codes: [74], done: 'all', says: /EPERM/ };
const stopped: Pick<Flagged, 'codes' | 'done'> = { codes: [69, 74], done: 'none' };
const trashedRich = (place: TroubledPlace) => place.trashed(`projects/${place.rich.project}/${place.rich.id}`);

/** By flag and place. */
const FLAGGED: Readonly<Record<string, Flagged>> = {
  '+i a transcript': { ...held, path: (place) => place.transcriptOf(place.rich), who: 'rich' },
  '+i the directory of a session': { ...held, path: (place) => place.companionsOf(place.rich), who: 'rich' },
  '+i a companion beside projects/': { ...held, path: (p) => p.at(`file-history/${p.rich.id}`), who: 'rich' },
  '+i the last companion': { ...held, path: (place) => place.at(`todos/${place.rich.id}.json`), who: 'rich' },
  '+i a project': { ...held, path: (place) => place.projectOf(place.plain), who: 'plain' },
  '+a a transcript': { ...held, path: (place) => place.transcriptOf(place.plain), who: 'plain' },
  '+a a project': { ...held, path: (place) => place.projectOf(place.plain), who: 'plain' },
  '+i the Claude directory': { ...stopped, path: (place) => place.claudeDir },
  '+i the trash': { ...stopped, path: (place) => place.at('session-sweeper/trash') },
  '+i the manifest, during a purge': { ...stopped, job: PURGE, path: (place) => place.trashed('manifest.jsonl') },
  '+i a project, during a restore': {
    codes: [65, 74],
    done: 'all',
    job: RESTORE,
    path: (place) => place.projectOf(place.plain),
    who: 'plain',
  },
};

const inClaude: readonly ResourceCase[] = Object.entries(FLAGGED).map(([name, flagged]) => ({
  name: `chattr ${name}`,
  isShort: name === '+i a companion beside projects/',
  run: async (stage: Stage) => {
    const { job = PRUNE, who, path, ...trouble } = flagged;
    const place = onExt4(stage);
    if (job.from === 'trashed') await place.fillTrash();
    else if (name === '+i the trash') mkdirSync(place.at('session-sweeper/trash'), { recursive: true, mode: 0o700 });
    const flag = name.slice(1, 2);
    const target = path(place);
    changeFlags(`+${flag}`, target);
    const except = who === undefined ? [] : [place[who].id];
    await place.through({ job, ...trouble, except, pass: () => changeFlags(`-${flag}`, target) });
  },
}));

const others: readonly ResourceCase[] = [
  {
    name: 'chattr +i a file deep in a session: it goes along, and comes back',
    run: async (stage) => {
      const place = onExt4(stage);
      const file = join(place.companionsOf(place.rich), 'tool-results/1.txt');
      changeFlags('+i', file);
      await place.through({ codes: [0], done: 'all' });
      await place.through({ job: RESTORE, codes: [0], done: 'all' });
      changeFlags('-i', file);
    },
  },
  {
    name: 'chattr +i a file deep in the trash, during a purge',
    run: async (stage) => {
      const place = onExt4(stage);
      await place.fillTrash();
      const file = join(trashedRich(place), 'tool-results/1.txt');
      changeFlags('+i', file);
      const exit = await place.sweeper(PURGE.args(place));
      place.expectCode(exit, [74], 'the purge');
      place.expect(/EPERM/.test(exit.stdout), 'the purge does not say why');
      changeFlags('-i', file);
      await place.through({ job: PURGE, codes: [0], done: 'all' });
    },
  },
  {
    name: 'chattr +a the manifest, during a purge',
    run: async (stage) => {
      const place = onExt4(stage);
      await place.fillTrash();
      const manifest = place.trashed('manifest.jsonl');
      changeFlags('+a', manifest);
      const pass = () => changeFlags('-a', manifest);
      await place.through({ job: PURGE, codes: [74], says: /EPERM/, done: 'all', pass });
    },
  },
  ...[PRUNE, SWEEP].map((job) => ({
    name: `chattr +i sessions.db, during a ${job === SWEEP ? 'sweep' : 'prune'}`,
    run: async (stage: Stage) => {
      const image = join(stage.directory, 'state.img');
      const place = stage.place({ mountState: (at) => mountExt4(at, image) });
      const path = join(place.stateDir, 'sessions.db');
      changeFlags('+i', path);
      await place.through({ job, codes: [0, 69, 74], done: 'any', pass: () => changeFlags('-i', path) });
    },
  })),
];

function onExt4(stage: Stage): TroubledPlace {
  return stage.place({ mountClaude: (at) => mountExt4(at, join(stage.directory, 'claude.img')) });
}

export const IMMUTABLE_CASES: readonly ResourceCase[] = [...inClaude, ...others];
