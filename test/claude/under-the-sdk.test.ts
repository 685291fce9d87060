/** The store under the Agent SDK's functions that need no client: they work in this process. */

import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { forkSession, importSessionToStore, listSessions, listSubagents } from '@anthropic-ai/claude-agent-sdk';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SqliteSessionStore } from '../../src/library/index.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const HOUR_MS = 3_600_000;

/** Counts how many transcripts are loaded whole. */
class CountingStore extends SqliteSessionStore {
  loads = 0;

  override load(...args: Parameters<SqliteSessionStore['load']>): ReturnType<SqliteSessionStore['load']> {
    this.loads += 1;
    return super.load(...args);
  }
}

function lineOf(sessionId: string, cwd: string, text: string, isSidechain = false): string {
  const uuid = crypto.randomUUID();
  const message = { role: 'user', content: text };
  const timestamp = new Date(NOW).toISOString();
  return `${JSON.stringify({ type: 'user', uuid, parentUuid: null, isSidechain, sessionId, cwd, timestamp, message })}\n`;
}

/** A project directory with transcripts, each with one of a subagent beside it, and a store by a clock that can be set. */
function newHost(sessions: number) {
  const configDir = tempDir();
  vi.stubEnv('CLAUDE_CONFIG_DIR', configDir);
  onTestFinished(() => void vi.unstubAllEnvs());
  const dir = realpathSync(tempDir());
  const project = join(configDir, 'projects', dir.replaceAll(/[^a-zA-Z0-9]/g, '-'));
  const ids = Array.from({ length: sessions }, (_, number) => sessionIdOf(number + 1));
  for (const id of ids) {
    mkdirSync(join(project, id, 'subagents'), { recursive: true });
    writeFileSync(join(project, `${id}.jsonl`), lineOf(id, dir, `first of ${id}`));
    writeFileSync(join(project, id, 'subagents/agent-a1.jsonl'), lineOf(id, dir, 'sub', true));
  }
  const path = join(tempDir(), 'entries.db');
  const clock = new SetClock(NOW);
  const store = new CountingStore(path, { clock });
  onTestFinished(() => store.close());
  const stored = () => {
    const database = new Database(path, { readonly: true });
    const rows = database.prepare('SELECT session_id, last_used_at, mtime FROM claude_session_stored').all();
    database.close();
    return rows;
  };
  return { dir, ids, store, clock, stored };
}

describe('a session store under the SDK', () => {
  it('lists hundreds of imported sessions with subagents, loads none of them and makes none younger', async () => {
    const { dir, ids, store, clock, stored } = newHost(200);
    for (const id of ids) {
      await importSessionToStore(id, store, { dir });
      clock.nowMs += 1;
    }
    const before = stored();
    clock.nowMs += HOUR_MS;
    const listed = await listSessions({ dir, sessionStore: store });
    expect(listed).toHaveLength(200);
    expect(listed).toContainEqual(expect.objectContaining({ sessionId: ids[0], firstPrompt: `first of ${ids[0]}` }));
    expect([store.loads, stored()]).toEqual([0, before]);
  });

  it('lists sessions whose subagents went on after them, loads none and makes none younger', async () => {
    const { dir, ids, store, clock, stored } = newHost(3);
    for (const id of ids) await importSessionToStore(id, store, { dir });
    const [{ projectKey } = { projectKey: '' }] = [{ projectKey: dir.replaceAll(/[^a-zA-Z0-9]/g, '-') }];
    clock.nowMs += HOUR_MS;
    for (const sessionId of ids) {
      const key = { projectKey, sessionId, subpath: 'subagents/agent-a1' };
      await store.append(key, [{ type: 'user', uuid: crypto.randomUUID() }]);
    }
    const before = stored();
    clock.nowMs += HOUR_MS;
    expect(await listSessions({ dir, sessionStore: store })).toHaveLength(3);
    expect([store.loads, stored()]).toEqual([0, before]);
  });

  it('takes a session in with its subagent, twice without a duplicate, and forks it beside its original', async () => {
    const { dir, ids, store } = newHost(1);
    const [id = ''] = ids;
    for (let round = 0; round < 2; round += 1) await importSessionToStore(id, store, { dir });
    const projectKey = dir.replaceAll(/[^a-zA-Z0-9]/g, '-');
    expect(await store.load({ projectKey, sessionId: id })).toHaveLength(1);
    expect(await listSubagents(id, { dir, sessionStore: store })).toHaveLength(1);
    const { sessionId } = await forkSession(id, { dir, sessionStore: store });
    expect(await store.load({ projectKey, sessionId })).toContainEqual(
      expect.objectContaining({ sessionId, message: { role: 'user', content: `first of ${id}` } }),
    );
    const listed = await listSessions({ dir, sessionStore: store });
    expect(listed.map((one) => one.sessionId).toSorted()).toEqual([id, sessionId].toSorted());
  });
});
