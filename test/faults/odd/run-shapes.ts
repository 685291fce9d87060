/** Tries every shape in a place of its own, in a mount namespace, and prints what came of them as one JSON document. */

import { mkdirSync } from 'node:fs';
import { freshDirectory } from '../../support/place.ts';
import { inParallel } from '../harness.ts';
import { CannotSetUp, mountTmpfs } from '../resources/mounts.ts';
import { SPECIAL_IDS, TroubledPlace } from '../resources/place.ts';
import { makeStateTemplate } from '../resources/state.ts';
import { runControl } from './control.ts';
import { HEAVY_SHAPES, longestWait } from './heavy.ts';
import { MAP_SHAPES } from './in-map.ts';
import { RECORD_SHAPES } from './in-records.ts';
import { SESSION_SHAPES } from './in-sessions.ts';
import { STATE_SHAPES } from './in-state.ts';
import { TRASH_SHAPES } from './in-trash.ts';
import { runRounds } from './rounds.ts';
import type { Shape } from './shape.ts';

const SHAPES: readonly Shape[] = [
  ...SESSION_SHAPES,
  ...RECORD_SHAPES,
  ...TRASH_SHAPES,
  ...MAP_SHAPES,
  ...STATE_SHAPES,
  ...HEAVY_SHAPES,
];
const HANDS = 2;

export interface OddResult {
  readonly shapes: number;
  /** Runs of the program. */
  readonly jobs: number;
  readonly failures: readonly string[];
  /** Shape and reason. */
  readonly unavailable: readonly string[];
  /** How many faults were found in what the control left. */
  readonly control: number;
  readonly longestHoldMs: number | undefined;
}

const [work = '', form = '', seed = '0', only = ''] = process.argv.slice(2);
// Everything ends with the namespace; and a sync costs nothing.
mountTmpfs(work, 'size=4g,nr_inodes=2m');
const template = await makeStateTemplate(work, SPECIAL_IDS[0]);
const chosen = SHAPES.filter((one) => (form === 'full' || one.isShort === true) && one.name.includes(only));
const failures: string[] = [];
const unavailable: string[] = [];
let jobs = 0;
await inParallel(
  chosen.map((shape, index) => ({ shape, index })),
  HANDS,
  ({ shape, index }) => tryShape(shape, freshDirectory(work, `shape-${index}`)),
);
const result: OddResult = {
  shapes: chosen.length - unavailable.length,
  jobs,
  failures,
  unavailable,
  control: await runControl(work, template, Number(seed)),
  longestHoldMs: longestWait(),
};
process.stdout.write(JSON.stringify(result));

async function tryShape(shape: Shape, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const place = new TroubledPlace(directory, template, { seed: Number(seed) });
  try {
    const runs = await runRounds(shape, place);
    jobs += runs;
  } catch (error) {
    if (error instanceof CannotSetUp) unavailable.push(`${shape.name} (${error.message})`);
    else failures.push(`${shape.name}: the case itself broke: ${error instanceof Error ? error.stack : String(error)}`);
  }
  failures.push(...place.faults.map((fault) => `${shape.name}: ${fault}`));
}
