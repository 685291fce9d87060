/** A bot whose threads move from its old JSON file into a database: each of them, or none. */

import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { freshDirectory, type Place } from '../support/place.ts';
import { makeTree, sessionIdOf } from '../support/tree.ts';
import { integrityFault, printsOf } from './oracle.ts';
import type { Scenario } from './scenarios.ts';

const THREADS = 300;
const databaseOf = ({ stateDir }: Place) => join(stateDir, 'threads.db');

export const threads: Scenario = {
  name: 'threads',
  script: fileURLToPath(new URL('./programs/thread-host.js', import.meta.url)),
  prepare: async (directory, seed) => {
    const sessions = makeTree(join(directory, 'claude'), { sessions: 2, seed });
    const time = new Date().toISOString();
    const fields = { repo: 'app', repo_path: '/srv/app', channel_id: 'C1', created_at: time, last_active: time };
    const records = Array.from({ length: THREADS }, (_, number) => {
      return [`1.${number}`, { ...fields, session_id: sessionIdOf(number), status: 'stopped', total_turns: number }];
    });
    const text = JSON.stringify(Object.fromEntries(records));
    writeFileSync(join(freshDirectory(directory, 'state'), 'threads.json'), text);
    return { directory, sessions, prints: printsOf(join(directory, 'claude'), sessions), wanted: new Set() };
  },
  args: (place) => [databaseOf(place)],
  expected: ({ sessions }) => new Map(sessions.map((one) => [one.id, 'here'])),
  judgeKilled: (place) => {
    const rows = existsSync(databaseOf(place)) ? countThreads(place) : 0;
    const isThere = readdirSync(place.stateDir).some((name) => name.startsWith('threads.json'));
    return [
      ...(rows === 0 || rows === THREADS ? [] : [`${rows} threads are there, of ${THREADS}`]),
      ...(isThere ? [] : ['the old file is gone']),
    ];
  },
  judge: (place) => {
    const rows = countThreads(place);
    const names = readdirSync(place.stateDir).filter((name) => name.startsWith('threads.json'));
    return [
      ...(rows === THREADS ? [] : [`${rows} threads are imported of ${THREADS}`]),
      ...(names.join() === 'threads.json.bak' ? [] : [`beside the database there are ${names.join(', ')}`]),
      ...[integrityFault(databaseOf(place))].filter((fault) => fault !== undefined),
    ];
  },
};

function countThreads(place: Place): number {
  const database = new Database(databaseOf(place), { readonly: true });
  try {
    return Number(database.prepare('SELECT count(*) FROM sessions').pluck().get());
  } finally {
    database.close();
  }
}
