/** The state directory that every case begins with, and what is in its resume map afterwards. */

import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { freshDirectory } from '../../support/place.ts';
import { PROGRAM, run } from '../../support/process.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';
import { runNow } from './jobs.ts';

export const STALE_ROWS = 5;
export const FRESH_ROWS = 5;
const STALE = "key LIKE 'forgejo:a:acme/stale:%'";
const IN_USE = "key LIKE 'forgejo:a:acme/fresh:%' OR key = 'forgejo:a:acme/app:1'";

/** A state directory as an earlier run has left it: the live row, stale rows and fresh ones, and a ledger. */
export async function makeStateTemplate(directory: string, liveId: string): Promise<string> {
  const claudeDir = join(directory, 'template-claude');
  const stateDir = join(directory, 'template-state');
  mkdirSync(join(claudeDir, 'projects'), { recursive: true });
  const common = [PROGRAM, '--claude-dir', claudeDir, '--state-dir', stateDir];
  await run(process.execPath, [...common, ...runNow('purge-trash')]);
  await run(process.execPath, [...common, 'map', 'set', 'forgejo:a:acme/app:1', liveId]);
  if (!existsSync(join(stateDir, 'sessions.db'))) throw new Error('no state directory could be made');
  const database = new Database(join(stateDir, 'sessions.db'));
  const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
  for (let row = 0; row < STALE_ROWS + FRESH_ROWS; row += 1) {
    const isStale = row < STALE_ROWS;
    const usedAtMs = Date.now() - (isStale ? 40 * DAY_MS : 60_000);
    insert.run(
      `forgejo:a:acme/${isStale ? 'stale' : 'fresh'}:${row}`,
      sessionIdOf(0xffe_000_000 + row),
      usedAtMs,
      usedAtMs,
    );
  }
  database.close();
  return stateDir;
}

/** In a copy: where the state directory is full or read-only, not even reading works. */
export function countRows(stateDir: string, scratch: string): { readonly stale: number; readonly inUse: number } {
  const copy = freshDirectory(scratch, 'state-copy');
  for (const suffix of ['', '-wal']) {
    const path = join(stateDir, `sessions.db${suffix}`);
    if (existsSync(path)) cpSync(path, join(copy, `sessions.db${suffix}`));
  }
  const database = new Database(join(copy, 'sessions.db'));
  const count = (where: string) =>
    Number(database.prepare(`SELECT count(*) FROM claude_sdk_sessions WHERE ${where}`).pluck().get());
  const counts = { stale: count(STALE), inUse: count(IN_USE) };
  database.close();
  return counts;
}
