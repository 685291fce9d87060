/** The whole process, from its start to its end, where there is nothing to do. */

import { freshDirectory } from '../../support/place.ts';
import { PROGRAM } from '../../support/process.ts';
import { makeClaudeDir } from '../../support/tree.ts';
import { inTurn, timeProcess } from '../measure.ts';
import { type BenchOptions, comparedSeconds, type Measured, type Row } from '../row.ts';

const RATIO_MAX = 4;
/** It is over so soon that it can be measured more often. */
const TURNS_A_REPEAT = 5;

export const start: Row = { name: 'start', run: runStart };

async function runStart({ repeat, directory, tell }: BenchOptions): Promise<readonly Measured[]> {
  const claudeDir = makeClaudeDir(freshDirectory(directory, 'claude'));
  const stateDir = freshDirectory(directory, 'state');
  const command = [PROGRAM, '--run-now', '--claude-dir', claudeDir, '--state-dir', stateDir];
  // Makes the databases.
  await timeProcess(directory, process.execPath, command);
  const times = await inTurn(
    repeat * TURNS_A_REPEAT,
    {
      ours: () => timeProcess(directory, process.execPath, command),
      beside: () => timeProcess(directory, process.execPath, ['-e', '0']),
    },
    tell,
  );
  return [comparedSeconds('start', times, 'node -e 0', RATIO_MAX)];
}
