/** Threads as the tests write them, and maps that are closed when their test is over. */

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { SqliteThreadMap } from '../../src/thread-map/sqlite.ts';
import type { NewThreadSession } from '../../src/thread-map/thread-map.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';

export const NOW_MS = Date.UTC(2026, 5, 15, 12);
export const NOW = new Date(NOW_MS).toISOString();
export const ID = sessionIdOf(1);
export const OTHER_ID = sessionIdOf(2);

export function thread(threadTs: string, changes: Partial<NewThreadSession> = {}): NewThreadSession {
  return {
    threadTs,
    sessionId: ID,
    repo: 'app',
    repoPath: '/srv/app',
    channelId: 'C1',
    createdAt: NOW,
    lastActive: NOW,
    ...changes,
  };
}

export function openMap(path = join(tempDir(), 'threads.db')): SqliteThreadMap {
  return closedAfterwards(SqliteThreadMap.open(path, { clock: new SetClock(NOW_MS) }));
}

export function closedAfterwards<T extends { close(): Promise<void> }>(map: T): T {
  onTestFinished(() => map.close());
  return map;
}

/** Another connection, past all code of ours. */
export function openBeside(path: string): Database.Database {
  const database = new Database(path, { timeout: 0 });
  onTestFinished(() => void database.close());
  return database;
}

/** As another program would. */
export function change(map: SqliteThreadMap, sql: string, ...bound: unknown[]): void {
  openBeside(map.path)
    .prepare(sql)
    .run(...bound);
}
