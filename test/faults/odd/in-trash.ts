/** Odd things in the trash and in its place; what lies there beside them comes back, or goes when its time is over. */

import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS } from '../../support/tree.ts';
import { makeDeep } from '../resources/big.ts';
import { changeFlags, mountTmpfs, setUp } from '../resources/mounts.ts';
import type { TroubledPlace } from '../resources/place.ts';
import { oddId, orphansOf } from './in-sessions.ts';
import type { Shape } from './shape.ts';

const ODD_RUN = 'session-sweeper/trash/20200101T000000Z';
const LOST = `projects/-odd/${oddId(10)}.jsonl`;

/** A run of the trash with a session in it. @returns the path of the session's file */
function makeRun(place: TroubledPlace): string {
  const lost = place.at(`${ODD_RUN}/${LOST}`);
  mkdirSync(join(lost, '..'), { recursive: true });
  writeFileSync(lost, 'odd\n');
  return lost;
}

const atMs = Date.now() - 30 * DAY_MS;
const HEAD = `${JSON.stringify({ type: 'head', version: 1, startedAt: atMs })}\n`;

const MANIFESTS: Readonly<Record<string, (path: string) => void>> = {
  'is of a later format': (path) =>
    writeFileSync(path, '{"v":99,"format":99,"version":99,"kind":"index","sessions":{}}\n'),
  'is of another shape': (path) =>
    writeFileSync(path, '{"event":{"at":[]},"sessionId":{},"parts":"all","at":{}}\n[]\n7\nnull\n'),
  'has times and sizes that are none': (path) =>
    writeFileSync(
      path,
      `${HEAD}{"event":"intent","sessionId":"${oddId(10)}","at":8.64e18,"bytes":{},"files":-1,"parts":[["projects","-odd"]]}\n`,
    ),
  'is cut off': (path) => writeFileSync(path, `${HEAD}{"event":"inte`),
  'is of zeros': (path) => writeFileSync(path, Buffer.alloc(70_000)),
  'is of 600 MB without an end of line': (path) => {
    writeFileSync(path, '{"event":"');
    truncateSync(path, 600 << 20);
  },
  'is a FIFO': (path) => setUp('mkfifo', path),
  'is a directory': (path) => mkdirSync(path),
  'is a symlink to itself': (path) => symlinkSync(path, path),
  'names paths that lead out': (path) =>
    writeFileSync(
      path,
      `${HEAD}{"event":"intent","sessionId":"${oddId(10)}","at":${atMs},"parts":["../../../../outside.jsonl","/etc/passwd"]}\n`,
    ),
};

const manifests: readonly Shape[] = Object.entries(MANIFESTS).map(([what, write]) => ({
  name: `a run of the trash whose manifest ${what}`,
  isInTrash: true,
  isShort: ['is of a later format', 'is of another shape'].includes(what),
  make: (place) => {
    const lost = makeRun(place);
    write(place.at(`${ODD_RUN}/manifest.jsonl`));
    const heldLater = what === 'is cut off' ? [] : orphansOf(place);
    return { codes: [0, 74], otherCodes: [0, 74], stays: [lost], heldLater, named: /20200101T000000Z/ };
  },
}));

const folders: readonly Shape[] = [
  {
    name: 'a run of the trash that has no manifest, and files',
    isInTrash: true,
    make: (place) => ({ codes: [0, 74], otherCodes: [0, 74], stays: [makeRun(place)], named: /20200101T000000Z/ }),
  },
  {
    name: 'a run of the trash with an empty manifest, and files',
    isInTrash: true,
    make: (place) => {
      const lost = makeRun(place);
      writeFileSync(place.at(`${ODD_RUN}/manifest.jsonl`), '');
      return { codes: [0, 74], otherCodes: [0, 74], stays: [lost] };
    },
  },
  ...(
    [
      ['a file', (path: string) => writeFileSync(path, 'odd')],
      ['a symlink to another run', (path: string) => symlinkSync('.', path)],
      ['a FIFO', (path: string) => setUp('mkfifo', path)],
    ] as const
  ).map(
    ([kind, write]): Shape => ({
      name: `${kind} where a run of the trash would be`,
      isInTrash: true,
      isShort: kind === 'a symlink to another run',
      make: (place) => {
        write(place.at(ODD_RUN));
        return { codes: [0, 74], otherCodes: [0, 74], stays: [place.at(ODD_RUN)] };
      },
    }),
  ),
  {
    name: 'strange names in the trash',
    isInTrash: true,
    make: (place) => {
      const trash = Buffer.from(`${place.at('session-sweeper/trash')}/`);
      const names = [Buffer.from([0xff, 0xfe]), Buffer.alloc(255, 'n'), Buffer.from('two\nlines\u001b[2J')];
      const paths = names.map((name) => Buffer.concat([trash, name]));
      for (const path of paths) writeFileSync(path, 'odd');
      return { stays: paths };
    },
  },
  {
    name: 'a directory 3,000 levels deep in the trash',
    isInTrash: true,
    make: (place) => {
      const lost = makeRun(place);
      const deep = join(lost, '..', 'deep');
      mkdirSync(deep);
      makeDeep(deep);
      return { codes: [0, 74], otherCodes: [0, 74], stays: [lost] };
    },
  },
];

/** In a Claude directory of its own beside the ordinary one: nothing of that one waits for it. */
const BESIDE: Readonly<Record<string, (claudeDir: string) => void>> = {
  'whose trash is a file': (dir) => writeFileSync(join(dir, 'session-sweeper'), 'odd'),
  'whose trash is a symlink': (dir) => symlinkSync('/tmp', join(dir, 'session-sweeper')),
  'whose trash is a mount': (dir) => {
    const trash = join(dir, 'session-sweeper/trash');
    mkdirSync(trash, { recursive: true, mode: 0o700 });
    mountTmpfs(trash);
  },
  'whose trash is immutable': (dir) => {
    mkdirSync(join(dir, 'session-sweeper/trash'), { recursive: true, mode: 0o700 });
    changeFlags('+i', join(dir, 'session-sweeper/trash'));
  },
  'that is not there': (dir) => setUp('rm', '-r', dir),
  'that others may write': (dir) => setUp('chmod', '777', dir),
  'without projects': (dir) => setUp('rm', '-r', join(dir, 'projects')),
  'whose projects are a file': (dir) => {
    setUp('rm', '-r', join(dir, 'projects'));
    writeFileSync(join(dir, 'projects'), '');
  },
  'whose projects are a mount': (dir) => mountTmpfs(join(dir, 'projects')),
};

/** Where one of them leads elsewhere, nothing is done in the other either: its sessions may be at work through it. */
const REDIRECTED = ['whose projects are a file', 'whose projects are a mount'];

const beside: readonly Shape[] = Object.entries(BESIDE).map(([what, spoil]) => ({
  name: `a second Claude directory ${what}`,
  isShort: ['whose trash is a symlink', 'that is not there'].includes(what),
  make: (place) => {
    const second = join(place.directory, 'second');
    mkdirSync(join(second, 'projects/-odd'), { recursive: true });
    writeFileSync(join(second, `projects/-odd/${oddId(11)}.jsonl`), 'odd\n');
    setUp('touch', '-d', '@1760000000', join(second, `projects/-odd/${oddId(11)}.jsonl`));
    spoil(second);
    const codes = [0, 65, 73, 74];
    if (REDIRECTED.includes(what))
      return { flags: ['--claude-dir', second], codes: [73], only: 'refused', named: /second/ };
    return { flags: ['--claude-dir', second], codes, otherCodes: codes, named: /second/ };
  },
}));

export const TRASH_SHAPES: readonly Shape[] = [...manifests, ...folders, ...beside];
