/** The session store's `append` and `load`, beside bare inserts and selects on the same schema. */

import { freshDirectory } from '../../support/place.ts';
import { run } from '../../support/process.ts';
import { programOf } from '../measure.ts';
import type { StoreRates } from '../programs/store-rates.ts';
import { type BenchOptions, comparedRates, type Measured, type Row } from '../row.ts';

const SESSIONS = { full: 100, short: 5 };
const ENTRIES_A_SESSION = 1_000;
const RATIO_MIN = 0.7;

export const store: Row = { name: 'store', run: runStore };

async function runStore({ isShort, repeat, directory, seed }: BenchOptions): Promise<readonly Measured[]> {
  const numbers = [SESSIONS[isShort ? 'short' : 'full'], ENTRIES_A_SESSION, repeat, seed];
  const place = freshDirectory(directory, 'store');
  const exit = await run(process.execPath, [programOf('store-rates'), place, ...numbers.map(String)]);
  if (exit.code !== 0) throw new Error(`store-rates ended with ${exit.code}: ${exit.stderr}`);
  const rates = JSON.parse(exit.stdout) as StoreRates;
  return [
    comparedRates('store, append', rates.append, 'bare inserts', RATIO_MIN),
    comparedRates('store, load', rates.load, 'bare selects', RATIO_MIN),
  ];
}
