import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SqliteSessionStore } from '../../src/library/index.ts';
import { StoredSessions } from '../../src/session-store/stored-sessions.ts';
import {
  AGENT,
  countingFold,
  describeSessionStoreContract,
  entry,
  ID,
  MAIN,
  PROJECT,
} from '../contract/session-store.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { NOW } from '../support/units.ts';

function storeAt(path = join(tempDir(), 'entries.db'), clock = new SetClock(NOW)) {
  const store = new SqliteSessionStore(path, { foldSessionSummary: countingFold, clock });
  onTestFinished(() => store.close());
  return { path, clock, store };
}

describeSessionStoreContract('SQLite', async () => {
  const { path, clock, store } = storeAt();
  const damage = () => {
    const database = new Database(path);
    database.exec(
      `UPDATE claude_session_entries SET entry = 'not JSON'; UPDATE claude_session_stored SET summary = '{'`,
    );
    database.close();
  };
  return { store, clock, programArgs: ['sqlite', path], openAgain: () => storeAt(path, clock).store, damage };
});

describe('a session store in SQLite, and the worker', () => {
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
});
