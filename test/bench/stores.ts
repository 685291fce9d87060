/** Session stores full of sessions that nobody has used for long, beside what a host writes anew. */

import { randomUUID } from 'node:crypto';
import Database from 'better-sqlite3';
import type { FoldSummary, SessionStoreEntry } from '../../src/library/index.ts';
import { ENTRIES_TABLE, STORED_TABLE } from '../../src/session-store/schema.ts';
import { SqliteSessionStore } from '../support/library.ts';
import { seededRandom } from '../support/samples.ts';
import { DAY_MS } from '../support/tree.ts';
import { randomId } from './grown-session.ts';

export interface StoreShape {
  readonly sessions: number;
  readonly entriesOfOne: number;
  readonly seed: number;
}

const AGE_MS = 60 * DAY_MS;
const PROJECT = '-srv-old';
const TEXT = 'x'.repeat(300);

/** The SDK's own work is not the store's. */
export const foldNothing: FoldSummary = (_, { sessionId }) => ({ sessionId, mtime: 0, data: {} });

export function makeEntries(sessionId: string, count: number): SessionStoreEntry[] {
  return Array.from({ length: count }, () => {
    return { type: 'user', uuid: randomUUID(), sessionId, message: { role: 'user', content: TEXT } };
  });
}

/** All of it in the one file, so that it can be copied. */
export async function makeOldStore(path: string, { sessions, entriesOfOne, seed }: StoreShape): Promise<void> {
  const random = seededRandom(seed);
  const atMs = Date.now() - AGE_MS;
  const store = new SqliteSessionStore(path, { clock: { now: () => atMs }, foldSessionSummary: foldNothing });
  for (let made = 0; made < sessions; made += 1) {
    const sessionId = randomId(random);
    await store.append({ projectKey: PROJECT, sessionId }, makeEntries(sessionId, entriesOfOne));
  }
  store.close();
  writeBack(path);
}

/** What lies in its log, too. */
export function writeBack(path: string): void {
  const database = new Database(path);
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
}

/** Of the old sessions. */
export interface LeftInStore {
  readonly shown: number;
  readonly entries: number;
}

export function leftIn(path: string): LeftInStore {
  const database = new Database(path, { readonly: true });
  try {
    const count = (table: string, also: string) =>
      Number(database.prepare(`SELECT count(*) FROM ${table} WHERE project_key = ? ${also}`).pluck().get(PROJECT));
    return { shown: count(STORED_TABLE, 'AND trashed_at IS NULL'), entries: count(ENTRIES_TABLE, '') };
  } finally {
    database.close();
  }
}
