/** How long the daemon's /metrics take while it prunes a big tree, and while it does nothing. */

import { setTimeout as sleep } from 'node:timers/promises';
import { addressOf, killed } from '../../support/process.ts';
import type { Scrape, Scrapes } from '../../support/programs/http-scrape.ts';
import { Scraper } from '../../support/scraper.ts';
import { startDaemon } from '../daemon.ts';
import { type LiveIds, nameLive } from '../live-ids.ts';
import { spreadOf } from '../measure.ts';
import { type BenchOptions, type Measured, type Row, showSpread, sizesOf } from '../row.ts';
import type { GrownTree } from '../tree.ts';
import { expectPruned } from './prune.ts';

const SCRAPE_INTERVAL_MS = 10;
/** From the daemon's start to its prune. */
const UNTIL_PRUNE_MS = { full: 15_000, short: 5_000 };
/** The first scrapes find code that has not been compiled yet. */
const WARM_UP_MS = 1_500;
const TAKE_INTERVAL_MS = 200;
const PRUNE_MAX_MS = 10 * 60_000;
const P99_MAX_MS = 10;

interface Scraped {
  readonly idle: readonly number[];
  readonly pruning: readonly number[];
}

export const metrics: Row = { name: 'metrics', trees: ['manyFiles'], run: runMetrics };

async function runMetrics(options: BenchOptions): Promise<readonly Measured[]> {
  const sizes = sizesOf(options);
  const tree = await options.trees.withFiles(sizes.manyFiles);
  const live = await nameLive(tree, sizes.liveIds, options.seed, options.directory);
  const [idle, pruning]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < options.repeat; turn += 1) {
    const scraped = await scrapeOneDaemon(tree, live, options);
    idle.push(...scraped.idle);
    pruning.push(...scraped.pruning);
    options.tell(`while pruning ${showSpread(spreadOf(scraped.pruning))}; idle ${showSpread(spreadOf(scraped.idle))}`);
  }
  const [ours, beside] = [spreadOf(pruning), spreadOf(idle)];
  return [
    {
      name: 'metrics',
      ours: `${showSpread(ours)} (${pruning.length} scrapes)`,
      beside: `${showSpread(beside)} (idle, ${idle.length} scrapes)`,
      ratio: ours.p99 / beside.p99,
      reach: `p99 ≤ ${P99_MAX_MS} ms`,
      isReached: ours.p99 <= P99_MAX_MS,
    },
  ];
}

/** First it is idle, then comes the time of its prune. */
async function scrapeOneDaemon(tree: GrownTree, live: LiveIds, options: BenchOptions): Promise<Scraped> {
  const stateDir = live.freshState();
  await tree.restore();
  const due = new Date(Date.now() + UNTIL_PRUNE_MS[options.isShort ? 'short' : 'full']);
  const daemon = startDaemon(tree, stateDir, due);
  const children = [daemon];
  try {
    const scraper = new Scraper(await addressOf(daemon), SCRAPE_INTERVAL_MS);
    children.push(scraper.process);
    await sleep(WARM_UP_MS);
    await taken(scraper);
    const scraped = await scrapeUntilPruned(scraper);
    daemon.kill('SIGTERM');
    await daemon.exit;
    expectPruned(tree, live.removable);
    return scraped;
  } finally {
    await Promise.all(children.map(killed));
  }
}

async function scrapeUntilPruned(scraper: Scraper): Promise<Scraped> {
  const deadline = performance.now() + PRUNE_MAX_MS;
  const scrapes: Scrape[] = [];
  for (;;) {
    await sleep(TAKE_INTERVAL_MS);
    scrapes.push(...(await taken(scraper)));
    const first = scrapes.findIndex(({ isPruning }) => isPruning);
    const last = scrapes.findLastIndex(({ isPruning }) => isPruning);
    if (first >= 0 && last < scrapes.length - SCRAPES_AFTER) {
      const ms = scrapes.map((scrape) => scrape.ms);
      // The scrapes at both ends may have waited for what the prune began or ended with.
      const [from, until] = [Math.max(0, first - 1), last + 2];
      return { idle: ms.slice(0, from), pruning: ms.slice(from, until) };
    }
    if (performance.now() > deadline) throw new Error('waited in vain for the end of the prune');
  }
}

/** So many without a prune: it is over. */
const SCRAPES_AFTER = 50;

async function taken(scraper: Scraper): Promise<readonly Scrape[]> {
  const { scrapes, failures }: Scrapes = await scraper.take();
  if (failures.length > 0) throw new Error(`${failures.length} scrapes failed: ${failures[0]}`);
  return scrapes;
}
