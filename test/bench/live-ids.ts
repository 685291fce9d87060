/** Resume maps that name sessions of a grown tree. */

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { openResumeMap, sessionKey } from '../support/library.ts';
import { freshDirectory } from '../support/place.ts';
import { seededRandom, spread } from '../support/samples.ts';
import { type GrownSession, randomId } from './grown-session.ts';
import type { GrownTree } from './tree.ts';

/** Of the rows, so many name sessions of other hosts; of the expired sessions, so many are named. */
const ELSEWHERE_SHARE = 0.1;
const EXPIRED_NAMED_SHARE = 0.02;

export interface MapRow {
  readonly id: string;
  readonly lastUsedAtMs: number;
}

export interface LiveIds {
  /** Expired sessions that no row names: what a prune is to remove. */
  readonly removable: readonly GrownSession[];
  /** An empty state directory but for the map. */
  freshState(): string;
}

/** Makes the default resume map of a state directory, as the library does, and fills it. @returns the database's path */
export async function makeMap(stateDir: string, rows: readonly MapRow[]): Promise<string> {
  await (await openResumeMap({ stateDir })).close();
  const path = join(stateDir, 'sessions.db');
  const database = new Database(path);
  const insert = database.prepare(
    'INSERT INTO claude_sdk_sessions (key, session_id, last_used_at, created_at) VALUES (?, ?, ?, ?)',
  );
  database.transaction(() => {
    for (const [number, { id, lastUsedAtMs }] of rows.entries())
      insert.run(keyOf(number), id, lastUsedAtMs, lastUsedAtMs);
  })();
  database.close();
  return path;
}

export function keyOf(number: number): string {
  const [repo, issue] = [`acme/app-${Math.floor(number / 500)}`, number % 500];
  return sessionKey({ forge: 'forgejo', agent: 'architect', repo, issue });
}

/** @param directory an empty one of its own */
export async function nameLive(tree: GrownTree, rows: number, seed: number, directory: string): Promise<LiveIds> {
  // Not the tree's own seed, whose ids would come again.
  const random = seededRandom(seed + 1);
  const { expired } = tree;
  const named = new Set(expired.filter(() => random() < EXPIRED_NAMED_SHARE));
  const young = tree.sessions.filter(({ isExpired }) => !isExpired);
  const youngNamed = spread(young, Math.round(rows * (1 - ELSEWHERE_SHARE)) - named.size);
  const inTree = [...named, ...youngNamed].map(({ id }) => id);
  const elsewhere = Array.from({ length: Math.max(0, rows - inTree.length) }, () => randomId(random));
  const lastUsedAtMs = Date.now();
  const ids = [...inTree, ...elsewhere];
  const template = await makeMap(
    freshDirectory(directory, 'map'),
    ids.map((id) => ({ id, lastUsedAtMs })),
  );
  return {
    removable: expired.filter((session) => !named.has(session)),
    freshState: () => {
      const stateDir = freshDirectory(directory, 'state');
      copyFileSync(template, join(stateDir, 'sessions.db'));
      return stateDir;
    },
  };
}
