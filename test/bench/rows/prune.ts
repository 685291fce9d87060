/** A prune of a big tree: planned only, and in earnest. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, gccMissing } from '../../support/compile.ts';
import { freshDirectory } from '../../support/place.ts';
import { PROGRAM } from '../../support/process.ts';
import { DAY_MS } from '../../support/tree.ts';
import type { GrownSession } from '../grown-session.ts';
import { type LiveIds, nameLive } from '../live-ids.ts';
import { type Contestant, inTurn, median, timeProcess, useOf } from '../measure.ts';
import { type BenchOptions, comparedSeconds, type Measured, type Row, type Skipped, sizesOf } from '../row.ts';
import { type GrownTree, settle } from '../tree.ts';

export const OLD_FILES = ['-type', 'f', '-mtime', '+30'];
const DRY_RUN_RATIO_MAX = 0.8;
const PRUNE_RATIO_MAX = { find: 0.7, expire: 1.8 };

export const dryRun: Row = { name: 'dry-run', trees: ['files'], run: runDryRun };
export const prune: Row = { name: 'prune', trees: ['files'], run: runPrune };

async function runDryRun(options: BenchOptions): Promise<readonly Measured[]> {
  const { repeat, directory, trees, tell } = options;
  const tree = await trees.withFiles(sizesOf(options).files);
  const stateDir = freshDirectory(directory, 'state');
  const ours = useOf(() => timeProcess(directory, process.execPath, [...pruneCommand(tree, stateDir), '--dry-run']));
  const find = useOf(() => timeProcess(directory, 'find', [tree.path, ...OLD_FILES]));
  const times = await inTurn(repeat, { ours: ours.run, beside: find.run }, tell);
  expectPruned(tree, []);
  const compared = [
    comparedSeconds('dry-run', times, 'find', DRY_RUN_RATIO_MAX),
    comparedSeconds('dry-run: processor', { ours: ours.cpuSeconds, beside: find.cpuSeconds }, 'find'),
  ];
  return canTmpfilesDryRun() ? [...compared, await besideTmpfiles(tree, median(times.ours), options)] : compared;
}

/** Since systemd 256. */
function canTmpfilesDryRun(): boolean {
  return /--dry-run/.test(spawnSync('systemd-tmpfiles', ['--help'], { encoding: 'utf8' }).stdout ?? '');
}

async function besideTmpfiles(tree: GrownTree, oursSeconds: number, options: BenchOptions): Promise<Measured> {
  const rules = join(options.directory, 'old.conf');
  writeFileSync(rules, `e ${tree.path} - - - 30d\n`);
  const args = ['--dry-run', '--clean', rules];
  const times = await inTurn(options.repeat, {
    beside: () => timeProcess(options.directory, 'systemd-tmpfiles', args),
  });
  return comparedSeconds('dry-run', { ours: [oursSeconds], beside: times.beside }, 'systemd-tmpfiles');
}

async function runPrune(options: BenchOptions): Promise<readonly (Measured | Skipped)[]> {
  const { repeat, directory, trees, tell } = options;
  const sizes = sizesOf(options);
  const tree = await trees.withFiles(sizes.files);
  const live = await nameLive(tree, sizes.liveIds, options.seed, directory);
  const { expired } = tree;
  tree.growSpares(repeat);
  const contestants: Record<'ours' | 'find', Contestant> = {
    ours: () => pruneOnce(tree, live, directory),
    find: async () => {
      await tree.restore();
      const seconds = await timeProcess(directory, 'find', [tree.path, ...OLD_FILES, '-delete']);
      expectPruned(tree, expired);
      return seconds;
    },
  };
  const missing = gccMissing();
  if (missing !== undefined) {
    const { ours, find } = await inTurn(repeat, contestants, tell);
    return [besideFind(ours, find), { name: 'prune beside C', skipped: missing }];
  }
  const program = compile('test/bench/programs/expire.c', directory);
  const expire = () => expireOnce(tree, program, directory, expired);
  const times = await inTurn(repeat, { ...contestants, expire }, tell);
  return [
    besideFind(times.ours, times.find),
    comparedSeconds(
      'prune beside C',
      { ours: times.ours, beside: times.expire },
      'renames in C, one thread',
      PRUNE_RATIO_MAX.expire,
    ),
  ];
}

function besideFind(ours: readonly number[], beside: readonly number[]): Measured {
  return comparedSeconds('prune', { ours, beside }, 'find -delete', PRUNE_RATIO_MAX.find);
}

async function pruneOnce(tree: GrownTree, live: LiveIds, directory: string): Promise<number> {
  const stateDir = live.freshState();
  await tree.restore();
  const seconds = await timeProcess(directory, process.execPath, pruneCommand(tree, stateDir));
  expectPruned(tree, live.removable);
  return seconds;
}

/** What a row of the resume map protects it takes, too: it knows of none. */
async function expireOnce(
  tree: GrownTree,
  program: string,
  directory: string,
  expired: readonly GrownSession[],
): Promise<number> {
  const trash = join(tree.path, 'session-sweeper/trash/expired');
  await tree.restore();
  mkdirSync(trash, { recursive: true });
  tree.makeMirror(trash);
  await settle(tree.path);
  const cutoff = Math.floor((Date.now() - 30 * DAY_MS) / 1_000);
  const seconds = await timeProcess(directory, program, [tree.path, trash, String(cutoff)]);
  expectPruned(tree, expired);
  return seconds;
}

export function pruneCommand(tree: GrownTree, stateDir: string): string[] {
  const place = ['--claude-dir', tree.path, '--state-dir', stateDir];
  // The shield would change the times by which whatever stands beside goes.
  return [PROGRAM, '--run-now', '--job', 'prune-transcripts', '--shield', 'off', ...place];
}

/** @throws where not just these have gone */
export function expectPruned(tree: GrownTree, removed: readonly GrownSession[]): void {
  const fault = tree.faultAfter(removed);
  if (fault !== undefined) throw new Error(`after the prune ${fault}`);
}
