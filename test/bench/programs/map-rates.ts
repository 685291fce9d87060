/**
 * Operations a second on two copies of one resume map, in turn: by the library, and by the same statements on bare better-sqlite3.
 * `map-rates.js STATE_DIR BARE_DATABASE ROWS TURNS SETS GETS SEED`; the rates of all turns go to stdout.
 */

import Database from 'better-sqlite3';
import { openResumeMap } from '../../support/library.ts';
import { seededRandom } from '../../support/samples.ts';
import { randomId } from '../grown-session.ts';
import { keyOf } from '../live-ids.ts';
import { inTurn } from '../measure.ts';

export interface Rates {
  readonly ours: readonly number[];
  readonly beside: readonly number[];
}

export interface MapRates {
  readonly set: Rates;
  readonly get: Rates;
}

const [stateDir = '', barePath = '', ...numbers] = process.argv.slice(2);
const [rows = 0, turns = 0, sets = 0, gets = 0, seed = 0] = numbers.map(Number);
const random = seededRandom(seed);
const keys = Array.from({ length: rows }, (_, number) => keyOf(number));
const map = await openResumeMap({ stateDir });
const bare = new Database(barePath);
bare.pragma('journal_mode = WAL');
bare.pragma('synchronous = FULL');
const bareSet = bare.prepare(
  `INSERT INTO claude_sdk_sessions (key, session_id, last_used_at, created_at) VALUES (@key, @id, @nowMs, @nowMs)
   ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id, last_used_at = excluded.last_used_at`,
);
const bareGet = bare.prepare(
  `SELECT key, session_id AS sessionId, last_used_at AS lastUsedAtMs, created_at AS createdAtMs
   FROM claude_sdk_sessions WHERE key = ?`,
);

const anyKey = () => keys[Math.floor(random() * keys.length)] ?? '';

async function rateOf(operations: number, work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return operations / ((performance.now() - startedAt) / 1_000);
}

/** Chosen beforehand: to choose is not to be measured. */
function chosenKeys(count: number): string[] {
  return Array.from({ length: count }, anyKey);
}

const set = await inTurn(turns, {
  ours: async () => {
    const chosen = chosenKeys(sets).map((key) => ({ key, id: randomId(random) }));
    return rateOf(sets, async () => {
      for (const { key, id } of chosen) await map.setSession(key, id);
    });
  },
  beside: async () => {
    const chosen = chosenKeys(sets).map((key) => ({ key, id: randomId(random) }));
    return rateOf(sets, async () => {
      for (const { key, id } of chosen) bareSet.run({ key, id, nowMs: Date.now() });
    });
  },
});

let found = 0;
const get = await inTurn(turns, {
  ours: async () => {
    const chosen = chosenKeys(gets);
    return rateOf(gets, async () => {
      for (const key of chosen) if ((await map.getSession(key)) !== null) found += 1;
    });
  },
  beside: async () => {
    const chosen = chosenKeys(gets);
    return rateOf(gets, async () => {
      for (const key of chosen) if (bareGet.get(key) !== undefined) found += 1;
    });
  },
});
if (found !== 2 * turns * gets) throw new Error(`${found} of ${2 * turns * gets} rows were found`);
await map.close();
bare.close();

const rates: MapRates = { set, get };
console.log(JSON.stringify(rates));
