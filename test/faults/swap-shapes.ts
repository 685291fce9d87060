/** What the attacker exchanges, shape by shape. */

import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type AttackedPlace, RUN_LOCK, TRASH } from './swap-place.ts';
import type { Attack, Exchange } from './swapper.ts';

export interface Shape {
  readonly name: string;
  attack(place: AttackedPlace): Attack;
}

/** Of many places, each is rarely the one that is swapped: no pause is needed. */
const NO_REST = 0;
/** Of a few, one in ten is. */
const SHORT_REST_US = 500;
/** Where everything hangs on one place, the worker would get nowhere without a rest now and then. */
const LONG_REST_US = 6_000;
const WEIGHT = 8;

export const SHAPES: readonly Shape[] = [
  {
    name: 'projects',
    attack: (place) => {
      const projects = entries(place, 'projects').filter((entry) => entry.isDirectory());
      const others = entries(place, '').filter((entry) => entry.isDirectory() && entry.name !== 'session-sweeper');
      const paths = [...projects.map(({ name }) => `projects/${name}`), ...others.map(({ name }) => name)];
      return { places: paths.map((path) => toLink(place, path)), restUsMax: SHORT_REST_US };
    },
  },
  {
    name: 'transcripts',
    attack: (place) => {
      const paths = ['projects', 'file-history', 'session-env', 'tasks', 'debug', 'todos'].flatMap((name) =>
        pathsBelow(place, name),
      );
      const parts = paths.filter((path) => !/^projects\/[^/]+$/.test(path));
      return { places: parts.map((path) => toLink(place, path)), restUsMax: NO_REST };
    },
  },
  {
    name: 'root',
    attack: (place) => ({
      places: [
        toLink(place, 'projects'),
        { kind: 'link', path: place.claudeDir, other: place.outside },
        { kind: 'directory', path: place.claudeDir, other: place.held },
        { kind: 'directory', path: join(place.claudeDir, 'projects'), other: place.decoy },
      ],
      restUsMax: LONG_REST_US,
    }),
  },
  {
    name: 'trash',
    attack: (place) => {
      const inRun = pathsBelow(place, `${TRASH}/${place.trashed}`).map((path) =>
        path.slice(`${TRASH}/${place.trashed}/`.length),
      );
      const above = [
        ...['session-sweeper', TRASH, RUN_LOCK].map((path) => toLink(place, path)),
        toLinkInRuns(place, ''),
      ];
      return {
        places: [
          // Everything hangs on these, and by their number alone they would hardly ever be the ones.
          ...Array.from({ length: WEIGHT }, () => above).flat(),
          ...inRun.map((path) => toLinkInRuns(place, `/${path}`)),
        ],
        restUsMax: SHORT_REST_US,
      };
    },
  },
];

/** Its counterpart outside has the same path. */
function toLink(place: AttackedPlace, path: string): Exchange {
  return { kind: 'link', path: join(place.claudeDir, path), other: join(place.outside, path) };
}

/** In every run of the trash, the one that is begun under attack included. */
function toLinkInRuns(place: AttackedPlace, path: string): Exchange {
  return {
    kind: 'link',
    path: `${join(place.claudeDir, TRASH)}/*${path}`,
    other: `${join(place.outside, TRASH, place.trashed)}${path}`,
  };
}

function entries(place: AttackedPlace, path: string): Dirent[] {
  return readdirSync(join(place.outside, path), { withFileTypes: true });
}

/** Directories first: more hangs on them. */
function pathsBelow(place: AttackedPlace, path: string): string[] {
  const below = entries(place, path);
  const [directories, files] = [true, false].map((isDirectory) =>
    below.filter((entry) => entry.isDirectory() === isDirectory).map((entry) => `${path}/${entry.name}`),
  ) as [string[], string[]];
  return [...directories, ...directories.flatMap((directory) => pathsBelow(place, directory)), ...files];
}
