/** Work during which a host sets sessions in the resume map: a prune over directories, and a sweep of many rows. */

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { freshDirectory } from '../../support/place.ts';
import { PROGRAM } from '../../support/process.ts';
import { seededRandom } from '../../support/samples.ts';
import { DAY_MS, makeClaudeDir } from '../../support/tree.ts';
import { randomId } from '../grown-session.ts';
import { makeMap, nameLive } from '../live-ids.ts';
import { timeProcess } from '../measure.ts';
import type { BenchOptions } from '../row.ts';
import { settle } from '../tree.ts';
import type { Kind } from '../wait-kind.ts';
import { expectPruned, pruneCommand } from './prune.ts';

/** The tree has a few thousand expired sessions. */
const SIZES = {
  full: { files: 60_000, liveIds: 10_000, staleRows: 1_000_000 },
  short: { files: 2_000, liveIds: 200, staleRows: 20_000 },
};

export async function besideMapPrune(options: BenchOptions): Promise<Kind> {
  const { files, liveIds } = SIZES[options.isShort ? 'short' : 'full'];
  const directory = freshDirectory(options.directory, 'prune');
  const tree = await options.trees.withFiles(files);
  const live = await nameLive(tree, liveIds, options.seed, directory);
  return {
    name: 'setSession, prune of directories',
    makeReady: async () => {
      const stateDir = live.freshState();
      await tree.restore();
      return {
        host: 'map-host',
        place: stateDir,
        work: async () => {
          await timeProcess(directory, process.execPath, pruneCommand(tree, stateDir));
          expectPruned(tree, live.removable);
        },
      };
    },
  };
}

export async function besideSweep(options: BenchOptions): Promise<Kind> {
  const { staleRows } = SIZES[options.isShort ? 'short' : 'full'];
  const directory = freshDirectory(options.directory, 'sweep');
  const claudeDir = makeClaudeDir(join(directory, 'claude'));
  const random = seededRandom(options.seed);
  const lastUsedAtMs = Date.now() - 40 * DAY_MS;
  const rows = Array.from({ length: staleRows }, () => ({ id: randomId(random), lastUsedAtMs }));
  const template = await makeMap(freshDirectory(directory, 'map'), rows);
  return {
    name: `setSession, sweep of ${staleRows.toLocaleString('en')} rows`,
    makeReady: async () => {
      const stateDir = freshDirectory(directory, 'state');
      copyFileSync(template, join(stateDir, 'sessions.db'));
      await settle(stateDir);
      const args = ['--run-now', '--job', 'sweep-sessions', '--claude-dir', claudeDir, '--state-dir', stateDir];
      return {
        host: 'map-host',
        place: stateDir,
        work: async () => {
          await timeProcess(directory, process.execPath, [PROGRAM, ...args]);
          expectSwept(stateDir, lastUsedAtMs);
        },
      };
    },
  };
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
