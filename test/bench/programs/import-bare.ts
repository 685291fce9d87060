/** The shortest import of a `sessions.json`: JSON.parse, and inserts in one transaction. `import-bare.js STATE_DIR` */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { RESUME_MAP_MIGRATIONS } from '../../../src/resume-map/schema.ts';

type Entry = string | { readonly id: string; readonly last_used_at: number };

const stateDir = process.argv[2] ?? '';
const entries = JSON.parse(readFileSync(join(stateDir, 'sessions.json'), 'utf8')) as Record<string, Entry>;
const database = new Database(join(stateDir, 'sessions.db'));
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
for (const sql of RESUME_MAP_MIGRATIONS) database.exec(sql);
const insert = database.prepare(
  'INSERT INTO claude_sdk_sessions (key, session_id, last_used_at, created_at) VALUES (?, ?, ?, ?)',
);
database.transaction(() => {
  for (const key in entries) {
    const entry = entries[key] ?? '';
    const current = key.startsWith('forgejo:') ? key : `forgejo:${key}`;
    if (typeof entry === 'string') insert.run(current, entry, 0, 0);
    else insert.run(current, entry.id, entry.last_used_at, entry.last_used_at);
  }
})();
database.close();
