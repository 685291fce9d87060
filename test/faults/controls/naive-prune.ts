/**
 * A deliberately broken pruner: it reads the live ids once, then moves old transcripts and their companions one by one, with no
 * intent, no second look and paths that follow whatever is there. The harnesses must find it out.
 */

import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';

const [claudeDir = '', databasePath = '', trash = '', maxAgeMs = '0'] = process.argv.slice(2);

const database = new Database(databasePath, { readonly: true });
const live = new Set(database.prepare('SELECT session_id FROM claude_sdk_sessions').pluck().all());
database.close();

const move = (path: string) => {
  if (!existsSync(join(claudeDir, path))) return;
  mkdirSync(dirname(join(trash, path)), { recursive: true });
  renameSync(join(claudeDir, path), join(trash, path));
};

for (const project of readdirSync(join(claudeDir, 'projects'))) {
  for (const name of readdirSync(join(claudeDir, 'projects', project))) {
    if (!name.endsWith('.jsonl')) continue;
    const id = name.slice(0, -'.jsonl'.length);
    const path = `projects/${project}/${name}`;
    const ageMs = Date.now() - lstatSync(join(claudeDir, path)).mtimeMs;
    if (live.has(id) || ageMs < Number(maxAgeMs)) continue;
    move(path);
    for (const companion of [`projects/${project}/${id}`, `file-history/${id}`, `session-env/${id}`, `tasks/${id}`]) {
      move(companion);
    }
  }
}
