/** The import of a big `sessions.json`, beside JSON.parse and bare inserts into the same schema. */

import { closeSync, copyFileSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { freshDirectory } from '../../faults/harness.ts';
import { DAY_MS, seededRandom } from '../../support/tree.ts';
import { randomId } from '../grown-session.ts';
import { keyOf } from '../live-ids.ts';
import { inTurn, MB, median, programOf, watchScript } from '../measure.ts';
import { type BenchOptions, comparedSeconds, type Measured, type Row } from '../row.ts';
import { settle } from '../tree.ts';

const ENTRIES = { full: 1_000_000, short: 20_000 };
const RATIO_MAX = 1.5;
const PEAK_BY_FILE_MAX = 6;

export const migration: Row = { name: 'migration', run: runMigration };

async function runMigration({ isShort, seed, repeat, directory, tell }: BenchOptions): Promise<readonly Measured[]> {
  const entries = ENTRIES[isShort ? 'short' : 'full'];
  const json = join(directory, 'template.json');
  writeSessionsJson(json, entries, seed);
  const fileBytes = statSync(json).size;
  const peaks = { ours: [] as number[], beside: [] as number[] };
  const importBy = (contestant: 'ours' | 'beside', program: string) => async () => {
    const stateDir = freshDirectory(directory, contestant);
    copyFileSync(json, join(stateDir, 'sessions.json'));
    await settle(stateDir);
    const { seconds, peakBytes } = await watchScript(directory, programOf(program), [stateDir]);
    expectRows(stateDir, entries);
    peaks[contestant].push(peakBytes);
    return seconds;
  };
  const times = await inTurn(
    repeat,
    { ours: importBy('ours', 'import-library'), beside: importBy('beside', 'import-bare') },
    tell,
  );
  const [ours, beside] = [median(peaks.ours), median(peaks.beside)];
  return [
    comparedSeconds('migration', times, 'JSON.parse and bare inserts', RATIO_MAX),
    {
      name: 'migration, memory',
      ours: `${(ours / MB).toFixed(0)} MB, ${(ours / fileBytes).toFixed(1)} x the file of ${(fileBytes / MB).toFixed(0)} MB`,
      beside: `${(beside / MB).toFixed(0)} MB, ${(beside / fileBytes).toFixed(1)} x`,
      ratio: ours / beside,
      reach: `≤ ${PEAK_BY_FILE_MAX} x the file`,
      isReached: ours / fileBytes <= PEAK_BY_FILE_MAX,
    },
  ];
}

/** As an old host has it: keys with and without a forge, ids with and without a time. */
function writeSessionsJson(path: string, entries: number, seed: number): void {
  const random = seededRandom(seed);
  const nowMs = Date.now();
  const fd = openSync(path, 'w');
  let text = '{\n';
  for (let number = 0; number < entries; number += 1) {
    const key = random() < 0.5 ? keyOf(number) : keyOf(number).replace('forgejo:', '');
    const id = randomId(random);
    const lastUsedAtMs = nowMs - Math.floor(random() * 30 * DAY_MS);
    const value = random() < 0.1 ? `"${id}"` : `{ "id": "${id}", "last_used_at": ${lastUsedAtMs} }`;
    text += `  "${key}": ${value}${number === entries - 1 ? '' : ','}\n`;
    if (text.length > MB) {
      writeSync(fd, text);
      text = '';
    }
  }
  writeSync(fd, `${text}}\n`);
  closeSync(fd);
}

function expectRows(stateDir: string, entries: number): void {
  const database = new Database(join(stateDir, 'sessions.db'));
  try {
    const rows = database.prepare('SELECT count(*) FROM claude_sdk_sessions').pluck().get();
    if (rows !== entries) throw new Error(`after the import there are ${rows} rows`);
  } finally {
    database.close();
  }
}
