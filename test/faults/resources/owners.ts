/** Other users' files, and a worker that is not root: what it may not read or move, it leaves and says so. */

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PROGRAM } from '../../support/process.ts';
import type { ResourceCase, Stage } from './case.ts';
import { PRUNE, type Trouble } from './jobs.ts';
import { setUp } from './mounts.ts';
import type { TroubledPlace } from './place.ts';

export const USER = '61234';
export const STRANGER = 61_235;
export const AS_USER = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups'];

/** A place that is a plain user's, and a worker that runs as him. */
function ofUser(stage: Stage): TroubledPlace {
  setUp(AS_USER[0] ?? '', ...AS_USER.slice(1), process.execPath, PROGRAM, '--version');
  const place = stage.place();
  giveToUser(place);
  return place;
}

export function giveToUser(place: TroubledPlace): void {
  setUp('chown', '-R', `${USER}:${USER}`, place.claudeDir, place.stateDir);
}

interface Forbidden extends Pick<Trouble, 'codes' | 'done' | 'says' | 'kept'> {
  path(place: TroubledPlace): string;
  readonly mode: number;
  readonly who?: 'rich' | 'plain';
}

const FORBIDDEN: Readonly<Record<string, Forbidden>> = {
  'an unreadable project': {
    path: (place) => place.projectOf(place.plain),
    mode: 0o000,
    codes: [74],
    says: /EACCES/,
    done: 'any',
    who: 'plain',
  },
  'a project without write permission': {
    path: (place) => place.projectOf(place.plain),
    mode: 0o500,
    codes: [74],
    says: /EACCES/,
    done: 'all',
    who: 'plain',
  },
  'an unreadable directory of a session': {
    path: (place) => join(place.companionsOf(place.rich), 'tool-results'),
    mode: 0o000,
    codes: [74],
    says: /EACCES/,
    kept: { unreadable: 1 },
    done: 'all',
    who: 'rich',
  },
  'an unreadable file-history': {
    path: (place) => place.at('file-history'),
    mode: 0o000,
    codes: [74],
    says: /EACCES/,
    done: 'none',
  },
  'an unreadable projects/': { path: (place) => place.at('projects'), mode: 0o000, codes: [73, 74], done: 'none' },
  'a Claude directory without write permission': {
    path: (place) => place.claudeDir,
    mode: 0o500,
    codes: [73, 74],
    says: /EACCES/,
    done: 'none',
  },
  'a state directory without write permission': {
    path: (place) => place.stateDir,
    mode: 0o500,
    codes: [69, 74],
    done: 'none',
  },
  'an unreadable sessions.db': {
    path: (place) => join(place.stateDir, 'sessions.db'),
    mode: 0o000,
    codes: [69, 74],
    done: 'none',
  },
};

const forbidden: readonly ResourceCase[] = Object.entries(FORBIDDEN).map(([name, { path, mode, who, ...trouble }]) => ({
  name: `a plain user and ${name}`,
  isShort: name === 'an unreadable project',
  run: async (stage: Stage) => {
    const place = ofUser(stage);
    const target = path(place);
    chmodSync(target, mode);
    const except = who === undefined ? [] : [place[who].id];
    await place.through({ ...trouble, launcher: AS_USER, except, pass: () => chmodSync(target, 0o700) });
  },
}));

const others: readonly ResourceCase[] = [
  {
    name: 'a plain user and his own Claude directory',
    isShort: true,
    run: async (stage) => {
      const place = ofUser(stage);
      await place.through({ launcher: AS_USER, codes: [0], done: 'all' });
    },
  },
  {
    name: 'a plain user and a Claude directory that is a mount point of root, with his group',
    isShort: true,
    run: async (stage) => {
      const place = ofUser(stage);
      chownSync(place.claudeDir, 0, Number(USER));
      chmodSync(place.claudeDir, 0o2775);
      await place.through({ launcher: AS_USER, codes: [0], done: 'all' });
    },
  },
  {
    name: 'a plain user and a place of companions that root has made for itself',
    isShort: true,
    run: async (stage) => {
      const place = ofUser(stage);
      const dir = place.at('uploads');
      mkdirSync(dir, { mode: 0o700 });
      await place.through({
        ...{ launcher: AS_USER, codes: [74], says: /chown -R 61234 /, done: 'all' },
        pass: () => chownSync(dir, Number(USER), Number(USER)),
      });
    },
  },
  {
    name: 'a dry run of a plain user, of what he may only read',
    run: async (stage) => {
      const place = ofUser(stage);
      setUp('chown', '-R', `${STRANGER}:${STRANGER}`, place.claudeDir);
      await place.expectDryRun([0], { launcher: AS_USER });
    },
  },
  ...[false, true].map((isRoot) => ({
    name: `a transcript of another user, with a worker that is ${isRoot ? 'root' : 'a plain user'}`,
    run: async (stage: Stage) => {
      const place = ofUser(stage);
      chownSync(place.transcriptOf(place.plain), STRANGER, STRANGER);
      const launcher = isRoot ? [] : AS_USER;
      const kept = { 'foreign-owner': 1 };
      const pass = () => giveToUser(place);
      await place.through({ launcher, codes: [0], kept, done: 'all', except: [place.plain.id], pass });
    },
  })),
  {
    name: 'root and a Claude directory that others may write',
    run: async (stage) => {
      const place = stage.place();
      chmodSync(place.at('projects'), 0o777);
      await place.through({
        codes: [73],
        says: /chmod go-w/,
        done: 'none',
        pass: () => chmodSync(place.at('projects'), 0o755),
      });
    },
  },
  {
    name: "root leaves nothing of its own in a plain user's Claude directory",
    run: async (stage) => {
      const place = ofUser(stage);
      await place.mustWork(PRUNE.args(place));
      const { stdout } = spawnSync('find', [place.claudeDir, '-not', '-user', USER], { encoding: 'utf8' });
      place.expect(stdout === '', `root has left ${stdout.trim().split('\n')[0]}`);
      setUp('chown', '-R', `${USER}:${USER}`, place.stateDir);
      place.expectCode(await place.sweeper(PRUNE.args(place), { launcher: AS_USER }), [0], "the user's own run");
      await place.through({ launcher: AS_USER, codes: [0], done: 'all' });
    },
  },
];

export const OWNERS_CASES: readonly ResourceCase[] = [...forbidden, ...others];
