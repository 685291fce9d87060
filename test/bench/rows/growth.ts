/** What the daily run costs as a tree grows, with the same number of sessions to go each day. */

import { join } from 'node:path';
import { freshDirectory } from '../../support/place.ts';
import { inTurn, median, timeProcess, useOf } from '../measure.ts';
import { type BenchOptions, type Measured, type Row, showSeconds } from '../row.ts';
import { GrownTree } from '../tree.ts';
import { expectPruned, pruneCommand } from './prune.ts';

const FILES_A_SESSION = 1.75;
const FILES = { full: [17_500, 52_500, 175_000, 525_000, 1_750_000], short: [500, 1_000, 2_000] };
const REPEAT_MAX = 3;
const DAILY = { full: 500, short: 20 };

export const growth: Row = { name: 'growth', trees: ['manyFiles'], run: runGrowth };

interface Point {
  readonly sessions: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function runGrowth(options: BenchOptions): Promise<readonly Measured[]> {
  const form = options.isShort ? 'short' : 'full';
  const points: Point[] = [];
  for (const files of FILES[form]) points.push(await measure(files, DAILY[form], options));
  const [first, ...others] = points;
  return others.map(({ sessions, seconds, cpuSeconds }) => ({
    name: `growth: ${sessions.toLocaleString('en')} sessions`,
    ours: `${showSeconds(seconds)} (${showSeconds(cpuSeconds)} of the processor)`,
    beside:
      first === undefined ? '-' : `${showSeconds(first.cpuSeconds)} (${first.sessions.toLocaleString('en')} sessions)`,
    ratio: cpuSeconds / (first?.cpuSeconds ?? Number.NaN),
    reach: '-',
    isReached: undefined,
  }));
}

async function measure(files: number, daily: number, { seed, directory, repeat, tell }: BenchOptions): Promise<Point> {
  const place = freshDirectory(directory, `files-${files}`);
  const expiredShare = Math.min(1, (daily * FILES_A_SESSION) / files);
  const tree = GrownTree.grow(join(place, 'tree'), { files, seed, expiredShare });
  const stateDir = freshDirectory(place, 'state');
  const use = useOf(() => timeProcess(place, process.execPath, pruneCommand(tree, stateDir)));
  const run = async () => {
    await tree.restore();
    const seconds = await use.run();
    expectPruned(tree, tree.expired);
    return seconds;
  };
  const { run: seconds } = await inTurn(Math.min(repeat, REPEAT_MAX), { run }, tell);
  return { sessions: tree.sessions.length, seconds: median(seconds), cpuSeconds: median(use.cpuSeconds) };
}
