/** What a prune has resident at most, by the size of the tree. */

import { freshDirectory } from '../../support/place.ts';
import { nameLive } from '../live-ids.ts';
import { inTurn, MB, median, watchScript } from '../measure.ts';
import { type BenchOptions, type Measured, type Row, sizesOf } from '../row.ts';
import { expectPruned, pruneCommand } from './prune.ts';

const PEAK_MAX_MB = 150;
const RATIO_MAX = 1.3;

export const memory: Row = { name: 'memory', trees: ['manyFiles', 'fewFiles'], run: runMemory };

async function runMemory(options: BenchOptions): Promise<readonly Measured[]> {
  const { manyFiles, fewFiles } = sizesOf(options);
  const peaks = await inTurn(
    options.repeat,
    { ours: await peakOf(manyFiles, 'many', options), beside: await peakOf(fewFiles, 'few', options) },
    options.tell,
  );
  const [ours, beside] = [median(peaks.ours), median(peaks.beside)];
  return [
    {
      name: 'memory',
      ours: `${ours.toFixed(0)} MB (${manyFiles.toLocaleString('en')} files)`,
      beside: `${beside.toFixed(0)} MB (${fewFiles.toLocaleString('en')} files)`,
      ratio: ours / beside,
      reach: `≤ ${PEAK_MAX_MB} MB, ≤ ${RATIO_MAX} x`,
      isReached: ours <= PEAK_MAX_MB && ours / beside <= RATIO_MAX,
    },
  ];
}

async function peakOf(files: number, name: string, options: BenchOptions): Promise<() => Promise<number>> {
  const directory = freshDirectory(options.directory, name);
  const tree = await options.trees.withFiles(files);
  const live = await nameLive(tree, sizesOf(options).liveIds, options.seed, directory);
  return async () => {
    const stateDir = live.freshState();
    await tree.restore();
    const [script = '', ...args] = pruneCommand(tree, stateDir);
    const { peakBytes } = await watchScript(directory, script, args);
    expectPruned(tree, live.removable);
    return peakBytes / MB;
  };
}
