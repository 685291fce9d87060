/**
 * Runs the fault harnesses and prints one table. `npm run faults` runs all of them, `npm run faults -- kill race` some,
 * `--short` the form that CI runs, `--seed N` an earlier run again.
 */

import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { freshDirectory } from '../support/place.ts';
import { clock } from './clock.ts';
import { disk } from './disk.ts';
import { doubleStart } from './double-start.ts';
import { errno } from './errno.ts';
import { type Harness, type HarnessResult, makeWorkDirectory } from './harness.ts';
import { http } from './http.ts';
import { inputs } from './inputs.ts';
import { kill } from './kill.ts';
import { life } from './life.ts';
import { names } from './names.ts';
import { native } from './native.ts';
import { odd } from './odd.ts';
import { orders } from './orders.ts';
import { race, raceSources } from './race.ts';
import { resources } from './resources.ts';
import { swap } from './swap.ts';
import { writers } from './writers.ts';

const HARNESSES: readonly Harness[] = [
  kill,
  errno,
  race,
  raceSources,
  swap,
  writers,
  inputs,
  names,
  native,
  clock,
  doubleStart,
  resources,
  disk,
  orders,
  life,
  odd,
  http,
];

interface Row {
  readonly harness: string;
  readonly cases: string;
  readonly seed: string;
  readonly control: string;
  readonly verdict: string;
  readonly isGood: boolean;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean', default: false }, seed: { type: 'string' } },
});
const unknown = positionals.filter((name) => !HARNESSES.some((harness) => harness.name === name));
if (unknown.length > 0) {
  console.error(`no such harness: ${unknown.join(', ')}; there are ${HARNESSES.map(({ name }) => name).join(', ')}`);
  process.exit(64);
}
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const chosen = HARNESSES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const workDirectory = makeWorkDirectory();
const rows: Row[] = [];
try {
  for (const harness of chosen) rows.push(await runOne(harness));
} finally {
  rmSync(workDirectory, { recursive: true, force: true });
}
console.log(renderRows(rows));
const failed = rows.filter((row) => !row.isGood).length;
console.log(`${rows.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

async function runOne(harness: Harness): Promise<Row> {
  const missing = harness.missing?.();
  const base = { harness: harness.name, seed: String(seed) };
  if (missing !== undefined) {
    console.error(`SKIPPED: ${harness.name}: ${missing}`);
    return { ...base, cases: '0', control: '-', verdict: `SKIPPED: ${missing}`, isGood: values.short === false };
  }
  const startedAt = performance.now();
  const directory = freshDirectory(workDirectory, harness.name);
  const result = await harness.run({ isShort: values.short, seed, directory });
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  console.error(`${harness.name}: ${result.cases} cases in ${seconds} s, ${result.failures.length} failures`);
  for (const failure of result.failures.slice(0, 20)) console.error(`  ${failure}`);
  const isGood = result.failures.length === 0 && result.isControlCaught;
  return { ...base, cases: String(result.cases), control: controlOf(result), verdict: verdictOf(result), isGood };
}

function controlOf({ control, isControlCaught }: HarnessResult): string {
  return isControlCaught ? control : `NOT CAUGHT: ${control}`;
}

function verdictOf({ failures, figures }: HarnessResult): string {
  const verdict = failures.length === 0 ? 'holds' : `BROKEN: ${failures.length} failures`;
  return figures === undefined ? verdict : `${verdict}; ${figures}`;
}

function renderRows(all: readonly Row[]): string {
  const cells = all.map((row) => `| ${row.harness} | ${row.cases} | ${row.seed} | ${row.control} | ${row.verdict} |`);
  return ['| harness | cases | seed | control | verdict |', '|---|---|---|---|---|', ...cells].join('\n');
}
