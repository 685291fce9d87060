/** What bots know of the store that they had before, by the library's own face. */

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OperatingError, openThreadMap, type ThreadMap, UnknownThreadError } from '../../src/library/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { closedAfterwards, thread } from './threads.ts';

const DAY_MS = 86_400_000;

async function openAt(databasePath: string): Promise<ThreadMap> {
  return closedAfterwards(await openThreadMap({ databasePath }));
}

const newPath = () => join(tempDir(), 'threads.db');
const openNew = () => openAt(newPath());
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS);
const fresh = { createdAt: new Date(), lastActive: new Date() };

describe('the thread map', () => {
  it('gives back what was inserted, and null for a thread that it does not hold', async () => {
    const map = await openNew();
    const times = { createdAt: '2026-06-15T12:00:00.123456789+00:00', lastActive: '2026-06-15T21:00:00+09:00' };
    const full = { agentKind: 'codex', status: 'error', totalTurns: 7, model: 'opus', ...times } as const;
    await map.insert(thread('t1', { sessionId: 's1', repo: 'repo1', ...full }));
    expect(await map.getByThread('t1')).toEqual({
      threadTs: 't1',
      sessionId: 's1',
      repo: 'repo1',
      repoPath: '/srv/app',
      channelId: 'C1',
      ...full,
    });
    expect(await map.getByThread('nonexistent')).toBeNull();
  });

  it('needs to be told neither the agent, the status, the turns nor the model', async () => {
    const map = await openNew();
    await map.insert(thread('t1'));
    expect(await map.getByThread('t1')).toMatchObject({
      agentKind: 'claude',
      status: 'active',
      totalTurns: 0,
      model: null,
    });
  });

  it('replaces the session of a thread by one that is inserted for it', async () => {
    const map = await openNew();
    await map.insert(thread('t1', { sessionId: 's1', totalTurns: 3, model: 'opus' }));
    await map.insert(thread('t1', { sessionId: 's2' }));
    expect(await map.getByThread('t1')).toMatchObject({ sessionId: 's2', totalTurns: 0, model: null });
    expect(await map.activeSessions()).toHaveLength(1);
  });

  it('updates a thread by what a function assigns to it', async () => {
    const map = await openNew();
    await map.insert(thread('t1'));
    await map.update('t1', (session) => {
      session.totalTurns += 5;
      session.status = 'error';
    });
    expect(await map.getByThread('t1')).toMatchObject({ totalTurns: 5, status: 'error' });
  });

  it('answers an update of a thread that it does not hold with an error of its own kind', async () => {
    const map = await openNew();
    const error = await map.update('nonexistent', {}).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnknownThreadError);
    expect(error).toBeInstanceOf(OperatingError);
    expect(error).toMatchObject({ threadTs: 'nonexistent', code: 'unknown-thread', kind: 'usage' });
    expect(await map.activeSessions()).toEqual([]);
  });

  it('calls all but those in error active', async () => {
    const map = await openNew();
    await map.insert(thread('t2', { sessionId: 's2', status: 'error' }));
    await map.insert(thread('t3', { sessionId: 's3' }));
    await map.insert(thread('t1', { sessionId: 's1' }));
    expect((await map.activeSessions()).map(({ sessionId }) => sessionId)).toEqual(['s1', 's3']);
  });

  it('tells whether any thread has a session', async () => {
    const map = await openNew();
    await map.insert(thread('t1', { sessionId: 's1', status: 'error' }));
    expect([await map.hasSessionId('s1'), await map.hasSessionId('s999')]).toEqual([true, false]);
  });

  it('holds after a restart what it held before', async () => {
    const path = newPath();
    const before = await openAt(path);
    await before.insert(thread('t1', { sessionId: 's1' }));
    await before.close();
    expect(await (await openAt(path)).getByThread('t1')).toMatchObject({ sessionId: 's1' });
  });

  it('prunes the threads of other channels than now, and of repositories that are no longer configured', async () => {
    const map = await openNew();
    await map.insert(thread('kept', { repo: 'repo1', channelId: 'C123' }));
    await map.insert(thread('moved', { repo: 'repo1', channelId: 'C999' }));
    await map.insert(thread('unconfigured', { repo: 'repo2', channelId: 'C123' }));
    expect(await map.pruneStaleChannels(new Map([['repo1', 'C123']]))).toEqual({ deleted: 2, unreadable: 0 });
    expect((await map.activeSessions()).map(({ threadTs }) => threadTs)).toEqual(['kept']);
  });

  it('prunes the threads that were not active within the time to live', async () => {
    const map = await openNew();
    await map.insert(thread('recent', fresh));
    await map.insert(thread('old', { createdAt: daysAgo(20), lastActive: daysAgo(10) }));
    await map.insert(thread('old, in use', { createdAt: daysAgo(20), lastActive: daysAgo(1) }));
    expect(await map.pruneExpired(7 * DAY_MS)).toEqual({ deleted: 1, unreadable: 0 });
    expect((await map.activeSessions()).map(({ threadTs }) => threadTs)).toEqual(['old, in use', 'recent']);
  });

  it('begins empty where there is no file', async () => {
    const path = join(tempDir(), 'new', 'threads.db');
    expect(await (await openAt(path)).activeSessions()).toEqual([]);
    expect(existsSync(path)).toBe(true);
  });

  it('brings in the threads of an old JSON file, which is set aside', async () => {
    const directory = tempDir();
    const record = {
      session_id: 's1',
      repo: 'repo1',
      repo_path: '/tmp',
      agent_kind: 'claude',
      channel_id: 'C123',
      thread_ts: 't1',
      created_at: '2026-06-15T12:00:00.123456789Z',
      last_active: '2026-06-15T12:00:00Z',
      status: 'active',
      total_turns: 3,
    };
    writeFileSync(
      join(directory, 'threads.json'),
      JSON.stringify({ t1: record, t2: { ...record, thread_ts: 't2', session_id: 's2', model: 'opus' } }),
    );
    const map = await openAt(join(directory, 'threads.db'));
    expect((await map.activeSessions()).map(({ sessionId, model }) => [sessionId, model])).toEqual([
      ['s1', null],
      ['s2', 'opus'],
    ]);
    expect(existsSync(join(directory, 'threads.json'))).toBe(false);
    expect(existsSync(join(directory, 'threads.json.bak'))).toBe(true);
  });
});
