/**
 * A deliberately broken pruner: `snapshot-prune.js CLAUDE_DIR DATABASE THREADS TRASH MAX_AGE_MS UNTIL_MS`, with or without a thread map. Again and again it reads once who is
 * live, takes as long to look around as it takes in a big tree, and then moves what is old and was not live at the beginning.
 */

import { lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';

const LOOK_AROUND_MS = 50;

const [claudeDir = '', databasePath = '', threads = '', trash = '', maxAgeMs = '0', untilMs = '0'] =
  process.argv.slice(2);
const databases = [databasePath, threads].filter(Boolean).map((path) => new Database(path, { readonly: true }));
const liveIds = databases.map((database, index) => {
  return database.prepare(`SELECT session_id FROM ${index === 0 ? 'claude_sdk_sessions' : 'sessions'}`).pluck();
});

function transcripts(): string[] {
  return readdirSync(join(claudeDir, 'projects')).flatMap((project) =>
    readdirSync(join(claudeDir, 'projects', project)).map((name) => `projects/${project}/${name}`),
  );
}

function moveIfOld(path: string): void {
  try {
    if (Date.now() - lstatSync(join(claudeDir, path)).mtimeMs < Number(maxAgeMs)) return;
    mkdirSync(dirname(join(trash, path)), { recursive: true });
    renameSync(join(claudeDir, path), join(trash, path));
  } catch {
    // Its host has got in between.
  }
}

while (Date.now() < Number(untilMs)) {
  const live = new Set(liveIds.flatMap((ids) => ids.all()));
  const paths = transcripts().filter((path) => !live.has(path.slice(-'.jsonl'.length - 36, -'.jsonl'.length)));
  await sleep(LOOK_AROUND_MS);
  for (const path of paths) moveIfOld(path);
}
for (const database of databases) database.close();
