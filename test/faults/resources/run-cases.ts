/** Runs the cases in a mount namespace of their own, and prints what came of them as one JSON document. */

import { mkdirSync } from 'node:fs';
import { freshDirectory } from '../../support/place.ts';
import { inParallel } from '../harness.ts';
import { BIG_CASES } from './big.ts';
import type { ResourceCase } from './case.ts';
import { runControl } from './control.ts';
import { FULL_CASES } from './full.ts';
import { IMMUTABLE_CASES } from './immutable.ts';
import { KINDS_CASES } from './kinds.ts';
import { LIMITS_CASES } from './limits.ts';
import { MOUNTED_CASES } from './mounted.ts';
import { CannotSetUp, mountTmpfs } from './mounts.ts';
import { OWNERS_CASES } from './owners.ts';
import { SPECIAL_IDS, TroubledPlace } from './place.ts';
import { READ_ONLY_CASES } from './read-only.ts';
import { makeStateTemplate } from './state.ts';
import { STREAMS_CASES } from './streams.ts';
import { VANISHED_CASES } from './vanished.ts';

const CASES: readonly ResourceCase[] = [
  ...FULL_CASES,
  ...READ_ONLY_CASES,
  ...MOUNTED_CASES,
  ...IMMUTABLE_CASES,
  ...OWNERS_CASES,
  ...VANISHED_CASES,
  ...KINDS_CASES,
  ...LIMITS_CASES,
  ...STREAMS_CASES,
  ...BIG_CASES,
];
const HANDS = 2;

export interface CasesResult {
  readonly cases: number;
  readonly failures: readonly string[];
  /** Case and reason. */
  readonly unavailable: readonly string[];
  /** What the control broke, by trouble. */
  readonly control: Readonly<Record<string, number>>;
}

const [work = '', form = '', seed = '0'] = process.argv.slice(2);
// Everything ends with the namespace, immutable files too; and a sync costs nothing.
mountTmpfs(work, 'size=3g,nr_inodes=2m');
const template = await makeStateTemplate(work, SPECIAL_IDS[0]);
const chosen = CASES.filter((one) => form === 'full' || one.isShort === true);
const failures: string[] = [];
const unavailable: string[] = [];
await inParallel(
  chosen.map((one, index) => ({ one, index })),
  HANDS,
  async ({ one, index }) => {
    await runCase(one, freshDirectory(work, `case-${index}`));
  },
);
const result: CasesResult = {
  cases: chosen.length - unavailable.length,
  failures,
  unavailable,
  control: Object.fromEntries(await runControl(work, template, Number(seed))),
};
process.stdout.write(JSON.stringify(result));

async function runCase(one: ResourceCase, directory: string): Promise<void> {
  let place: TroubledPlace | undefined;
  mkdirSync(directory, { recursive: true });
  try {
    await one.run({
      seed: Number(seed),
      directory,
      place: (options = {}) => {
        place = new TroubledPlace(directory, template, { ...options, seed: Number(seed) });
        return place;
      },
    });
  } catch (error) {
    if (error instanceof CannotSetUp) unavailable.push(`${one.name} (${error.message})`);
    else failures.push(`${one.name}: the case itself broke: ${error instanceof Error ? error.stack : String(error)}`);
  }
  failures.push(...(place?.faults ?? []).map((fault) => `${one.name}: ${fault}`));
}
