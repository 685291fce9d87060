/**
 * A deliberately lax command line: it takes any configuration file, makes a database where there is none, imports sessions.json with
 * JSON.parse and spread, and finds keys with LIKE. The cases must find it out.
 */

import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

const args = process.argv.slice(2).filter((argument) => argument !== '--' && argument !== '--json');
const state = process.env.SWEEPER_STATE_DIR ?? '';

if (args[0] === 'map') {
  const database = new Database(process.env.SWEEPER_SESSIONS_DB ?? join(state, 'sessions.db'));
  database.exec(
    'CREATE TABLE IF NOT EXISTS claude_sdk_sessions (key TEXT PRIMARY KEY, session_id, last_used_at, created_at)',
  );
  const file = join(state, 'sessions.json');
  if (existsSync(file)) {
    try {
      const rows = { ...JSON.parse(readFileSync(file, 'utf8')) } as Record<string, string | { id: string }>;
      const insert = database.prepare('INSERT OR REPLACE INTO claude_sdk_sessions VALUES (?, ?, 0, 0)');
      for (const [key, row] of Object.entries(rows)) insert.run(key, typeof row === 'string' ? row : row.id);
      renameSync(file, `${file}.bak`);
    } catch (error) {
      console.error(`error: ${file}: ${String(error)}`);
      process.exit(65);
    }
  }
  if (args[1] === 'drop') database.prepare('DELETE FROM claude_sdk_sessions WHERE key LIKE ?').run(args[2]);
  if (args[1] === 'set')
    database.prepare('INSERT OR REPLACE INTO claude_sdk_sessions VALUES (?, ?, 0, 0)').run(args[2], args[3]);
  database.close();
}
