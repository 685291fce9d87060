/** How long a host waits at most, with each kind of work that the worker does beside it on the same database. */

import { setTimeout as sleep } from 'node:timers/promises';
import { type Forked, forked, killed } from '../../support/process.ts';
import { programOf, spreadOf } from '../measure.ts';
import { type BenchOptions, type Measured, type Row, showSpread } from '../row.ts';
import type { Kind } from '../wait-kind.ts';
import { besideMapPrune, besideSweep } from './waits-of-map.ts';
import { besideStores } from './waits-of-stores.ts';

const ALONE_MS = { full: 5_000, short: 1_000 };
const INTERVAL_MS = 3;
const LONGEST_MAX_MS = 50;

export const waits: Row = { name: 'waits', trees: ['fewFiles'], run: runWaits };

async function runWaits(options: BenchOptions): Promise<readonly Measured[]> {
  const kinds = [await besideMapPrune(options), await besideSweep(options), ...(await besideStores(options))];
  const lines: Measured[] = [];
  for (const kind of kinds) lines.push(await measure(kind, options));
  return lines;
}

async function measure({ name, makeReady }: Kind, options: BenchOptions): Promise<Measured> {
  const [alone, beside]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < options.repeat; turn += 1) {
    const { host: program, place, work } = await makeReady();
    const host = forked(programOf(program), [place, String(INTERVAL_MS)]);
    try {
      await take(host);
      await sleep(ALONE_MS[options.isShort ? 'short' : 'full']);
      const aloneNow = await take(host);
      await work();
      const besideNow = await take(host);
      options.tell(`${name} ${showSpread(spreadOf(besideNow))}; alone ${showSpread(spreadOf(aloneNow))}`);
      alone.push(...aloneNow);
      beside.push(...besideNow);
    } finally {
      await killed(host);
    }
  }
  const [ours, without] = [spreadOf(beside), spreadOf(alone)];
  return {
    name: `waits, ${name}`,
    ours: `${showSpread(ours)} (${beside.length} writes)`,
    beside: `${showSpread(without)} (alone, ${alone.length} writes)`,
    ratio: ours.longest / without.longest,
    reach: `longest ≤ ${LONGEST_MAX_MS} ms`,
    isReached: ours.longest <= LONGEST_MAX_MS,
  };
}

/** Since it was asked the last time, milliseconds each. */
async function take(host: Forked): Promise<readonly number[]> {
  host.send('take');
  return (await host.message()) as readonly number[];
}
