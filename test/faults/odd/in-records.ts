/** Odd things where Claude and its user write down what is running, pinned and set. */

import { chmodSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DAY_MS } from '../../support/tree.ts';
import { setUp } from '../resources/mounts.ts';
import type { Shape } from './shape.ts';

/** Of a process that has ended long ago; pids go up to four million. */
const DEAD_PID = 4_194_303;
const OLD_SECONDS = (Date.now() - 40 * DAY_MS) / 1_000;

const CONTENTS: Readonly<Record<string, (path: string) => void>> = {
  empty: (path) => writeFileSync(path, ''),
  'cut off': (path) => writeFileSync(path, '{"pid":4194303,"sessionId":"000'),
  'of 64 MB': (path) => writeFileSync(path, `{"pid":"${'x'.repeat(64 << 20)}`),
  'a list where an object belongs': (path) => writeFileSync(path, '[[],{},null]'),
  null: (path) => writeFileSync(path, 'null'),
  'of other types': (path) =>
    writeFileSync(path, '{"pid":{},"sessionId":7,"state":[],"jobs":"x","workers":3,"sessions":{"a":1}}'),
  'nested 100,000 deep': (path) => writeFileSync(path, '['.repeat(100_000)),
  'a directory': (path) => mkdirSync(join(path, 'x'), { recursive: true }),
  'a FIFO': (path) => setUp('mkfifo', path),
  'a symlink to itself': (path) => symlinkSync(path, path),
  'a symlink that leads nowhere': (path) => symlinkSync('nowhere', path),
};

const RECORDS: Readonly<Record<string, { readonly path: string; readonly short: readonly string[] }>> = {
  'a process record': { path: `sessions/${DEAD_PID}.json`, short: ['empty', 'of other types'] },
  "a job's state": { path: 'jobs/0ddd0ddd/state.json', short: ['cut off'] },
  'the roster of workers': { path: 'daemon/roster.json', short: [] },
};

const records: readonly Shape[] = Object.entries(RECORDS).flatMap(([record, { path, short }]) =>
  Object.entries(CONTENTS).map(
    ([kind, write]): Shape => ({
      name: `${record} that is ${kind}`,
      isShort: short.includes(kind),
      make: (place) => {
        const at = place.at(path);
        mkdirSync(dirname(at), { recursive: true });
        write(at);
        if (!kind.includes('symlink')) utimesSync(at, OLD_SECONDS, OLD_SECONDS);
        return { codes: [0, 74], otherCodes: [0, 74] };
      },
    }),
  ),
);

/** What is no regular file Claude itself deletes unread, and has no pins. */
const pins: readonly Shape[] = ['a symlink to itself', 'a FIFO', 'a directory', 'null', 'of 64 MB'].map((kind) => ({
  name: `the list of pinned jobs that is ${kind}`,
  make: (place) => {
    mkdirSync(place.at('jobs'), { recursive: true });
    CONTENTS[kind]?.(place.at('jobs/pins.json'));
    return { codes: [0, 74], otherCodes: [0, 74] };
  },
}));

const settings: readonly Shape[] = Object.entries({
  ...CONTENTS,
  'of a clean-up that makes no sense': (path: string) => writeFileSync(path, '{"cleanupPeriodDays":-1e400}'),
}).map(([kind, write]) => ({
  name: `settings.json that is ${kind}`,
  isShort: kind === 'cut off',
  make: (place) => {
    place.forget('settings.json');
    const own = place.at('settings.json');
    rmSync(own);
    write(own);
    return { stays: [own] };
  },
}));

const closed: readonly Shape[] = [
  {
    name: 'a place of process records that nobody may enter',
    make: (place) => {
      mkdirSync(place.at('sessions'), { recursive: true });
      chmodSync(place.at('sessions'), 0o000);
      return { codes: [0, 69, 74], otherCodes: [0, 69, 74] };
    },
  },
];

export const RECORD_SHAPES: readonly Shape[] = [...records, ...pins, ...settings, ...closed];
