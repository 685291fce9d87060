/** Goes through some made-up histories, one after the other: `orders-worker DIRECTORY SEED STEP COUNT guarded|unguarded`. */

import { rmSync } from 'node:fs';
import { freshDirectory } from '../../support/place.ts';
import { loseAll, runHistory } from '../orders/history.ts';

export interface OrdersReport {
  readonly histories: number;
  readonly jobs: number;
  readonly losses: readonly string[];
  /** By the control for rows. */
  readonly rowsLost: number;
}

const [directory = '', seed = '', step = '', count = '', kind = ''] = process.argv.slice(2);
const losses: string[] = [];
let jobs = 0;
for (let number = 0; number < Number(count); number += 1) {
  const ofOne = Number(seed) + number * Number(step);
  const own = freshDirectory(directory, 'history');
  const result = await runHistory(own, ofOne, kind === 'unguarded');
  jobs += result.jobs;
  losses.push(...result.losses.map((loss) => `history ${ofOne}: ${loss}`));
  rmSync(own, { recursive: true, force: true });
}
const control = kind === 'unguarded' ? await loseAll(freshDirectory(directory, 'control')) : { sessions: [], rows: [] };
losses.push(...control.sessions);
console.log(
  JSON.stringify({ histories: Number(count), jobs, losses, rowsLost: control.rows.length } satisfies OrdersReport),
);
