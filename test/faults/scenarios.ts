/** The jobs that the harnesses break, each on a tree of its own, and where every session must be in the end. */

import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { freshDirectory, Place } from '../support/place.ts';
import { DAY_MS, type MadeSession, makeTree, sessionIdOf } from '../support/tree.ts';
import { type Prints, printsOf, type Shielded, trashRuns, type Whereabouts } from './oracle.ts';

/** A place as it is before the program runs; every case works on a copy of it. */
export interface Template {
  readonly directory: string;
  readonly sessions: readonly MadeSession[];
  readonly prints: Prints;
  /** Ids of sessions that may be kept from Claude's own clean-up. */
  readonly wanted: ReadonlySet<string>;
}

export interface Scenario {
  readonly name: string;
  prepare(directory: string, seed: number): Promise<Template>;
  /** What is run where it is not the program. */
  readonly script?: string;
  /** @param place the copy that the case works on */
  args(place: Place, template: Template): readonly string[];
  /** Where each session must be after the second run; undefined for what is no matter of sessions. */
  expected(template: Template): ReadonlyMap<string, Whereabouts>;
  /** What must be true after each kill. */
  judgeKilled?(place: Place): readonly string[];
  /** What else must be true after the second run. */
  judge?(place: Place, template: Template): readonly string[];
}

const isOld = (session: MadeSession) => Date.now() - session.mtimeMs > 30 * DAY_MS;

/** The first old session is live: a row names it. */
function liveOf(sessions: readonly MadeSession[]): MadeSession | undefined {
  return sessions.find(isOld);
}

export async function prepareTree(directory: string, seed: number): Promise<Template> {
  const sessions = makeTree(join(directory, 'claude'), { sessions: 14, seed });
  const live = liveOf(sessions);
  if (live !== undefined) {
    await new Place(directory).run(['map', 'set', 'forgejo:a:acme/app:1', live.id]);
  }
  const wanted = new Set(live === undefined ? [] : [live.id]);
  return { directory, sessions, prints: printsOf(join(directory, 'claude'), sessions), wanted };
}

async function prepareTrash(directory: string, seed: number): Promise<Template> {
  const template = await prepareTree(directory, seed);
  await new Place(directory).run(['--run-now', '--job', 'prune-transcripts']);
  return template;
}

/** What a prune may have shielded until now. */
export function shieldedNow({ wanted }: Template): Shielded {
  return { ids: wanted, latestMs: Date.now() };
}

export const prune: Scenario = {
  name: 'prune',
  prepare: prepareTree,
  args: (place) => [...place.flags, '--run-now', '--job', 'prune-transcripts'],
  expected: ({ sessions }) => {
    const live = liveOf(sessions);
    return new Map(sessions.map((one) => [one.id, isOld(one) && one !== live ? 'trashed' : 'here']));
  },
};

export const purge: Scenario = {
  name: 'purge',
  prepare: async (directory, seed) => {
    const template = await prepareTrash(directory, seed);
    // One of the trashed is live again: its row must save it.
    const revived = template.sessions.filter(isOld)[1];
    if (revived !== undefined) {
      await new Place(directory).run(['map', 'set', 'forgejo:a:acme/app:2', revived.id]);
    }
    return template;
  },
  args: (place) => [...place.flags, '--run-now', '--job', 'purge-trash', '--trash-keep', '1ms'],
  expected: ({ sessions }) => {
    const [live, revived] = sessions.filter(isOld);
    return new Map(
      sessions.map((one) => [one.id, !isOld(one) || one === live ? 'here' : one === revived ? 'trashed' : 'gone']),
    );
  },
};

export const restore: Scenario = {
  name: 'restore',
  // What comes back is shielded at once.
  prepare: async (directory, seed) => {
    const template = await prepareTrash(directory, seed);
    return { ...template, wanted: new Set(template.sessions.map(({ id }) => id)) };
  },
  args: (place, { sessions }) => [
    ...place.flags,
    'trash',
    'restore',
    ...sessions.filter((one) => isOld(one) && one !== liveOf(sessions)).map((one) => one.id),
  ],
  expected: ({ sessions }) => new Map(sessions.map((one) => [one.id, 'here'])),
};

const STALE_ROWS = 700;
const FRESH_ROWS = 300;

export const sweep: Scenario = {
  name: 'sweep',
  prepare: async (directory, seed) => {
    const template = await prepareTree(directory, seed);
    const database = new Database(join(directory, 'state/sessions.db'));
    const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
    database.transaction(() => {
      for (let row = 0; row < STALE_ROWS + FRESH_ROWS; row += 1) {
        const usedAtMs = Date.now() - (row < STALE_ROWS ? 40 * DAY_MS : 60_000);
        insert.run(`forgejo:a:acme/sweep:${row}`, sessionIdOf(90_000_000 + row), usedAtMs, usedAtMs);
      }
    })();
    database.close();
    return template;
  },
  args: (place) => [...place.flags, '--run-now', '--job', 'sweep-sessions'],
  expected: ({ sessions }) => new Map(sessions.map((one) => [one.id, 'here'])),
  judge: (place) => {
    const rows = countRows(place, "key LIKE 'forgejo:a:acme/sweep:%'");
    return rows === FRESH_ROWS ? [] : [`${rows} rows are left of ${FRESH_ROWS} fresh ones`];
  },
};

const IMPORTED_ROWS = 300;

export const migrate: Scenario = {
  name: 'migrate',
  prepare: async (directory, seed) => {
    const sessions = makeTree(join(directory, 'claude'), { sessions: 4, seed });
    freshDirectory(directory, 'state');
    const rows = Array.from({ length: IMPORTED_ROWS }, (_, row) => {
      const value = row % 2 === 0 ? sessionIdOf(row) : { id: sessionIdOf(row), last_used_at: Date.now() };
      return [`foreman:acme/app:${row}`, value] as const;
    });
    writeFileSync(join(directory, 'state/sessions.json'), JSON.stringify(Object.fromEntries(rows)));
    return { directory, sessions, prints: printsOf(join(directory, 'claude'), sessions), wanted: new Set() };
  },
  args: (place) => [...place.flags, '--run-now', '--job', 'sweep-sessions', '--sessions-max-age', 'never'],
  expected: ({ sessions }) => new Map(sessions.map((one) => [one.id, 'here'])),
  judge: (place) => {
    const rows = countRows(place, "key LIKE 'forgejo:architect:acme/app:%'");
    const names = readdirSync(place.stateDir).filter((name) => name.startsWith('sessions.json'));
    return [
      ...(rows === IMPORTED_ROWS ? [] : [`${rows} rows are imported of ${IMPORTED_ROWS}`]),
      ...(names.join() === 'sessions.json.bak' ? [] : [`beside the database there are ${names.join(', ')}`]),
    ];
  },
};

function countRows(place: Place, where: string): number {
  const database = new Database(join(place.stateDir, 'sessions.db'), { readonly: true });
  try {
    return Number(database.prepare(`SELECT count(*) FROM claude_sdk_sessions WHERE ${where}`).pluck().get());
  } finally {
    database.close();
  }
}

export function copyPlace(template: Template, place: Place): void {
  rmSync(place.directory, { recursive: true, force: true });
  cpSync(template.directory, place.directory, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
}

export function printsOfPresent(claudeDir: string, { sessions }: Template): Prints {
  const runs = trashRuns(claudeDir);
  const prints = new Map<string, Prints extends ReadonlyMap<string, infer P> ? P : never>();
  for (const root of [claudeDir, ...runs]) {
    for (const session of sessions) {
      const files = session.files.filter((file) => existsSync(join(root, file)));
      for (const [file, print] of printsOf(root, [{ ...session, files }])) prints.set(file, print);
    }
  }
  return prints;
}

/** Of a tree in which enough sessions of every kind are old: chance chooses the cases, not what they work on. */
export const TREE_SEED = 121;
