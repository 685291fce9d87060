/** The default resume map's `setSession` and `getSession`, beside the same statements on bare better-sqlite3. */

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { freshDirectory } from '../../support/place.ts';
import { run } from '../../support/process.ts';
import { seededRandom } from '../../support/samples.ts';
import { randomId } from '../grown-session.ts';
import { makeMap } from '../live-ids.ts';
import { programOf } from '../measure.ts';
import type { MapRates } from '../programs/map-rates.ts';
import { type BenchOptions, comparedRates, type Measured, type Row } from '../row.ts';
import { settle } from '../tree.ts';

const ROWS = { full: 10_000, short: 1_000 };
/** Operations of one contestant at a time. */
const BLOCKS = { full: { set: 400, get: 100_000 }, short: { set: 50, get: 2_000 } };
const TURNS_A_REPEAT = 3;
const RATIO_MIN = 0.9;

export const map: Row = { name: 'map', run: runMap };

async function runMap({ isShort, seed, repeat, directory }: BenchOptions): Promise<readonly Measured[]> {
  const form = isShort ? 'short' : 'full';
  const random = seededRandom(seed);
  const lastUsedAtMs = Date.now();
  const rows = Array.from({ length: ROWS[form] }, () => ({ id: randomId(random), lastUsedAtMs }));
  const stateDir = freshDirectory(directory, 'ours');
  const bare = join(directory, 'bare.db');
  copyFileSync(await makeMap(stateDir, rows), bare);
  await settle(directory);
  const { set, get } = BLOCKS[form];
  const numbers = [rows.length, repeat * TURNS_A_REPEAT, set, get, seed];
  const exit = await run(process.execPath, [programOf('map-rates'), stateDir, bare, ...numbers.map(String)]);
  if (exit.code !== 0) throw new Error(`map-rates ended with ${exit.code}: ${exit.stderr}`);
  const rates = JSON.parse(exit.stdout) as MapRates;
  return [
    comparedRates('map, setSession', rates.set, 'bare better-sqlite3', RATIO_MIN),
    comparedRates('map, getSession', rates.get, 'bare better-sqlite3', RATIO_MIN),
  ];
}
