/** A run that finds nothing to do, beside `find` over the same: with all that the system has in memory, and with nothing of it. */

import { accessSync, constants, writeFileSync } from 'node:fs';
import { freshDirectory } from '../../support/place.ts';
import { inTurn, timeProcess, useOf } from '../measure.ts';
import { type BenchOptions, comparedSeconds, type Measured, type Row, type Skipped, sizesOf } from '../row.ts';
import { GrownTree, settle } from '../tree.ts';
import { expectPruned, OLD_FILES, pruneCommand } from './prune.ts';

const WARM_RATIO_MAX = 0.7;
const COLD_RATIO_MAX = 1;
const COLD_REPEAT_MAX = 3;
const DROP_CACHES = '/proc/sys/vm/drop_caches';

export const again: Row = { name: 'again', trees: ['files'], run: runAgain };

async function runAgain(options: BenchOptions): Promise<readonly (Measured | Skipped)[]> {
  const { repeat, directory, seed, tell } = options;
  const tree = GrownTree.grow(`${directory}/tree`, { files: sizesOf(options).files, seed, expiredShare: 0 });
  const stateDir = freshDirectory(directory, 'state');
  const runOurs = () => timeProcess(directory, process.execPath, pruneCommand(tree, stateDir));
  const runFind = () => timeProcess(directory, 'find', [tree.path, ...OLD_FILES]);
  await runOurs();
  await settle(directory);
  const [ours, find] = [useOf(runOurs), useOf(runFind)];
  const warm = await inTurn(repeat, { ours: ours.run, beside: find.run }, tell);
  expectPruned(tree, []);
  const lines = [
    comparedSeconds('again, warm', warm, 'find', WARM_RATIO_MAX),
    comparedSeconds('again, warm: processor', { ours: ours.cpuSeconds, beside: find.cpuSeconds }, 'find'),
  ];
  if (!canDropCaches()) return [...lines, { name: 'again, cold', skipped: `${DROP_CACHES} may not be written` }];
  const cold = (work: () => Promise<number>) => async () => {
    await settle(directory);
    writeFileSync(DROP_CACHES, '3');
    return work();
  };
  const times = await inTurn(Math.min(repeat, COLD_REPEAT_MAX), { ours: cold(runOurs), beside: cold(runFind) }, tell);
  return [...lines, comparedSeconds('again, cold', times, 'find', COLD_RATIO_MAX)];
}

function canDropCaches(): boolean {
  try {
    accessSync(DROP_CACHES, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
