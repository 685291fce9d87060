/**
 * The session store in SQLite as the SDK uses it: it takes all that the client writes, a session resumes from it with all its messages
 * in a directory that has none of it, and what the worker hides is gone to the SDK until it is restored.
 */

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  deleteSession,
  forkSession,
  importSessionToStore,
  listSessions,
  listSubagents,
  type Options,
  query,
  type SDKMessage,
  type SessionStore,
  tagSession,
} from '@anthropic-ai/claude-agent-sdk';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  openResumeMap,
  runWithSessionResume,
  type SessionStoreEntry,
  SqliteSessionStore,
} from '../../src/library/index.ts';
import { DAY_MS } from '../support/tree.ts';
import { unitOf } from './ages.ts';
import { type Claude, heard } from './client.ts';
import { text } from './replies.ts';
import { expectResumed, type Told, toldAfter } from './told.ts';
import { LARGE_RESULT, scriptWithSubagent } from './turns.ts';
import { openWorld, prune, sweeper, type World } from './world.ts';

let world: World;
let path: string;
let store: SqliteSessionStore;
let told: Told;
let projectKey: string;

beforeAll(async () => {
  world = await openWorld();
  const { api, claude, root } = world;
  path = join(root, 'entries.db');
  store = new SqliteSessionStore(path);
  scriptWithSubagent(api, 'first', LARGE_RESULT, text('The first answer.'));
  const result = await claude.sdk('first', { sessionStore: store });
  told = toldAfter(api, 'first', result);
  expect(result.messages.filter(isMirrorError)).toEqual([]);
  projectKey = readdirSync(join(claude.configDir, 'projects'))[0] ?? '';
});

afterAll(async () => {
  store?.close();
  await world?.close();
});

/** The same directory to work in, and nothing of any session. */
function emptyClaude(name: string): Claude {
  const empty = join(world.root, `empty ${name}`);
  mkdirSync(join(empty, 'projects'), { recursive: true });
  return world.claude.at(empty);
}

async function expectResumable(name: string, before: Told, from: SessionStore = store): Promise<Told> {
  const prompt = `again: ${name}`;
  world.api.script(prompt, text('Of course I know.'));
  const claude = emptyClaude(name);
  const options: Options = { resume: before.sessionId, sessionStore: from, sessionStoreFlush: 'eager' };
  const result = await claude.sdk(prompt, options);
  expect(result.messages.filter(isMirrorError)).toEqual([]);
  return expectResumed(world.api, before, prompt, result);
}

/** By which the SDK says that the store has not taken an entry. */
function isMirrorError(message: SDKMessage): boolean {
  return message.type === 'system' && message.subtype === 'mirror_error';
}

function inDatabase<T>(database: string, use: (opened: Database.Database) => T): T {
  const opened = new Database(database);
  try {
    return use(opened);
  } finally {
    opened.close();
  }
}

function entriesOf(database: string, sessionId: string) {
  return inDatabase(database, (opened) => {
    const rows = opened.prepare('SELECT id, subpath, uuid FROM claude_session_entries WHERE session_id = ?');
    return rows.all(sessionId) as { id: number; subpath: string; uuid: string | null }[];
  });
}

function lastUsedAt(sessionId: string): number {
  return inDatabase(path, (opened) => {
    const used = opened.prepare('SELECT last_used_at FROM claude_session_stored WHERE session_id = ?').pluck();
    return used.get(sessionId) as number;
  });
}

function age(sessionIds: readonly string[], ageMs: number): void {
  inDatabase(path, (opened) => {
    const statement = opened.prepare('UPDATE claude_session_stored SET last_used_at = ? WHERE session_id = ?');
    for (const id of sessionIds) statement.run(Date.now() - ageMs, id);
  });
}

/** What the SDK does without a client, it does in this process. */
function inDirectoryOf(claude: Claude) {
  vi.stubEnv('CLAUDE_CONFIG_DIR', claude.configDir);
  onTestFinished(() => void vi.unstubAllEnvs());
  return { dir: claude.projectDir };
}

describe('a session store under the SDK', () => {
  it('is a SessionStore to it', () => {
    const asTheirs: SessionStore = store;
    expect(asTheirs).toBe(store);
  });

  it('holds every message that the client has written, of the subagent too', async () => {
    const { configDir } = world.claude;
    const transcripts = unitOf(configDir, told.sessionId).filter((one) => one.endsWith('.jsonl'));
    expect(transcripts).toHaveLength(2);
    for (const transcript of transcripts) {
      const lines = readFileSync(join(configDir, transcript), 'utf8').trimEnd().split('\n');
      const subpath = transcript.split(`${told.sessionId}/`)[1]?.replace('.jsonl', '');
      const key = { projectKey, sessionId: told.sessionId, ...(subpath === undefined ? {} : { subpath }) };
      // The client keeps some notes of its own for itself, and those have no uuid.
      const identified = (entry: SessionStoreEntry) => entry.uuid !== undefined;
      const written = lines.map((line) => JSON.parse(line) as SessionStoreEntry).filter(identified);
      expect(written.length).toBeGreaterThan(3);
      expect((await store.load(key))?.filter(identified)).toEqual(written);
    }
  });

  it('resumes a session with all its messages where no directory has it, and counts that as a use', async () => {
    age([told.sessionId], 20 * DAY_MS);
    const startedAt = Date.now();
    told = await expectResumable('the first', told);
    expect(lastUsedAt(told.sessionId)).toBeGreaterThanOrEqual(startedAt);
  });

  it('lists its sessions', async () => {
    const listed = await listSessions({ ...inDirectoryOf(world.claude), sessionStore: store });
    expect(listed).toMatchObject([{ sessionId: told.sessionId, firstPrompt: 'first' }]);
    const subagents = await listSubagents(told.sessionId, { ...inDirectoryOf(world.claude), sessionStore: store });
    expect(subagents).toHaveLength(1);
  });

  it('keeps a fork beside its original, and loses the one that is deleted with all that belongs to it', async () => {
    const place = { ...inDirectoryOf(world.claude), sessionStore: store };
    const { sessionId } = await forkSession(told.sessionId, place);
    expect(sessionId).not.toBe(told.sessionId);
    const fork = await expectResumable('a fork', { ...told, sessionId });
    world.api.script('fork of the client', text('Forked.'));
    const options = { resume: fork.sessionId, forkSession: true, sessionStore: store };
    const second = toldAfter(
      world.api,
      'fork of the client',
      await emptyClaude('second fork').sdk('fork of the client', options),
    );
    expect(second.conversation.slice(0, fork.conversation.length)).toEqual(fork.conversation);

    for (const id of [fork.sessionId, second.sessionId]) {
      await deleteSession(id, place);
      expect(entriesOf(path, id)).toEqual([]);
      expect(await store.load({ projectKey, sessionId: id })).toBeNull();
    }
    expect((await listSessions(place)).map((one) => one.sessionId)).toEqual([told.sessionId]);
  });

  it('takes a session from a directory, twice without a duplicate, and resumes it', async () => {
    scriptWithSubagent(world.api, 'local', text('Local.'));
    const local = toldAfter(world.api, 'local', await world.claude.cli('local'));
    const imported = new SqliteSessionStore(join(world.root, 'imported.db'));
    onTestFinished(() => imported.close());
    const place = inDirectoryOf(world.claude);
    const importOnce = async () => {
      await importSessionToStore(local.sessionId, imported, { ...place, batchSize: 3 });
      const entries = entriesOf(join(world.root, 'imported.db'), local.sessionId);
      expect(new Set(entries.map(({ subpath }) => subpath)).size).toBe(2);
      return entries.filter(({ uuid }) => uuid !== null);
    };
    const first = await importOnce();
    expect(await importOnce()).toEqual(first);
    await expectResumable('imported', local, imported);
  });
});

describe('retention in a session store', () => {
  it('hides what has expired, spares what is protected, and gives back what is restored', async () => {
    const { api } = world;
    const place = { ...inDirectoryOf(world.claude), sessionStore: store };
    const claude = emptyClaude('for the worker');
    const forks = { mapped: '', tagged: '', expired: '', purged: '' };
    for (const name of Object.keys(forks) as (keyof typeof forks)[]) {
      forks[name] = (await forkSession(told.sessionId, place)).sessionId;
    }
    await tagSession(forks.tagged, 'keep', place);
    const key = 'forgejo:architect:acme/app:1';
    await sweeper(world, claude, 'map', 'set', key, forks.mapped);
    age(Object.values(forks), 40 * DAY_MS);
    const ofStore = ['--sessions-store', path];
    const { removed, kept } = await prune(world, claude, ...ofStore);
    expect(removed.toSorted()).toEqual([forks.expired, forks.purged].toSorted());
    expect(kept).toEqual({ live: 1, tagged: 1, 'too-young': 1 });

    expect(await store.load({ projectKey, sessionId: forks.expired })).toBeNull();
    expect((await listSessions(place)).map((one) => one.sessionId).toSorted()).toEqual(
      [told.sessionId, forks.mapped, forks.tagged].toSorted(),
    );
    api.script('hidden', text('Who are you?'));
    const hidden = await emptyClaude('hidden').sdk('hidden', { resume: forks.expired, sessionStore: store });
    expect(hidden.thrown).toContain(`No conversation found with session ID: ${forks.expired}`);

    const listed = await sweeper(world, claude, ...ofStore, 'trash', 'list', '--json');
    const { sessions } = JSON.parse(listed.stdout) as { sessions: { sessionId: string }[] };
    expect(sessions.map((one) => one.sessionId).toSorted()).toEqual(removed.toSorted());

    await sweeper(world, claude, ...ofStore, 'trash', 'restore', '--pin', forks.expired);
    await sweeper(world, claude, ...ofStore, '--trash-keep', '1ms', 'trash', 'purge');
    expect(entriesOf(path, forks.purged)).toEqual([]);
    for (const name of ['expired', 'mapped'] as const) {
      await expectResumable(name, { ...told, sessionId: forks[name] });
    }
  });

  it('has no conversation that was never in it: the host begins anew, in it', async () => {
    const map = await openResumeMap({ stateDir: join(world.root, 'state of a host') });
    onTestFinished(() => map.close());
    const key = 'forgejo:architect:acme/app:2';
    await map.setSession(key, '00000000-0000-4000-8000-000000000001');
    world.api.script('all', text('Begun anew.'));
    const claude = emptyClaude('host');
    const options = { ...claude.options(), sessionStore: store };
    const log = { warn: () => undefined };
    const run = { map, key, query, prompt: 'all', deltaPrompt: 'new', options, log };
    const result = await heard(runWithSessionResume(run));
    expect(result).toMatchObject({ said: 'Begun anew.', thrown: undefined });
    expect(await map.getSession(key)).toBe(result.sessionId);
    expect(await store.load({ projectKey, sessionId: result.sessionId ?? '' })).not.toBeNull();
    expect(await map.getSessionResumeFailuresTotal()).toBe(1);

    // That its own directory has nothing of it is no reason to begin anew once more.
    world.api.script('new', text('Gone on.'));
    const again = await heard(runWithSessionResume({ ...run, claudeDirs: [claude.configDir] }));
    expectResumed(world.api, toldAfter(world.api, 'all', result), 'new', again);
  });
});
