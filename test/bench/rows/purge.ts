/** A purge of a big trash, beside `rm -rf` of the same. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { freshDirectory, PROGRAM, run } from '../../faults/harness.ts';
import { inTurn, timeProcess } from '../measure.ts';
import { type BenchOptions, comparedSeconds, type Measured, type Row } from '../row.ts';
import { GrownTree, removeTree, settle } from '../tree.ts';
import { expectPruned, pruneCommand } from './prune.ts';

/** Some 22,000 sessions. */
const FILES = { full: 38_000, short: 800 };
const RATIO_MAX = 1.3;

export const purge: Row = { name: 'purge', run: runPurge };

async function runPurge({ isShort, seed, repeat, directory, tell }: BenchOptions): Promise<readonly Measured[]> {
  const template = join(directory, 'template');
  const stateDir = freshDirectory(directory, 'state');
  const tree = GrownTree.grow(template, { files: FILES[isShort ? 'short' : 'full'], seed, expiredShare: 1 });
  await timeProcess(directory, process.execPath, pruneCommand(tree, stateDir));
  expectPruned(tree, tree.sessions);
  tell(`${tree.sessions.length} sessions in the trash`);

  const claudeDir = join(directory, 'claude');
  const trash = join(claudeDir, 'session-sweeper/trash');
  const copyTemplate = async () => {
    await removeTree(claudeDir);
    const { code, stderr } = await run('cp', ['-a', template, claudeDir]);
    if (code !== 0) throw new Error(`cp: ${stderr}`);
    await settle(directory);
  };
  const place = ['--claude-dir', claudeDir, '--state-dir', stateDir];
  const command = [PROGRAM, '--run-now', '--job', 'purge-trash', '--trash-keep', '1ms', ...place];
  const times = await inTurn(
    repeat,
    {
      ours: async () => {
        await copyTemplate();
        const seconds = await timeProcess(directory, process.execPath, command);
        const left = readdirSync(trash);
        if (left.length > 0) throw new Error(`after the purge ${left.length} runs are left in the trash`);
        return seconds;
      },
      beside: async () => {
        await copyTemplate();
        return timeProcess(directory, 'rm', ['-rf', trash]);
      },
    },
    tell,
  );
  return [comparedSeconds('purge', times, 'rm -rf', RATIO_MAX)];
}
