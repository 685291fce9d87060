/** A purge of a big trash, beside `rm -rf` of the same. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { freshDirectory } from '../../support/place.ts';
import { PROGRAM, run } from '../../support/process.ts';
import { inTurn, timeProcess } from '../measure.ts';
import { type BenchOptions, comparedSeconds, type Measured, type Row } from '../row.ts';
import { GrownTree, settle } from '../tree.ts';
import { expectPruned, pruneCommand } from './prune.ts';

/** Some 22,000 sessions. */
const FILES = { full: 38_000, short: 800 };
const RATIO_MAX = 1.3;

export const purge: Row = { name: 'purge', trees: ['files'], run: runPurge };

async function runPurge({ isShort, seed, repeat, directory, tell }: BenchOptions): Promise<readonly Measured[]> {
  const template = join(directory, 'template');
  const stateDir = freshDirectory(directory, 'state');
  const tree = GrownTree.grow(template, { files: FILES[isShort ? 'short' : 'full'], seed, expiredShare: 1 });
  await timeProcess(directory, process.execPath, pruneCommand(tree, stateDir));
  expectPruned(tree, tree.sessions);
  tell(`${tree.sessions.length} sessions in the trash`);

  // All of them beforehand: ext4 is slow to make files for minutes after many were deleted.
  const copies = { ours: await copy(template, 'ours', repeat), beside: await copy(template, 'beside', repeat) };
  await settle(directory);
  const times = await inTurn(
    repeat,
    {
      ours: async () => {
        const claudeDir = copies.ours.pop() ?? '';
        const place = ['--claude-dir', claudeDir, '--state-dir', stateDir];
        const command = [PROGRAM, '--run-now', '--job', 'purge-trash', '--trash-keep', '1ms', ...place];
        const seconds = await timeProcess(directory, process.execPath, command);
        const left = readdirSync(trashOf(claudeDir));
        if (left.length > 0) throw new Error(`after the purge ${left.length} runs are left in the trash`);
        await settle(directory);
        return seconds;
      },
      beside: async () => {
        const seconds = await timeProcess(directory, 'rm', ['-rf', trashOf(copies.beside.pop() ?? '')]);
        await settle(directory);
        return seconds;
      },
    },
    tell,
  );
  return [comparedSeconds('purge', times, 'rm -rf', RATIO_MAX)];
}

const trashOf = (claudeDir: string) => join(claudeDir, 'session-sweeper/trash');

/** @returns where the copies are */
async function copy(template: string, name: string, times: number): Promise<string[]> {
  const paths: string[] = [];
  for (let made = 0; made < times; made += 1) {
    const path = `${template}-${name}-${made}`;
    const { code, stderr } = await run('cp', ['-a', template, path]);
    if (code !== 0) throw new Error(`cp: ${stderr}`);
    paths.push(path);
  }
  return paths;
}
