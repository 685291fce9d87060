/**
 * Measures the worker and the library beside what they can be held against, in turn, and prints one table. `npm run bench` measures
 * everything, `npm run bench -- prune map` some rows, `--short` whether each row works, `--seed N` the same trees again,
 * `--repeat N` as often. The trees lie in $BENCH_DIR, or where temporary files do.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { errorMessage } from '../../src/errors.ts';
import { freshDirectory } from '../support/place.ts';
import { describeMachine, spaceFor } from './machine.ts';
import { type Measured, type Row, type Skipped, sizesOf, Trees } from './row.ts';
import { again } from './rows/again.ts';
import { daemonMemory } from './rows/daemon-memory.ts';
import { growth } from './rows/growth.ts';
import { map } from './rows/map.ts';
import { memory } from './rows/memory.ts';
import { metrics } from './rows/metrics.ts';
import { peers } from './rows/peers.ts';
import { dryRun, prune } from './rows/prune.ts';
import { purge } from './rows/purge.ts';
import { simulate } from './rows/simulate.ts';
import { start } from './rows/start.ts';
import { store } from './rows/store.ts';
import { waits } from './rows/waits.ts';
import { removeTree } from './tree.ts';

const ROWS: readonly Row[] = [
  ...[dryRun, prune, again, peers, memory, daemonMemory, metrics, waits, map, start, purge, store],
  ...[simulate, growth],
];
const REPEAT = { full: 5, short: 1 };
const USAGE_EXIT_CODE = 64;

interface Line {
  readonly cells: readonly string[];
  readonly isGood: boolean;
}

const { rows: chosen, isShort, seed, repeat } = parseCommandLine();
const base = process.env.BENCH_DIR ?? tmpdir();
const tell = (line: string) => console.error(line);
const treeSizes = new Set(chosen.flatMap((row) => row.trees ?? []));
const space = spaceFor(
  [...treeSizes].reduce((sum, size) => sum + sizesOf({ isShort })[size], 0),
  base,
);
tell(space.text);
if (!space.isEnough) {
  console.error('that is too little: set BENCH_DIR to where there is more, run fewer rows, or --short');
  process.exit(1);
}
const workDirectory = mkdtempSync(join(base, 'sweeper-bench-'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    rmSync(workDirectory, { recursive: true, force: true });
    process.exit(1);
  });
}
const trees = new Trees(freshDirectory(workDirectory, 'trees'), seed, tell);
const lines: Line[] = [];
try {
  // Nothing is deleted before the end: ext4 is slow to make files for minutes afterwards.
  for (const row of chosen) lines.push(...(await runOne(row)));
  console.log(render(lines));
  console.log(`${describeMachine(base)}; ${new Date().toISOString().slice(0, 10)}, seed ${seed}, repeat ${repeat}`);
} finally {
  tell(`removing ${workDirectory}`);
  await removeTree(workDirectory);
}
process.exit(lines.every(({ isGood }) => isGood) ? 0 : 1);

function parseCommandLine() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        short: { type: 'boolean', default: false },
        seed: { type: 'string' },
        repeat: { type: 'string' },
      },
    });
    const unknown = positionals.filter((name) => !ROWS.some((row) => row.name === name));
    if (unknown.length > 0) {
      throw new Error(`no such row: ${unknown.join(', ')}; there are ${ROWS.map(({ name }) => name).join(', ')}`);
    }
    return {
      rows: ROWS.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
      isShort: values.short,
      seed: wholeNumber('--seed', values.seed, 0) ?? Date.now() % 2 ** 31,
      repeat: wholeNumber('--repeat', values.repeat, 1) ?? REPEAT[values.short ? 'short' : 'full'],
    };
  } catch (error) {
    console.error(errorMessage(error));
    process.exit(USAGE_EXIT_CODE);
  }
}

function wholeNumber(flag: string, text: string | undefined, min: number): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text) || Number(text) < min) {
    throw new Error(`${flag}: ${JSON.stringify(text)} is no whole number from ${min} on`);
  }
  return Number(text);
}

async function runOne(row: Row): Promise<Line[]> {
  const startedAt = performance.now();
  const directory = freshDirectory(workDirectory, row.name);
  const tellOfRow = (line: string) => tell(`${row.name}: ${line}`);
  try {
    const measured = await row.run({ isShort, seed, repeat, directory, trees, tell: tellOfRow });
    return measured.map(toLine);
  } catch (error) {
    tellOfRow(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return [{ cells: [row.name, '-', '-', '-', '-', `FAILED: ${errorMessage(error).split('\n')[0]}`], isGood: false }];
  } finally {
    tellOfRow(`done in ${Math.round((performance.now() - startedAt) / 1_000)} s`);
  }
}

function toLine(measured: Measured | Skipped): Line {
  if ('skipped' in measured) {
    tell(`SKIPPED: ${measured.name}: ${measured.skipped}`);
    return { cells: [measured.name, '-', '-', '-', '-', `SKIPPED: ${measured.skipped}`], isGood: false };
  }
  const { name, ours, beside, ratio, reach, isReached } = measured;
  const verdict = isShort ? 'works' : isReached === undefined ? '-' : isReached ? 'reached' : 'NOT REACHED';
  return { cells: [name, ours, beside, ratio.toFixed(2), reach, verdict], isGood: isShort || isReached !== false };
}

function render(all: readonly Line[]): string {
  const cells = all.map((line) => `| ${line.cells.join(' | ')} |`);
  const head = ['| row | ours (median) | beside (median) | ratio | reach | verdict |', '|---|---|---|---|---|---|'];
  return [...head, ...cells].join('\n');
}
