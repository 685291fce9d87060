import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FoldSummary, type SessionStoreEntry, SqliteSessionStore } from '../../src/library/index.ts';
import { StoredSessions } from '../../src/session-store/stored-sessions.ts';
import { runTogether } from '../support/forked.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const PROJECT = '-srv-app';
const ID = sessionIdOf(1);
const MAIN = { projectKey: PROJECT, sessionId: ID };
const AGENT = { ...MAIN, subpath: 'subagents/agent-a1' };

/** Counts what it is given, as the SDK's does not. */
const countingFold: FoldSummary = (before, key, entries, options) => ({
  sessionId: key.sessionId,
  mtime: options?.mtime ?? before?.mtime ?? 0,
  data: { entries: Number(before?.data.entries ?? 0) + entries.length },
});

function storeAt(path = join(tempDir(), 'entries.db'), clock = new SetClock(NOW)) {
  const store = new SqliteSessionStore(path, { foldSessionSummary: countingFold, clock });
  onTestFinished(() => store.close());
  return { path, clock, store };
}

const entry = (number: number, uuid?: string): SessionStoreEntry => ({
  type: 'user',
  ...(uuid === undefined ? {} : { uuid }),
  number,
});

describe('a session store', () => {
  it('gives back what was appended, deep-equal and in its order', async () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    const entries = fc.array(
      fc
        .record({ type: fc.string(), payload: json })
        .map((one) => JSON.parse(JSON.stringify(one)) as SessionStoreEntry),
      { minLength: 1, maxLength: 10 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(entries, { minLength: 1, maxLength: 4 }), async (batches) => {
        const { store } = storeAt();
        for (const batch of batches) await store.append(MAIN, batch);
        expect(await store.load(MAIN)).toEqual(batches.flat());
        store.close();
      }),
      { numRuns: 20 },
    );
  });

  it('stores an entry with a uuid once, and one without every time', async () => {
    const { store } = storeAt();
    const batch = [entry(1, 'a'), entry(2), entry(3, 'b')];
    await store.append(MAIN, batch);
    await store.append(MAIN, batch);
    await store.append(MAIN, [entry(4, 'b'), entry(5, 'c')]);
    expect((await store.load(MAIN))?.map(({ number }) => number)).toEqual([1, 2, 3, 2, 5]);
  });

  it('keeps the same uuid in the transcripts of a session and its subagent apart', async () => {
    const { store } = storeAt();
    await store.append(MAIN, [entry(1, 'a')]);
    await store.append(AGENT, [entry(2, 'a')]);
    expect([await store.load(MAIN), await store.load(AGENT)]).toEqual([[entry(1, 'a')], [entry(2, 'a')]]);
  });

  it('gives null for what was never written', async () => {
    const { store } = storeAt();
    await store.append(MAIN, [entry(1)]);
    expect(await store.load({ ...MAIN, sessionId: sessionIdOf(2) })).toBeNull();
    expect(await store.load({ ...MAIN, projectKey: 'other' })).toBeNull();
    expect(await store.load(AGENT)).toBeNull();
  });

  it('lists sessions of one project with whole milliseconds, and subagents of one session', async () => {
    const { store, clock } = storeAt();
    await store.append(MAIN, [entry(1)]);
    clock.nowMs += 1_500.7;
    await store.append({ ...MAIN, sessionId: sessionIdOf(2) }, [entry(1)]);
    await store.append({ ...MAIN, projectKey: 'other' }, [entry(1)]);
    for (const agent of ['subagents/agent-b', 'subagents/agent-a', 'subagents/workflows/wf_1/agent-c']) {
      await store.append({ ...MAIN, subpath: agent }, [entry(1), entry(2)]);
    }
    const listed = await store.listSessions(PROJECT);
    expect(listed.map(({ sessionId }) => sessionId).toSorted()).toEqual([ID, sessionIdOf(2)]);
    for (const { mtime } of listed) expect(Number.isInteger(mtime)).toBe(true);
    expect(await store.listSubkeys(MAIN)).toEqual([
      'subagents/agent-a',
      'subagents/agent-b',
      'subagents/workflows/wf_1/agent-c',
    ]);
  });

  it('changes the time of a session with every append, even where the clock stands', async () => {
    const { store } = storeAt();
    const times = [];
    for (let round = 0; round < 3; round += 1) {
      await store.append(MAIN, [entry(round)]);
      times.push((await store.listSessions(PROJECT))[0]?.mtime ?? 0);
    }
    expect(new Set(times).size).toBe(3);
    expect(times).toEqual(times.toSorted());
  });

  it('folds summaries of main transcripts alone, with what is new alone, in the time that it lists', async () => {
    const { store } = storeAt();
    await store.append(MAIN, [entry(1, 'a'), entry(2, 'b')]);
    await store.append(AGENT, [entry(9)]);
    await store.append(MAIN, [entry(1, 'a'), entry(3, 'c')]);
    const [summary] = await store.listSessionSummaries(PROJECT);
    const [listed] = await store.listSessions(PROJECT);
    expect(summary).toEqual({ sessionId: ID, mtime: listed?.mtime, data: { entries: 3 } });
  });

  it('changes nothing by an append of nothing: no session is made, none is used, none comes back', async () => {
    const { store, path, clock } = storeAt();
    await store.append(MAIN, []);
    expect([await store.load(MAIN), await store.listSessions(PROJECT)]).toEqual([null, []]);
    await store.append(MAIN, [entry(1)]);
    const worker = StoredSessions.open(path);
    onTestFinished(() => worker.close());
    const [session] = worker.sessions();
    clock.nowMs += 1_000;
    await store.append(MAIN, []);
    expect(worker.sessions()).toEqual([session]);
    if (session !== undefined) worker.trash(session, 'expired', clock.nowMs);
    await store.append(MAIN, []);
    expect(await store.load(MAIN)).toBeNull();
  });

  it('leaves the listed time in step with the summary where a subagent writes', async () => {
    const { store, clock } = storeAt();
    await store.append(MAIN, [entry(1)]);
    clock.nowMs += 60_000;
    await store.append(AGENT, [entry(2)]);
    const [[listed], [summary]] = [await store.listSessions(PROJECT), await store.listSessionSummaries(PROJECT)];
    expect(listed?.mtime).toBe(summary?.mtime);
  });

  it('counts what a subagent writes as a use all the same', async () => {
    const { store, path, clock } = storeAt();
    await store.append(MAIN, [entry(1)]);
    clock.nowMs += 60_000;
    await store.append(AGENT, [entry(2)]);
    const worker = StoredSessions.openForReading(path);
    onTestFinished(() => worker.close());
    expect(worker.sessions().map(({ lastUsedAtMs }) => lastUsedAtMs)).toEqual([clock.nowMs]);
  });

  it('is read for its tag whatever else it holds: an entry as deep as no reader of SQLite goes, and one that is no JSON', async () => {
    const { store, path } = storeAt();
    let deep: unknown = 'end';
    for (let depth = 0; depth < 1_500; depth += 1) deep = [deep];
    await store.append(MAIN, [
      { type: 'tag', tag: 'keep', sessionId: ID },
      { type: 'user', deep, text: '"type":"tag"' },
      { type: 'custom-title', customTitle: 'a title', sessionId: ID },
    ]);
    const database = new Database(path);
    database
      .prepare('INSERT INTO claude_session_entries (project_key, session_id, entry, created_at) VALUES (?, ?, ?, 0)')
      .run(PROJECT, ID, 'not JSON "type":"tag"');
    database.close();
    const worker = StoredSessions.openForReading(path);
    onTestFinished(() => worker.close());
    expect(worker.sessions().map((session) => worker.marks(session))).toEqual([{ tag: 'keep', title: 'a title' }]);
  });

  it.each([
    'CREATE TABLE claude_session_entries (id INTEGER PRIMARY KEY, project_key, session_id, subpath, entry, created_at)',
    'CREATE TABLE claude_session_entries (project_key TEXT, session_id TEXT, entry JSON)',
  ])("says so where its table is another program's, and leaves that alone: %s", (schema) => {
    const path = join(tempDir(), 'other.db');
    const database = new Database(path);
    database.exec(schema);
    const before = database.prepare('SELECT sql FROM sqlite_schema').all();
    expect(() => storeAt(path)).toThrow(expect.objectContaining({ kind: 'config' }));
    expect(() => StoredSessions.open(path)).toThrow(/made by another program/);
    expect(database.prepare('SELECT sql FROM sqlite_schema').all()).toEqual(before);
    database.close();
  });

  it('is not touched by the worker where its schema is of a later release', () => {
    const { path } = storeAt();
    const database = new Database(path);
    database.exec('INSERT INTO claude_session_entries_versions VALUES (99, 0)');
    database.close();
    expect(() => StoredSessions.open(path)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    expect(() => StoredSessions.openForReading(path)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
  });

  it('deletes a session with all its subagents, or one subagent', async () => {
    const { store } = storeAt();
    await store.append(MAIN, [entry(1)]);
    await store.append(AGENT, [entry(1)]);
    await store.append({ ...MAIN, subpath: 'subagents/agent-b' }, [entry(1)]);
    await store.delete(AGENT);
    expect(await store.listSubkeys(MAIN)).toEqual(['subagents/agent-b']);
    await store.delete(MAIN);
    expect([await store.load(MAIN), await store.listSubkeys(MAIN)]).toEqual([null, []]);
    expect([await store.listSessions(PROJECT), await store.listSessionSummaries(PROJECT)]).toEqual([[], []]);
  });

  it('stores a batch whole or not at all', async () => {
    const { store } = storeAt();
    const circular: SessionStoreEntry = { type: 'user' };
    circular.self = circular;
    await expect(store.append(MAIN, [entry(1), circular])).rejects.toThrow(
      expect.objectContaining({ kind: 'bad-data' }),
    );
    expect(await store.load(MAIN)).toBeNull();
  });

  it('gives back an entry a thousand levels deep, and refuses one that nothing could write down', async () => {
    const { store } = storeAt();
    const nested = (levels: number) => JSON.parse(`${'['.repeat(levels)}1${']'.repeat(levels)}`) as unknown;
    await store.append(MAIN, [{ type: 'user', deep: nested(1_500) }]);
    const [loaded] = (await store.load(MAIN)) ?? [];
    expect(JSON.stringify(loaded?.deep)).toBe(JSON.stringify(nested(1_500)));
    await expect(store.append(MAIN, [{ type: 'user', deep: nested(100_000) }])).rejects.toThrow(
      expect.objectContaining({ kind: 'bad-data' }),
    );
  });

  it('says what is wrong with an entry that was written past it, and takes a damaged summary for none', async () => {
    const { store, path } = storeAt();
    await store.append(MAIN, [entry(1)]);
    const database = new Database(path);
    database.exec(
      `UPDATE claude_session_entries SET entry = 'not JSON'; UPDATE claude_session_stored SET summary = '{'`,
    );
    database.close();
    await expect(store.load(MAIN)).rejects.toThrow(expect.objectContaining({ kind: 'bad-data' }));
    expect(await store.listSessionSummaries(PROJECT)).toEqual([]);
    await store.append(MAIN, [entry(2)]);
    expect(await store.listSessionSummaries(PROJECT)).toMatchObject([{ data: { entries: 1 } }]);
  });

  it.each([{ projectKey: '' }, { sessionId: '' }, { subpath: '' }])('refuses the empty key %o', async (part) => {
    const { store } = storeAt();
    await expect(store.append({ ...MAIN, ...part }, [entry(1)])).rejects.toThrow(
      expect.objectContaining({ kind: 'usage' }),
    );
  });

  it('is the same for whoever opens it next', async () => {
    const { store, path } = storeAt();
    await store.append(MAIN, [entry(1)]);
    expect(await storeAt(path).store.load(MAIN)).toEqual([entry(1)]);
  });

  it('loses no entry of processes that append at once, and mixes none of their batches', async () => {
    const path = join(tempDir(), 'entries.db');
    storeAt(path);
    const program = new URL('./append-process.mjs', import.meta.url);
    const said = await runTogether(
      program,
      Array.from({ length: 4 }, (_, writer) => [path, String(writer), '50']),
    );
    expect(said).toEqual(['done', 'done', 'done', 'done']);
    const database = new Database(path, { readonly: true });
    const rows = database.prepare('SELECT entry FROM claude_session_entries ORDER BY id').pluck().all() as string[];
    database.close();
    expect(rows).toHaveLength(4 * 50 * 3);
    const batches = rows.map((row) => (JSON.parse(row) as { batch: string }).batch);
    for (let start = 0; start < batches.length; start += 3) {
      expect(new Set(batches.slice(start, start + 3)).size).toBe(1);
    }
  });
});
