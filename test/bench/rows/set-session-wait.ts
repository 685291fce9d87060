/** How long a host's `setSession` waits while the worker is at work on the same resume map. */

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { freshDirectory } from '../../support/place.ts';
import { type Forked, forked, killed, PROGRAM } from '../../support/process.ts';
import { seededRandom } from '../../support/samples.ts';
import { DAY_MS, makeClaudeDir } from '../../support/tree.ts';
import { randomId } from '../grown-session.ts';
import { makeMap, nameLive } from '../live-ids.ts';
import { programOf, spreadOf, timeProcess } from '../measure.ts';
import { type BenchOptions, type Measured, type Row, showSpread } from '../row.ts';
import { settle } from '../tree.ts';
import { expectPruned, pruneCommand } from './prune.ts';

/** The tree has a few thousand expired sessions. */
const SIZES = {
  full: { files: 60_000, liveIds: 10_000, staleRows: 1_000_000, aloneMs: 5_000 },
  short: { files: 2_000, liveIds: 200, staleRows: 20_000, aloneMs: 1_000 },
};
const INTERVAL_MS = 3;
const LONGEST_MAX_MS = 50;

export const setSessionWait: Row = { name: 'set-session-wait', trees: ['fewFiles'], run: runWaits };

async function runWaits(options: BenchOptions): Promise<readonly Measured[]> {
  return [await besidePrune(options), await besideSweep(options)];
}

async function besidePrune(options: BenchOptions): Promise<Measured> {
  const { files, liveIds } = SIZES[options.isShort ? 'short' : 'full'];
  const tree = await options.trees.withFiles(files);
  const directory = freshDirectory(options.directory, 'prune');
  const live = await nameLive(tree, liveIds, options.seed, directory);
  return measure('set-session-wait, prune', options, async () => {
    const stateDir = live.freshState();
    await tree.restore();
    return {
      stateDir,
      work: async () => {
        await timeProcess(directory, process.execPath, pruneCommand(tree, stateDir));
        expectPruned(tree, live.removable);
      },
    };
  });
}

async function besideSweep(options: BenchOptions): Promise<Measured> {
  const { staleRows } = SIZES[options.isShort ? 'short' : 'full'];
  const directory = freshDirectory(options.directory, 'sweep');
  const claudeDir = makeClaudeDir(join(directory, 'claude'));
  const random = seededRandom(options.seed);
  const lastUsedAtMs = Date.now() - 2 * DAY_MS;
  const rows = Array.from({ length: staleRows }, () => ({ id: randomId(random), lastUsedAtMs }));
  const template = await makeMap(freshDirectory(directory, 'map'), rows);
  return measure('set-session-wait, sweep', options, async () => {
    const stateDir = freshDirectory(directory, 'state');
    copyFileSync(template, join(stateDir, 'sessions.db'));
    await settle(stateDir);
    const place = ['--claude-dir', claudeDir, '--state-dir', stateDir];
    return {
      stateDir,
      work: async () => {
        await timeProcess(directory, process.execPath, [PROGRAM, '--run-now', '--job', 'sweep-sessions', ...place]);
        expectSwept(stateDir, lastUsedAtMs);
      },
    };
  });
}

/** What the worker does beside the host, on a state that has been made ready for it. */
interface Beside {
  readonly stateDir: string;
  work(): Promise<void>;
}

async function measure(name: string, options: BenchOptions, makeReady: () => Promise<Beside>): Promise<Measured> {
  const { aloneMs } = SIZES[options.isShort ? 'short' : 'full'];
  const [alone, beside]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < options.repeat; turn += 1) {
    const { stateDir, work } = await makeReady();
    const host = forked(programOf('host'), [stateDir, String(INTERVAL_MS)]);
    try {
      await take(host);
      await sleep(aloneMs);
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
    name,
    ours: `${showSpread(ours)} (${beside.length} calls)`,
    beside: `${showSpread(without)} (alone, ${alone.length} calls)`,
    ratio: ours.longest / without.longest,
    reach: `longest ≤ ${LONGEST_MAX_MS} ms`,
    isReached: ours.longest <= LONGEST_MAX_MS,
  };
}

/** What the host has waited since it was asked the last time, milliseconds each. */
async function take(host: Forked): Promise<readonly number[]> {
  host.send('take');
  return (await host.message()) as readonly number[];
}

function expectSwept(stateDir: string, lastUsedAtMs: number): void {
  const database = new Database(join(stateDir, 'sessions.db'));
  try {
    const stale = database.prepare('SELECT count(*) FROM claude_sdk_sessions WHERE last_used_at <= ?').pluck();
    const left = stale.get(lastUsedAtMs);
    if (left !== 0) throw new Error(`after the sweep ${left} stale rows are left`);
  } finally {
    database.close();
  }
}
