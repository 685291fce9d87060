/** How much memory a daemon has resident while it is idle: before its first prune of a big tree, and after it. */

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { addressOf, killed, type Running } from '../../support/process.ts';
import { startDaemon } from '../daemon.ts';
import { type LiveIds, nameLive } from '../live-ids.ts';
import { MB, median } from '../measure.ts';
import { type BenchOptions, type Measured, type Row, sizesOf } from '../row.ts';
import type { GrownTree } from '../tree.ts';
import { expectPruned } from './prune.ts';

const RATIO_MAX = 1.1;
/** From the daemon's start to its prune. */
const UNTIL_PRUNE_MS = 8_000;
/** Whatever was loaded, or has ended, is settled by then. */
const SETTLE_MS = 4_000;
/** Seldom: each scrape makes garbage in the process that is measured. */
const LOOK_EVERY_MS = 1_000;
const PRUNE_MAX_MS = 5 * 60_000;
const FINISHED = /session_sweeper_runs_total\{job="prune-transcripts",outcome="(\w+)"\} 1/;

export const daemonMemory: Row = { name: 'daemon-memory', trees: ['manySessions'], run: runDaemonMemory };

interface Resident {
  readonly before: number;
  readonly after: number;
}

async function runDaemonMemory(options: BenchOptions): Promise<readonly Measured[]> {
  const sizes = sizesOf(options);
  const tree = await options.trees.withFiles(sizes.manySessions);
  const live = await nameLive(tree, sizes.liveIds, options.seed, options.directory);
  const all: Resident[] = [];
  for (let turn = 0; turn < options.repeat; turn += 1) {
    const resident = await watchOne(tree, live);
    options.tell(`before ${(resident.before / MB).toFixed(1)}, after ${(resident.after / MB).toFixed(1)} MB`);
    all.push(resident);
  }
  const [before, after] = [median(all.map((one) => one.before)), median(all.map((one) => one.after))];
  return [
    {
      name: 'daemon-memory',
      ours: `${(after / MB).toFixed(1)} MB (after a prune over ${tree.sessions.length.toLocaleString('en')} sessions)`,
      beside: `${(before / MB).toFixed(1)} MB (before)`,
      ratio: after / before,
      reach: `≤ ${RATIO_MAX} x`,
      isReached: after / before <= RATIO_MAX,
    },
  ];
}

async function watchOne(tree: GrownTree, live: LiveIds): Promise<Resident> {
  const stateDir = live.freshState();
  await tree.restore();
  const daemon = startDaemon(tree, stateDir, new Date(Date.now() + UNTIL_PRUNE_MS));
  try {
    const address = await addressOf(daemon);
    // Both times after a scrape, which loads and makes what every scrape does.
    await metricsOf(address);
    await sleep(SETTLE_MS);
    const before = residentBytes(daemon);
    await pruned(address);
    await sleep(SETTLE_MS);
    const after = residentBytes(daemon);
    daemon.kill('SIGTERM');
    await daemon.exit;
    expectPruned(tree, live.removable);
    return { before, after };
  } finally {
    await killed(daemon);
  }
}

async function pruned(address: string): Promise<void> {
  const deadline = performance.now() + PRUNE_MAX_MS;
  for (;;) {
    const outcome = FINISHED.exec(await metricsOf(address))?.[1];
    if (outcome === 'ok') return;
    if (outcome !== undefined) throw new Error(`the prune ended as ${outcome}`);
    if (performance.now() > deadline) throw new Error('waited in vain for the end of the prune');
    await sleep(LOOK_EVERY_MS);
  }
}

async function metricsOf(address: string): Promise<string> {
  return (await fetch(`${address}/metrics`)).text();
}

function residentBytes({ pid }: Running): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1_024;
}
