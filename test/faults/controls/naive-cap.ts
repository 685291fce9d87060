/**
 * A deliberately broken size cap: it goes by the length of files, moves the oldest to the trash, live or not, and believes that the disk has
 * the room then. The disk harness must find it out.
 */

import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

export function naiveCap(claudeDir: string, capBytes: number): void {
  const files = readdirSync(join(claudeDir, 'projects'), { recursive: true, encoding: 'utf8' })
    .map((name) => ({ name, stats: statSync(join(claudeDir, 'projects', name)) }))
    .filter(({ stats }) => stats.isFile())
    .sort((left, right) => left.stats.mtimeMs - right.stats.mtimeMs);
  let left = files.reduce((sum, { stats }) => sum + stats.size, 0);
  for (const { name, stats } of files) {
    if (left <= capBytes) break;
    const target = join(claudeDir, 'session-sweeper/trash/naive/projects', name);
    mkdirSync(dirname(target), { recursive: true });
    renameSync(join(claudeDir, 'projects', name), target);
    left -= stats.size;
  }
}
