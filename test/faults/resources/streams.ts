/** Output that goes nowhere: the work is done all the same, and the exit code tells of what could not be told. */

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { eachOf, type ResourceCase, type Stage } from './case.ts';
import { Daemon } from './daemon.ts';
import { PRUNE } from './jobs.ts';
import type { TroubledPlace } from './place.ts';

const shell = (redirection: string) => ['sh', '-c', `exec "$@" ${redirection}`, 'sh'];
/** The reader goes at once; what counts is the exit code of the program, not its. */
const IN_BROKEN_PIPE = ['bash', '-c', '"$@" > >(exec true); exit $?', 'sh'];

const STREAMS: Readonly<Record<string, { readonly launcher: readonly string[]; readonly codes: readonly number[] }>> = {
  // Node opens /dev/null for what is closed: that nobody listens cannot be seen.
  'stdout is closed': { launcher: shell('>&-'), codes: [0, 74] },
  'stderr is closed': { launcher: shell('2>&-'), codes: [0, 74] },
  'all three are closed': { launcher: shell('<&- >&- 2>&-'), codes: [0, 74] },
  'stdout is full': { launcher: shell('>/dev/full'), codes: [74] },
  'stderr is full': { launcher: shell('2>/dev/full'), codes: [0, 74] },
  'both are full': { launcher: shell('>/dev/full 2>&1'), codes: [74] },
  'stdout is a pipe that nobody reads': { launcher: IN_BROKEN_PIPE, codes: [0, 74] },
};

const runs = eachOf(Object.keys(STREAMS), ['stdout is full', 'stderr is full'], (name) => ({
  name: `prune, and ${name}`,
  run: async (stage: Stage) => {
    const place = stage.place();
    const { launcher = [], codes = [] } = STREAMS[name] ?? {};
    await place.through({ launcher, codes, done: 'all', pass: () => undefined });
  },
}));

const daemons: readonly ResourceCase[] = [
  ['its stderr is full', '2>/dev/full'],
  ['its stdout and stderr are closed', '>&- 2>&-'],
].map(([name = '', redirection = '']) => ({
  name: `the daemon works while ${name}`,
  run: async (stage) => {
    const place = stage.place();
    const daemon = new Daemon(place, ['--trash-keep', '300d', '--sessions-max-age', 'never'], shell(redirection));
    try {
      await untilPruned(place);
      await sleep(1_500);
    } finally {
      await daemon.stop();
    }
    place.expectSessions(PRUNE, 'all');
  },
}));

async function untilPruned(place: TroubledPlace): Promise<void> {
  const isThrough = () => place.expiring.every((session) => !existsSync(place.transcriptOf(session)));
  for (let attempt = 0; attempt < 100 && !isThrough(); attempt += 1) await sleep(100);
}

export const STREAMS_CASES: readonly ResourceCase[] = [...runs, ...daemons];
