/** Odd things where the sessions lie: in a project, in a session's own directory, in the places of companions, and those places themselves. */

import { chmodSync, chownSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS, sessionIdOf, writeAged } from '../../support/tree.ts';
import { makeDeep } from '../resources/big.ts';
import { ODD_MAKERS } from '../resources/kinds.ts';
import { bindMount, mountTmpfs, setUp } from '../resources/mounts.ts';
import { AS_USER, giveToUser, STRANGER } from '../resources/owners.ts';
import type { TroubledPlace } from '../resources/place.ts';
import type { Odd, Shape } from './shape.ts';

const OLD_MS = Date.now() - 60 * DAY_MS;
/** Of sessions that are there for their oddness alone. */
export const oddId = (number: number) => sessionIdOf(0xffd_000_000 + number);

const KINDS: Readonly<Record<string, (path: string) => void>> = {
  ...ODD_MAKERS,
  'a looping symlink': (path) => {
    symlinkSync(`${path}.2`, path);
    symlinkSync(path, `${path}.2`);
  },
  'a symlink out of the tree': (path) => symlinkSync('/etc', path),
};

function makeOld(kind: string, path: string): string {
  KINDS[kind]?.(path);
  setUp('touch', '-h', '-d', `@${Math.floor(OLD_MS / 1_000)}`, path);
  return path;
}

interface Spot {
  readonly name: string;
  readonly isShort: (kind: string) => boolean;
  path(place: TroubledPlace): string;
  /** Whether it is a part of the session with companions, which then stays. */
  readonly isRichs: boolean;
  /** Kinds that belong there. */
  readonly fitting?: readonly string[];
  /** Where a symlink may hide transcripts, what has none is no left-over. */
  readonly hidesOrphans?: boolean;
  readonly codes?: readonly number[];
}

const SPOTS: readonly Spot[] = [
  {
    name: 'as a transcript',
    isShort: (kind) => kind === 'a looping symlink',
    path: (place) => join(place.projectOf(place.plain), `${oddId(1)}.jsonl`),
    isRichs: false,
  },
  {
    name: "in a session's directory",
    isShort: (kind) => kind === 'a FIFO',
    path: (place) => join(place.companionsOf(place.rich), 'odd'),
    isRichs: true,
    fitting: ['a directory'],
  },
  {
    name: 'as checkpoints of a session',
    isShort: () => false,
    path: (place) => place.at(`file-history/${oddId(2)}`),
    isRichs: false,
    fitting: ['a directory'],
  },
  {
    name: 'as a debug log of a session',
    isShort: () => false,
    path: (place) => place.at(`debug/${oddId(3)}.txt`),
    isRichs: false,
  },
  {
    name: 'as a project',
    isShort: (kind) => kind === 'a symlink that leads nowhere',
    path: (place) => place.at('projects/-odd'),
    isRichs: false,
    fitting: ['a directory'],
    hidesOrphans: true,
  },
  {
    name: 'as a place of companions',
    isShort: (kind) => kind === 'a FIFO',
    path: (place) => place.at('uploads'),
    isRichs: false,
    fitting: ['a directory'],
    codes: [74],
  },
  {
    name: 'in the root of the Claude directory',
    isShort: () => false,
    path: (place) => place.at('odd'),
    isRichs: false,
  },
];

const irregular: readonly Shape[] = SPOTS.flatMap(
  ({ name, isShort, path, isRichs, fitting = [], hidesOrphans = false, codes }) =>
    Object.keys(KINDS).map((kind): Shape => {
      return {
        name: `${kind} ${name}`,
        isShort: isShort(kind),
        make: (place) => {
          const at = makeOld(kind, path(place));
          const isOdd = !fitting.includes(kind);
          const held = [
            ...(isRichs && isOdd ? [place.rich.id] : []),
            ...(hidesOrphans && kind.includes('symlink') ? orphansOf(place) : []),
          ];
          return {
            held,
            stays: isOdd ? [at] : [],
            ...(codes !== undefined && isOdd ? { codes, named: /uploads/ } : {}),
          };
        },
      };
    }),
);

const owners: readonly Shape[] = [
  {
    name: 'a transcript of another user',
    isShort: true,
    make: (place) => {
      chownSync(place.transcriptOf(place.plain), STRANGER, STRANGER);
      return { held: [place.plain.id], named: new RegExp(place.plain.id) };
    },
  },
  {
    name: 'a directory of a session that another user has made',
    make: (place) => {
      chownSync(join(place.companionsOf(place.rich), 'tool-results'), STRANGER, STRANGER);
      return { held: [place.rich.id], named: new RegExp(place.rich.id) };
    },
  },
  {
    name: 'a project of another user',
    make: (place) => {
      setUp('chown', '-R', String(STRANGER), place.projectOf(place.plain));
      return { held: [place.plain.id], named: new RegExp(place.plain.id) };
    },
  },
  ...(
    [
      ['a transcript', (place: TroubledPlace) => place.transcriptOf(place.plain), 'plain', 0o000],
      ['a project', (place: TroubledPlace) => place.projectOf(place.plain), 'plain', 0o000],
      ["a session's directory", (place: TroubledPlace) => place.companionsOf(place.rich), 'rich', 0o000],
      [
        'the checkpoints of a session',
        (place: TroubledPlace) => place.at(`file-history/${place.rich.id}`),
        'rich',
        0o000,
      ],
    ] as const
  ).map(
    ([what, path, who, mode]): Shape => ({
      name: `${what} that is closed to its owner`,
      isShort: what === "a session's directory",
      make: (place) => {
        giveToUser(place);
        const at = path(place);
        chmodSync(at, mode);
        return {
          launcher: AS_USER,
          codes: [74],
          held: [place[who].id],
          named: /EACCES/,
          end: () => chmodSync(at, 0o700),
        };
      },
    }),
  ),
  {
    name: 'a hard link from outside',
    isShort: true,
    make: (place) => {
      const outside = join(place.directory, 'backup.jsonl');
      linkSync(place.transcriptOf(place.plain), outside);
      return { held: [place.plain.id], stays: [outside], named: new RegExp(place.plain.id) };
    },
  },
];

const mounts: readonly Shape[] = (
  [
    ['a tmpfs', (at: string) => mountTmpfs(at)],
    ['a bind mount', (at: string) => bindMount(at)],
  ] as const
).flatMap(([kind, mount]): Shape[] => [
  {
    name: `${kind} in a session's directory`,
    isShort: kind === 'a bind mount',
    make: (place) => {
      const at = join(place.companionsOf(place.rich), 'extra');
      mkdirSync(at);
      mount(at);
      writeFileSync(join(at, 'foreign'), '');
      return { held: [place.rich.id], stays: [join(at, 'foreign')], named: new RegExp(place.rich.id) };
    },
  },
  {
    name: `${kind} as a place of companions`,
    isShort: kind === 'a bind mount',
    make: (place) => {
      const at = place.at('uploads');
      mkdirSync(at);
      mount(at);
      writeAged(join(at, `${place.rich.id}/foreign`), '', OLD_MS);
      return { held: [place.rich.id], stays: [join(at, place.rich.id, 'foreign')], named: /uploads/, codes: [74] };
    },
  },
  {
    name: `${kind} as a project`,
    make: (place) => {
      const at = place.at('projects/-mounted');
      mkdirSync(at);
      mount(at);
      writeAged(join(at, `${oddId(4)}.jsonl`), '', OLD_MS);
      return { held: orphansOf(place), stays: [join(at, `${oddId(4)}.jsonl`)], named: /-mounted/, codes: [74] };
    },
  },
]);

/** What has no transcript may have one where nobody can look. */
export function orphansOf(place: TroubledPlace): NonNullable<Odd['held']> {
  return place.sessions
    .filter(({ files }) => !files.some((file) => file.endsWith('.jsonl') && !file.includes('/subagents/')))
    .map(({ id }) => id);
}

const contents: readonly Shape[] = [
  ...(
    [
      ['empty', ''],
      ['cut off in a line', '{"type":"user","sessionId":"'],
      ['of zeros', '\0'.repeat(10_000)],
      ['with a line of 8 MB', `{"type":"user","text":"${'x'.repeat(8 << 20)}`],
      ['nested 50,000 deep', '['.repeat(50_000)],
      ['not UTF-8', '\u00ff\u00fe'],
    ] as const
  ).map(
    ([what, text]): Shape => ({
      name: `a transcript that is ${what}`,
      isShort: what === 'cut off in a line',
      make: (place) => {
        writeAged(join(place.projectOf(place.plain), `${oddId(5)}.jsonl`), text, OLD_MS);
        return {};
      },
    }),
  ),
  {
    name: 'a transcript of 4 TiB with nothing in it',
    isShort: true,
    make: (place) => {
      const path = join(place.projectOf(place.plain), `${oddId(6)}.jsonl`);
      setUp('truncate', '-s', '4T', path);
      setUp('touch', '-d', `@${Math.floor(OLD_MS / 1_000)}`, path);
      return { stays: [path], codes: [74], named: new RegExp(oddId(6)) };
    },
  },
  {
    name: "a session's directory 3,000 levels deep",
    isShort: true,
    make: (place) => {
      const path = join(place.companionsOf(place.rich), 'deep');
      mkdirSync(path);
      makeDeep(path);
      return { held: [place.rich.id], stays: [path], named: new RegExp(place.rich.id) };
    },
  },
  {
    name: 'a project that is gone while it is looked at, again and again',
    make: (place) => {
      const path = place.at('projects/-flickering');
      const timer = setInterval(() => {
        mkdirSync(path, { recursive: true });
        rmSync(path, { recursive: true, force: true });
      }, 1);
      return { end: () => clearInterval(timer), otherCodes: [0, 1] };
    },
  },
];

export const SESSION_SHAPES: readonly Shape[] = [...irregular, ...owners, ...mounts, ...contents];
