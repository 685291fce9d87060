/** Rows whose times make no sense, and live sources that have fallen silent. */

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Place } from '../../support/place.ts';
import { runProgram } from '../../support/process.ts';
import { ID, type InputCase } from './case.ts';
import { altered, made, RUN, remove, TABLE } from './databases.ts';

export function liveSourceCases(): InputCase[] {
  return [...rowTimes(), ...fallenSilent()];
}

/** What `last_used_at` may hold in a host's table that lets everything in. */
const SENSELESS: Readonly<Record<string, string>> = {
  negative: '-1',
  'very negative': '-9223372036854775808',
  'in seconds': '1790000000',
  'of the year 275760': '8640000000000000',
  'of the largest number': '9223372036854775807',
  'of tomorrow': '(unixepoch() + 86400) * 1000',
  NULL: 'NULL',
  text: "'1790000000000 '||'x'",
  'a date as text': "'2026-01-01T00:00:00Z'",
  'an empty text': "''",
  bytes: "x'00ff'",
  infinite: '9e999',
  'of before there was Claude': '1000000000000',
};

function rowTimes(): InputCase[] {
  return Object.entries(SENSELESS).flatMap(([name, time]): InputCase[] => [
    rowTime(name, 'last_used_at', `${time}, 1790000000000`),
    ...(name.startsWith('of') ? [] : [rowTime(`${name}, of its making too`, 'both', `${time}, ${time}`)]),
  ]);
}

function rowTime(name: string, column: string, times: string): InputCase {
  const rowIn = ({ directory }: Place) => {
    const database = new Database(join(directory, 'host.db'), { readonly: true });
    const row = database
      .prepare(`SELECT quote(key), quote(session_id), quote(last_used_at), quote(created_at) FROM ${TABLE}`)
      .raw()
      .all();
    database.close();
    return JSON.stringify(row);
  };
  let before = '';
  return {
    name: `good: row time ${name} (${column})`,
    args: [...RUN, '--json', '--sessions-only-this-host'],
    environment: { SWEEPER_SESSIONS_DB: '{place}/host.db' },
    prepare: (place) => {
      made(
        join(place.directory, 'host.db'),
        `CREATE TABLE ${TABLE} (key TEXT PRIMARY KEY, session_id, last_used_at, created_at); INSERT INTO ${TABLE} VALUES ('k', '${ID}', ${times})`,
      );
      before = rowIn(place);
    },
    codes: [0],
    isRun: true,
    shows: (stdout) => {
      const { jobs } = JSON.parse(stdout) as { jobs: { job: string; kept?: Record<string, number> }[] };
      const [sweep, prune] = ['sweep-sessions', 'prune-transcripts'].map((job) => jobs.find((one) => one.job === job));
      return sweep?.kept?.senseless === 1 && (prune?.kept?.live ?? 0) === 1;
    },
    // All but the session of the row may go; where it lies is a file of its own.
    mayChange: new RegExp(`^state/(ledger\\.db|reserve(/|$))|^claude/(session-sweeper(/|$)|(?!.*${ID}))`),
    judge: (place) => (rowIn(place) === before ? [] : ['the row is not what it was']),
  };
}

/** A database that is gone is made anew. */
const SILENT_CHANGES = /^(state\/((ledger|sessions)\.db|reserve(\/|$))|claude\/session-sweeper(\/|$))/;

/** Many were live when it was looked at last, and none or next to none is now. */
function fallenSilent(): InputCase[] {
  const known = 14;
  const allow = '--allow-mass-removal';
  const silent = (
    name: string,
    empty: (place: Place) => void,
    args: readonly string[],
    codes: readonly number[],
  ): InputCase => ({
    name: `${codes.includes(0) ? 'good: ' : ''}silent: ${name}`,
    args,
    codes,
    isRun: true,
    ...(codes.includes(0) ? { mayChange: /./ } : { mayChange: SILENT_CHANGES, names: [`${known} sessions before`] }),
    prepare: async (place) => {
      fillSources(place, known);
      const common = ['--state-dir', place.stateDir, '--claude-dir', place.claudeDir];
      const first = await runProgram([
        ...common,
        '--run-now',
        '--job',
        'prune-transcripts',
        '--shield',
        'off',
        '--max-age',
        'never',
      ]);
      if (first.code !== 0) throw new Error(`the first run: ${first.stderr}`);
      empty(place);
    },
  });
  const sql = (text: string) => (place: Place) => altered(join(place.stateDir, 'sessions.db'), text);
  const prune = [...RUN, '--job', 'prune-transcripts'];
  const unpin = ({ stateDir }: Place) => rmSync(join(stateDir, 'pins'), { recursive: true });
  const unpinMost = ({ stateDir }: Place) => {
    for (const name of readdirSync(join(stateDir, 'pins')).slice(1)) rmSync(join(stateDir, 'pins', name));
  };
  const remake = ({ stateDir }: Place) => remove(join(stateDir, 'sessions.db'));
  return [
    silent('no row is left', sql(`DELETE FROM ${TABLE}`), prune, [77]),
    silent('one row is left', sql(`DELETE FROM ${TABLE} WHERE rowid > 1`), prune, [77]),
    silent('all rows name nobody', sql(`UPDATE ${TABLE} SET session_id = 'x'`), prune, [77]),
    silent('the database was made anew', remake, prune, [77]),
    silent('no pin is left', unpin, prune, [77]),
    silent('one pin is left', unpinMost, prune, [77]),
    silent('no row is left, and that is right', sql(`DELETE FROM ${TABLE}`), [...prune, allow], [0]),
    silent('two rows are left', sql(`DELETE FROM ${TABLE} WHERE rowid > 2`), prune, [0]),
  ];
}

function fillSources({ stateDir }: Place, count: number): void {
  const database = new Database(join(stateDir, 'sessions.db'));
  database.exec(`DELETE FROM ${TABLE}`);
  const insert = database.prepare(`INSERT INTO ${TABLE} VALUES (?, ?, ?, ?)`);
  mkdirSync(join(stateDir, 'pins'), { recursive: true });
  for (let number = 0; number < count; number += 1) {
    const id = `00000000-0000-4000-8000-0000000f${number.toString(16).padStart(4, '0')}`;
    insert.run(`row ${number}`, id, Date.now(), Date.now());
    writeFileSync(join(stateDir, 'pins', id), '');
  }
  database.close();
}
