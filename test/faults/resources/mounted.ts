/** Foreign file systems and bind mounts, wherever they may lie in a Claude directory; nothing is entered, copied or torn. */

import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ResourceCase, Stage } from './case.ts';
import { PRUNE, PURGE, RESTORE, SWEEP } from './jobs.ts';
import { bindMount, mountExt4, mountTmpfs, setUp, unmount } from './mounts.ts';
import type { TroubledPlace } from './place.ts';

/** Something of somebody else's, in a mount; it must be there afterwards. */
function putForeign(place: TroubledPlace, at: string): () => void {
  const path = join(at, 'foreign.txt');
  writeFileSync(path, 'foreign');
  return () => place.expect(readdirSync(at).includes('foreign.txt'), `${path} is gone`);
}

/** A tmpfs over a directory, or the directory itself bound over itself: that one, device numbers do not show. */
const KINDS = [
  ['a tmpfs', (at: string) => mountTmpfs(at)],
  ['a bind mount', (at: string) => bindMount(at)],
] as const;

const projects: readonly ResourceCase[] = KINDS.flatMap(([kind, mount]) => [
  {
    name: `projects/ is ${kind}: refuses to start`,
    isShort: kind === 'a tmpfs',
    run: async (stage: Stage) => {
      const place = stage.place();
      mount(place.at('projects'));
      for (const args of [SWEEP.args(place), ['--listen', 'off']]) {
        const exit = await place.sweeper(args);
        place.expectCode(exit, [73], args.join(' '));
        place.expect(/mount of its own/.test(exit.stdout + exit.stderr), `${args.join(' ')} does not say why`);
      }
      unmount(place.at('projects'));
      place.expectSessions(PRUNE, 'none');
      await place.through({ codes: [0], done: 'all' });
    },
  },
  {
    name: `a project is ${kind}`,
    run: async (stage: Stage) => {
      const place = stage.place();
      const at = place.projectOf(place.plain);
      mount(at);
      const pass = () => unmount(at);
      await place.through({ codes: [74], says: /EXDEV/, done: 'any', except: [place.plain.id], pass, isHiding: true });
    },
  },
  {
    name: `${kind} in a session's directory`,
    isShort: kind === 'a bind mount',
    run: async (stage: Stage) => {
      const place = stage.place();
      const at = join(place.companionsOf(place.rich), 'tool-results');
      mount(at);
      const kept = { 'other-filesystem': 1 };
      const pass = () => unmount(at);
      await place.through({ codes: [0], kept, done: 'all', except: [place.rich.id], pass, isHiding: true });
    },
  },
  {
    name: `uploads/ is ${kind}: only who has something in it stays`,
    isShort: kind === 'a tmpfs',
    run: async (stage: Stage) => {
      const place = stage.place();
      const at = place.at('uploads');
      mkdirSync(at);
      mount(at);
      mkdirSync(join(at, place.rich.id));
      const pass = () => unmount(at);
      await place.through({ codes: [74], says: /EXDEV/, done: 'all', except: [place.rich.id], pass });
    },
  },
  {
    name: `session-sweeper/ is ${kind}: nothing is copied into it`,
    isShort: kind === 'a tmpfs',
    run: async (stage: Stage) => {
      const place = stage.place();
      mkdirSync(place.at('session-sweeper'), { mode: 0o700 });
      mount(place.at('session-sweeper'));
      await place.through({
        codes: [74],
        says: /EXDEV/,
        done: 'none',
        pass: () => unmount(place.at('session-sweeper')),
      });
    },
  },
  {
    name: `session-sweeper/trash is ${kind}: nothing is copied into it`,
    run: async (stage: Stage) => {
      const place = stage.place();
      await place.warmUp();
      const trash = place.at('session-sweeper/trash');
      mkdirSync(trash, { recursive: true, mode: 0o700 });
      mount(trash);
      await place.through({ codes: [74], says: /EXDEV/, done: 'none', pass: () => unmount(trash) });
    },
  },
  {
    name: `${kind} in the trash, during a purge`,
    run: async (stage: Stage) => {
      const place = stage.place();
      await place.fillTrash();
      const at = join(place.trashed(`projects/${place.rich.project}/${place.rich.id}`), 'tool-results');
      mount(at);
      const isThere = putForeign(place, at);
      const exit = await place.sweeper(PURGE.args(place));
      isThere();
      place.expectCode(exit, [74], 'the purge');
      place.expect(/EBUSY|EXDEV/.test(exit.stdout), 'the purge does not say why');
      unmount(at);
      await place.through({ job: PURGE, codes: [0], done: 'all' });
    },
  },
  {
    name: `${kind} in the trash, during a restore`,
    run: async (stage: Stage) => {
      const place = stage.place();
      await place.fillTrash();
      const at = place.trashed(`projects/${place.rich.project}/${place.rich.id}`);
      mount(at);
      const pass = () => unmount(at);
      const codes = [65, 74];
      await place.through({ job: RESTORE, codes, done: 'any', mayBeTorn: true, pass, isHiding: true });
    },
  },
]);

const files: readonly ResourceCase[] = [
  {
    name: 'a transcript is a mount point',
    run: async (stage) => {
      const place = stage.place();
      const at = place.transcriptOf(place.rich);
      bindMount(at);
      const kept = { 'other-filesystem': 1 };
      await place.through({ codes: [0], kept, done: 'all', except: [place.rich.id], pass: () => unmount(at) });
    },
  },
  {
    name: 'a file in the trash is a mount point, during a purge',
    run: async (stage) => {
      const place = stage.place();
      await place.fillTrash();
      const at = place.trashed(`projects/${place.plain.project}/${place.plain.id}.jsonl`);
      bindMount(at);
      const pass = () => unmount(at);
      await place.through({ job: PURGE, codes: [74], says: /EBUSY/, done: 'all', except: [place.plain.id], pass });
    },
  },
  {
    name: 'a mount point with a name full of octal escapes in a project',
    run: async (stage) => {
      const place = stage.place();
      const at = join(place.companionsOf(place.rich), 'a b\tc\n\\040');
      mkdirSync(at);
      mountTmpfs(at);
      const kept = { 'other-filesystem': 1 };
      const pass = () => unmount(at);
      await place.through({ codes: [0], kept, done: 'all', except: [place.rich.id], pass });
    },
  },
];

/** Directories of a lower layer cannot be renamed: EXDEV, in the middle of a session. */
const overlays: readonly ResourceCase[] = [
  ['redirect_dir=off', [74], 'any'] as const,
  ['redirect_dir=on', [0], 'all'] as const,
].map(([option, codes, done]) => ({
  name: `the Claude directory is an overlay with ${option}`,
  isShort: option === 'redirect_dir=off',
  run: async (stage) => {
    const place = stage.place();
    const lower = join(stage.directory, 'lower');
    renameSync(place.claudeDir, lower);
    for (const name of ['claude', 'upper', 'work']) mkdirSync(join(stage.directory, name));
    const layers = ['upper', 'work'].map((name) => `${name}dir=${join(stage.directory, name)}`);
    setUp(
      'mount',
      '-t',
      'overlay',
      '-o',
      `lowerdir=${lower},${layers.join(',')},${option}`,
      'overlay',
      place.claudeDir,
    );
    const pass = () => {
      const merged = join(stage.directory, 'merged');
      setUp('cp', '-a', place.claudeDir, merged);
      unmount(place.claudeDir);
      setUp('rmdir', place.claudeDir);
      renameSync(merged, place.claudeDir);
    };
    await place.through({ codes, ...(done === 'any' ? { says: /EXDEV/ } : {}), done, pass });
  },
}));

const others: readonly ResourceCase[] = [
  {
    name: 'the Claude directory is a mount of ext4',
    run: async (stage) => {
      const image = join(stage.directory, 'claude.img');
      const place = stage.place({ mountClaude: (at) => mountExt4(at, image) });
      await place.through({ codes: [0], done: 'all' });
      await place.through({ job: RESTORE, codes: [0], done: 'all' });
      await place.through({ codes: [0], done: 'all' });
      await place.through({ job: PURGE, codes: [0], done: 'all' });
    },
  },
  {
    name: 'the state directory is on another file system',
    run: async (stage) => {
      const place = stage.place({ mountState: (at) => mountTmpfs(at) });
      await place.through({ codes: [0], done: 'all' });
      await place.mustWork(SWEEP.args(place));
      place.expectRows('all');
    },
  },
];

export const MOUNTED_CASES: readonly ResourceCase[] = [...projects, ...files, ...overlays, ...others];
