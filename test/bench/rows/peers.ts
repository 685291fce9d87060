/** The same tree pruned by what users would take instead: a plain script, and systemd's own clean-up of old files. Neither has a trash. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS } from '../../support/tree.ts';
import { nameLive } from '../live-ids.ts';
import { type Contestant, inTurn, programOf, timeProcess, useOf } from '../measure.ts';
import { type BenchOptions, comparedSeconds, type Measured, type Row, type Skipped, sizesOf } from '../row.ts';
import { expectPruned, pruneCommand } from './prune.ts';

export const peers: Row = { name: 'peers', trees: ['files'], run: runPeers };

async function runPeers(options: BenchOptions): Promise<readonly (Measured | Skipped)[]> {
  const { directory, repeat, seed, trees, tell } = options;
  const sizes = sizesOf(options);
  const tree = await trees.withFiles(sizes.files);
  const live = await nameLive(tree, sizes.liveIds, seed, directory);
  const removable = new Set(live.removable);
  const protectedIds = tree.expired.filter((session) => !removable.has(session)).map(({ id }) => id);
  const file = join(directory, 'protected');
  writeFileSync(file, protectedIds.join('\n'));
  const rules = join(directory, 'old.conf');
  // By the times of what is written alone: looking at a file would keep it else.
  writeFileSync(rules, `e ${tree.path}/* - - - m:30d\n`);
  const hasTmpfiles = spawnSync('systemd-tmpfiles', ['--version']).status === 0;
  tree.growSpares(repeat * (hasTmpfiles ? 2 : 1));
  const ours = useOf(() => timeProcess(directory, process.execPath, pruneCommand(tree, live.freshState())));
  const script = [programOf('plain-expire'), tree.path, String(30 * DAY_MS), file];
  const plain = useOf(() => timeProcess(directory, process.execPath, script));
  const tmpfiles = useOf(() => timeProcess(directory, 'systemd-tmpfiles', ['--clean', rules]));
  const contestants: Record<string, Contestant> = {
    ours: async () => {
      await tree.restore();
      const seconds = await ours.run();
      expectPruned(tree, live.removable);
      return seconds;
    },
    plain: async () => {
      await tree.restore();
      const seconds = await plain.run();
      expectPruned(tree, live.removable);
      return seconds;
    },
    ...(hasTmpfiles && {
      tmpfiles: async () => {
        await tree.restore();
        return tmpfiles.run();
      },
    }),
  };
  const times: Partial<Record<string, number[]>> = await inTurn(repeat, contestants, tell);
  const compared = (name: string, beside: typeof plain, what: string): Measured[] => [
    comparedSeconds(`prune beside ${name}`, { ours: times.ours ?? [], beside: times[name] ?? [] }, what),
    comparedSeconds(`the same: processor`, { ours: ours.cpuSeconds, beside: beside.cpuSeconds }, what),
  ];
  return [
    ...compared('plain', plain, 'a script with fs/promises'),
    ...(hasTmpfiles
      ? compared('tmpfiles', tmpfiles, 'systemd-tmpfiles --clean')
      : [{ name: 'prune beside tmpfiles', skipped: 'systemd-tmpfiles is not installed (apt-get install systemd)' }]),
  ];
}
