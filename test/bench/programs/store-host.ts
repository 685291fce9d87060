/** A host that appends to sessions of its own in a session store: `store-host.js STORE INTERVAL_MS`. */

import { SqliteSessionStore } from '../../support/library.ts';
import { sessionIdOf } from '../../support/tree.ts';
import { foldNothing, makeEntries } from '../stores.ts';
import { writeAndTell } from './telling-host.ts';

const SESSIONS = 20;
const ENTRIES_AT_A_TIME = 3;

const [path = '', intervalMs = ''] = process.argv.slice(2);
const store = new SqliteSessionStore(path, { foldSessionSummary: foldNothing });

await writeAndTell(Number(intervalMs), (number) => {
  const sessionId = sessionIdOf(number % SESSIONS);
  return store.append({ projectKey: '-srv-host', sessionId }, makeEntries(sessionId, ENTRIES_AT_A_TIME));
});
