/** Session stores as a host leaves them, and the worker's view on them. */

import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { SessionId } from '../../src/claude-dir/session-id.ts';
import { SqliteSessionStore } from '../../src/session-store/sqlite-session-store.ts';
import { StoredSessions } from '../../src/session-store/stored-sessions.ts';
import { SetClock } from './set-clock.ts';
import { tempDir } from './temp-dir.ts';

export const STORE_PROJECT = '-srv-app';

export interface MadeStore {
  readonly path: string;
  /** As a host has it open. */
  readonly store: SqliteSessionStore;
  /** As the worker has it open; waits for no other for long. */
  readonly sessions: StoredSessions;
}

/** @param atMs when all of them were used last */
export async function makeStore(ids: readonly SessionId[], atMs: number, entries = 1): Promise<MadeStore> {
  const path = join(tempDir(), 'entries.db');
  const store = new SqliteSessionStore(path, {
    clock: new SetClock(atMs),
    foldSessionSummary: (_, { sessionId }) => ({ sessionId, mtime: 0, data: {} }),
  });
  for (const sessionId of ids) {
    const batch = Array.from({ length: entries }, (_, number) => ({ type: 'user', uuid: `${number}` }));
    await store.append({ projectKey: STORE_PROJECT, sessionId }, batch);
  }
  const sessions = StoredSessions.open(path, { busyTimeoutMs: 20 });
  onTestFinished(() => {
    sessions.close();
    store.close();
  });
  return { path, store, sessions };
}

/** Hides all sessions of a store, as a prune did then. */
export function trashAll(sessions: StoredSessions, atMs: number): void {
  for (const session of sessions.sessions()) sessions.trash(session, 'expired', atMs);
}
