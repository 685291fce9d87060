/**
 * A deliberately broken remover: it looks at every file with lstat in the moment in which it moves or unlinks it, but goes by
 * its path, through whatever stands on the way by then. The swap harness must find it out.
 */

import { lstatSync, mkdirSync, readdirSync, renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

const [claudeDir = '', milliseconds = '0'] = process.argv.slice(2);
const trash = join(claudeDir, 'session-sweeper/trash');
const planned = new Set<string>();
let moved = 0;

function plan(path: string): void {
  attempt(() => {
    const stats = lstatSync(path);
    if (stats.isFile()) planned.add(path);
    if (stats.isDirectory()) for (const name of readdirSync(path)) plan(join(path, name));
  });
}

function remove(path: string): void {
  attempt(() => {
    if (!lstatSync(path).isFile()) return;
    if (path.startsWith(trash)) {
      unlinkSync(path);
      return;
    }
    moved += 1;
    mkdirSync(join(trash, 'naive'), { recursive: true });
    renameSync(path, join(trash, 'naive', String(moved)));
  });
}

/** What stands in the way, or has gone, is left out. */
function attempt(act: () => void): void {
  try {
    act();
  } catch {}
}

const until = Date.now() + Number(milliseconds);
while (Date.now() < until) {
  for (const place of ['session-sweeper/trash', 'projects', 'file-history', 'session-env', 'tasks']) {
    plan(join(claudeDir, place));
  }
  for (const path of planned) remove(path);
}
