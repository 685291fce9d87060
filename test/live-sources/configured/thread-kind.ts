/** A bot's thread map as the contract suite makes it: by SQL of the bot's own, past all code of ours. */

import { execFileSync } from 'node:child_process';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import type { Workshop } from './kinds.ts';

const TABLE = `CREATE TABLE IF NOT EXISTS sessions (thread_ts TEXT PRIMARY KEY, session_id TEXT NOT NULL, repo TEXT NOT NULL,
  repo_path TEXT NOT NULL, agent_kind TEXT NOT NULL DEFAULT 'claude', channel_id TEXT NOT NULL, created_at TEXT NOT NULL,
  last_active TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'active', total_turns INTEGER NOT NULL DEFAULT 0, model TEXT)`;
const INSERT = `INSERT INTO sessions (thread_ts, session_id, repo, repo_path, channel_id, created_at, last_active, status)
  VALUES (?, ?, 'app', '/srv/app', 'C1', '2020-01-01T00:00:00Z', 'unreadable', 'error')`;

/** Its rows are in error, old, and of a time that cannot be read: all of that is live. */
export function threadMap(directory: string): Workshop {
  const db = join(directory, 'threads.db');
  return {
    settings: { kind: 'thread-map', name: 'slack', db },
    name: (ids) => fill(db, ids),
    faults: {
      gone: () => rmSync(db),
      'a symlink that leads nowhere': () => {
        rmSync(db);
        execFileSync('ln', ['-s', 'nowhere', db]);
      },
      'a FIFO that nobody writes': () => {
        rmSync(db);
        execFileSync('mkfifo', [db]);
      },
      'a file of another kind': () => writeFileSync(db, 'this is no database, however long it is. '.repeat(100)),
      'cut off': () => truncateSync(db, 5_000),
      empty: () => truncateSync(db, 0),
      'without its table': () => execute(db, 'ALTER TABLE sessions RENAME TO threads'),
      'a table of another program': () => execute(db, 'ALTER TABLE sessions RENAME COLUMN session_id TO id'),
      locked: () => {
        const database = new Database(db);
        database.exec('BEGIN EXCLUSIVE');
        onTestFinished(() => void database.close());
      },
    },
  };
}

function fill(db: string, ids: readonly SessionId[]): void {
  const database = new Database(db, { timeout: 0 });
  try {
    database.exec(`${TABLE}; DELETE FROM sessions`);
    for (const [index, id] of ids.entries()) database.prepare(INSERT).run(`${index}.000001`, id);
  } finally {
    database.close();
  }
}

function execute(db: string, sql: string): void {
  const database = new Database(db);
  database.exec(sql);
  database.close();
}
