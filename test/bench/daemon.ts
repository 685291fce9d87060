/** A daemon that prunes a grown tree once, at a time of one's choice. */

import { PROGRAM, type Running, start } from '../support/process.ts';
import type { GrownTree } from './tree.ts';

const NEVER_SOON = '0 0 1 1 *';

/** Whatever becomes of this process, the daemon does not outlive it. */
export function startDaemon(tree: GrownTree, stateDir: string, due: Date): Running {
  const pattern = `${due.getUTCSeconds()} ${due.getUTCMinutes()} ${due.getUTCHours()} * * *`;
  const schedule = ['--schedule-prune', pattern, '--schedule-sweep', NEVER_SOON, '--schedule-purge', NEVER_SOON];
  return start(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', process.execPath, PROGRAM],
      ...['--claude-dir', tree.path, '--state-dir', stateDir, '--listen', '127.0.0.1:0'],
      ...['--schedule-time-zone', 'UTC', '--schedule-jitter', '1ms', ...schedule],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
}
