/** Directories whose file system is not mounted, or is taken away: never read as “everything is gone”. */

import { mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { DAY_MS } from '../../support/tree.ts';
import type { ResourceCase, Stage } from './case.ts';
import { Daemon } from './daemon.ts';
import { type Job, PRUNE, PURGE, SWEEP } from './jobs.ts';
import { bindMount, mountTmpfs, unmount } from './mounts.ts';
import type { TroubledPlace } from './place.ts';

const ONLY_THIS_HOST = ['--sessions-only-this-host', '--sessions-max-age', 'never', '--min-age', '1h'];
const SWEEP_DANGLING: Job = { ...SWEEP, args: (place) => [...SWEEP.args(place), ...ONLY_THIS_HOST] };

/** Takes a directory away, as an unmount does. @returns what brings it back */
function takeAway(path: string, leave: 'nothing' | 'a mount point' | 'an empty tree'): () => void {
  renameSync(path, `${path}-away`);
  if (leave !== 'nothing') mkdirSync(leave === 'an empty tree' ? join(path, 'projects') : path, { recursive: true });
  return () => {
    if (leave !== 'nothing') setAside(path);
    renameSync(`${path}-away`, path);
  };
}

function setAside(path: string): void {
  renameSync(path, `${path}-left-${process.hrtime.bigint()}`);
}

const roots: readonly ResourceCase[] = (['nothing', 'a mount point'] as const).flatMap((leave) =>
  (
    [
      ['prune', PRUNE],
      ['purge', PURGE],
      ['sweep of dangling rows', SWEEP_DANGLING],
    ] as const
  ).map(([name, job]) => ({
    name: `${name} where there is ${leave === 'nothing' ? 'no Claude directory' : 'only its mount point'}`,
    isShort: leave === 'a mount point' && job === PRUNE,
    run: async (stage: Stage) => {
      const place = stage.place();
      if (job.from === 'trashed') await place.fillTrash();
      const pass = takeAway(place.claudeDir, leave);
      const exit = await place.sweeper(job.args(place));
      place.expectCode(exit, [73], 'the run');
      place.expect(/is its file system mounted/.test(exit.stdout), `the run does not say why: ${exit.stdout}`);
      place.expectRows('none');
      pass();
      if (job === SWEEP_DANGLING) place.expectSessions(SWEEP, 'none');
      else await place.through({ job, codes: [0], done: 'all' });
    },
  })),
);

const others: readonly ResourceCase[] = [
  {
    name: 'an empty tree stands where the Claude directory was: no row is swept',
    isShort: true,
    run: async (stage) => {
      const place = stage.place();
      const pass = takeAway(place.claudeDir, 'an empty tree');
      addRowsOfAll(place);
      const exit = await place.sweeper(SWEEP_DANGLING.args(place));
      place.expectCode(exit, [77], 'the sweep');
      place.expect(/is a Claude directory missing/.test(exit.stdout), 'the sweep does not say why');
      place.expectRows('none');
      place.expectCode(await place.sweeper(PRUNE.args(place)), [0], 'the prune');
      pass();
      place.expectSessions(PRUNE, 'none');
      await place.mustWork(PRUNE.args(place));
      place.expectSessions(PRUNE, 'none');
    },
  },
  {
    name: 'one of two Claude directories is gone: the other is pruned, and no row is dangling',
    run: async (stage) => {
      const place = stage.place();
      const args = ['--claude-dir', join(stage.directory, 'no-such-directory')];
      for (const job of [SWEEP_DANGLING, PRUNE]) {
        const exit = await place.sweeper([...args, ...job.args(place)]);
        place.expectCode(exit, [74], 'the run');
        place.expect(/no-such-directory/.test(exit.stdout), `the run does not name it: ${exit.stdout}`);
        place.expectRows('none');
      }
      place.expectSessions(PRUNE, 'all');
      place.expectSoundState();
    },
  },
  {
    name: 'a host’s own database is gone with its file system',
    run: async (stage) => {
      const place = stage.place();
      const own = join(stage.directory, 'own');
      mkdirSync(own);
      renameSync(join(place.stateDir, 'sessions.db'), join(own, 'sessions.db'));
      const args = [...PRUNE.args(place), '--sessions-db', join(own, 'sessions.db')];
      const pass = takeAway(own, 'a mount point');
      place.expectCode(await place.sweeper(args), [69, 78], 'the run');
      place.expectSessions(PRUNE, 'none');
      pass();
      await place.mustWork(args);
      place.expectSessions(PRUNE, 'all');
    },
  },
  ...(['renamed away', 'unmounted'] as const).map((how) => ({
    name: `the Claude directory is ${how} under a living daemon`,
    isShort: how === 'unmounted',
    run: async (stage: Stage) => {
      const place = stage.place();
      const source = join(stage.directory, 'source');
      renameSync(place.claudeDir, source);
      mkdirSync(place.claudeDir);
      const back = () => (how === 'unmounted' ? bindMount(source, place.claudeDir) : comeBack(place, source));
      back();
      const daemon = new Daemon(place, [...ONLY_THIS_HOST, '--trash-keep', '300d']);
      try {
        await daemon.until('prune-transcripts', 'ok');
        if (how === 'unmounted') unmount(place.claudeDir, '--lazy');
        else renameSync(place.claudeDir, source);
        for (const job of ['sweep-sessions', 'prune-transcripts']) await daemon.until(job, 'failed');
        if (how === 'renamed away') mkdirSync(place.claudeDir);
        back();
        for (const job of ['sweep-sessions', 'prune-transcripts']) await daemon.until(job, 'ok');
      } finally {
        await daemon.stop();
      }
      place.expectSessions(PRUNE, 'all');
      place.expectRows('any');
    },
  })),
  {
    name: 'the Claude directory is unmounted in the middle of a prune',
    run: async (stage) => {
      const place = stage.place({ sessions: 3_000 });
      const source = join(stage.directory, 'source');
      renameSync(place.claudeDir, source);
      mkdirSync(place.claudeDir);
      bindMount(source, place.claudeDir);
      const unmounting = setTimeout(() => unmount(place.claudeDir, '--lazy'), 450);
      const exit = await place.sweeper(PRUNE.args(place));
      clearTimeout(unmounting);
      place.expectCode(exit, [0, 73, 74], 'the run');
      setAside(place.claudeDir);
      renameSync(source, place.claudeDir);
      place.expectSessions(PRUNE, 'any');
      await place.through({ codes: [0], done: 'all' });
    },
  },
  {
    name: 'the state directory is hidden under a living daemon',
    run: async (stage) => {
      const place = stage.place();
      const daemon = new Daemon(place, ['--sessions-max-age', 'never', '--trash-keep', '300d']);
      try {
        await daemon.until('prune-transcripts', 'ok');
        mountTmpfs(place.stateDir, 'ro,size=64k');
        await daemon.until('prune-transcripts', 'failed');
        unmount(place.stateDir);
        await daemon.until('prune-transcripts', 'ok');
      } finally {
        await daemon.stop();
      }
      place.expectSessions(PRUNE, 'all');
    },
  },
];

/** Each session is live, by a row that is old enough to dangle. */
function addRowsOfAll(place: TroubledPlace): void {
  const database = new Database(join(place.stateDir, 'sessions.db'));
  const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
  const usedAtMs = Date.now() - 3 * DAY_MS;
  for (const { id } of place.sessions) insert.run(`forgejo:a:acme/all:${id}`, id, usedAtMs, usedAtMs);
  database.close();
}

function comeBack(place: TroubledPlace, source: string): void {
  rmdirSync(place.claudeDir);
  renameSync(source, place.claudeDir);
}

export const VANISHED_CASES: readonly ResourceCase[] = [...roots, ...others];
