/**
 * A deliberately broken pruner: where a rename is impossible it copies and unlinks instead, as well as it can, and goes on after
 * every error. The harnesses must find it out.
 */

import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';

const [claudeDir = '', databasePath = '', trash = '', maxAgeMs = '0'] = process.argv.slice(2);

const database = new Database(databasePath, { readonly: true });
const live = new Set(database.prepare('SELECT session_id FROM claude_sdk_sessions').pluck().all());
database.close();

const attempt = (act: () => void) => {
  try {
    act();
    return true;
  } catch {
    return false;
  }
};

const move = (path: string) => {
  const [from, to] = [join(claudeDir, path), join(trash, path)];
  if (!existsSync(from)) return;
  const isRenamed = attempt(() => {
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
  });
  if (isRenamed) return;
  attempt(() => cpSync(from, to, { recursive: true, preserveTimestamps: true }));
  attempt(() => rmSync(from, { recursive: true }));
};

for (const project of readdirSync(join(claudeDir, 'projects'))) {
  if (project.endsWith('.jsonl')) continue;
  for (const name of readdirSync(join(claudeDir, 'projects', project))) {
    if (!name.endsWith('.jsonl')) continue;
    const id = name.slice(0, -'.jsonl'.length);
    const path = `projects/${project}/${name}`;
    if (live.has(id) || Date.now() - lstatSync(join(claudeDir, path)).mtimeMs < Number(maxAgeMs)) continue;
    for (const part of [path, `projects/${project}/${id}`, `file-history/${id}`, `session-env/${id}`, `tasks/${id}`]) {
      move(part);
    }
  }
}
