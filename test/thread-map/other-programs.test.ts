/** A map that another program has made, has open, and goes on writing to. */

import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { BusyError } from '../../src/errors.ts';
import { openThreadMap } from '../../src/library/index.ts';
import { SqliteThreadMap } from '../../src/thread-map/sqlite.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Bot, type JournalMode } from './bot.ts';
import { closedAfterwards, ID, NOW, OTHER_ID, openBeside, thread } from './threads.ts';

const JOURNALS: readonly JournalMode[] = ['WAL', 'DELETE'];
const INSERT = `INSERT INTO sessions (thread_ts, session_id, repo, repo_path, channel_id, created_at, last_active)
  VALUES (?, ?, 'app', '/srv/app', 'C1', ?, ?)`;

const newPath = () => join(tempDir(), 'threads.db');

async function openAt(databasePath: string) {
  return closedAfterwards(await openThreadMap({ databasePath }));
}

/** One that gives up soon. */
function openHasty(path: string): SqliteThreadMap {
  return closedAfterwards(SqliteThreadMap.open(path, { busyTimeoutMs: 20 }));
}

describe.each(JOURNALS)('a thread map that another program has open, with the journal mode %s', (journal) => {
  it('is read and written by both, and its mode, its version and its own columns stay', async () => {
    const path = newPath();
    const bot = await Bot.withTable(path, journal, { extra: ",\n note TEXT NOT NULL DEFAULT 'none'" });
    await bot.sql('PRAGMA user_version = 7');
    await bot.sql(INSERT, ['theirs', ID, NOW, NOW]);
    await bot.sql("UPDATE sessions SET note = 'precious'");
    const map = await openAt(path);
    expect(await map.getByThread('theirs')).toMatchObject({ sessionId: ID, agentKind: 'claude', totalTurns: 0 });
    await map.update('theirs', { totalTurns: 1 });
    await map.insert(thread('theirs', { sessionId: OTHER_ID }));
    await map.insert(thread('ours'));
    expect(await bot.sql('SELECT thread_ts, session_id, note FROM sessions ORDER BY thread_ts')).toEqual([
      ['ours', ID, 'none'],
      ['theirs', OTHER_ID, 'precious'],
    ]);
    expect(await bot.sql('PRAGMA journal_mode')).toEqual([[journal.toLowerCase()]]);
    expect(await bot.sql('PRAGMA user_version')).toEqual([[7]]);
    expect(await bot.sql("SELECT name FROM sqlite_schema WHERE name LIKE 'idx%'")).toEqual([
      ['idx_sessions_session_id'],
    ]);
  });

  it('waits for a transaction of the other, and is busy where that lasts, with nothing changed', async () => {
    const path = newPath();
    const bot = await Bot.withTable(path, journal);
    await bot.sql(INSERT, ['theirs', ID, NOW, NOW]);
    const map = await openAt(path);
    const hasty = openHasty(path);
    await bot.sql('BEGIN IMMEDIATE');
    await bot.sql("UPDATE sessions SET total_turns = 5 WHERE thread_ts = 'theirs'");
    await expect(hasty.update('theirs', { status: 'error' })).rejects.toThrow(BusyError);
    await expect(hasty.insert(thread('ours'))).rejects.toThrow(BusyError);
    await expect(hasty.pruneStaleChannels({})).rejects.toThrow(BusyError);
    await expect(hasty.withWritersHeld([ID], () => 'acted')).rejects.toThrow(BusyError);
    const updated = map.update('theirs', ({ totalTurns }) => ({ totalTurns: totalTurns + 1 }));
    await bot.sql('COMMIT');
    expect(await updated).toMatchObject({ totalTurns: 6, status: 'active' });
    expect(await bot.sql('SELECT thread_ts, total_turns FROM sessions')).toEqual([['theirs', 6]]);
  });

  it('reads beside a writer of the other what was written before', async () => {
    const path = newPath();
    const bot = await Bot.withTable(path, journal);
    await bot.sql(INSERT, ['theirs', ID, NOW, NOW]);
    const map = await openAt(path);
    await bot.sql('BEGIN IMMEDIATE');
    await bot.sql(INSERT, ['not yet', OTHER_ID, NOW, NOW]);
    expect(await map.listLiveSessionIds()).toEqual(new Set([ID]));
    await bot.sql('COMMIT');
    expect(await map.listLiveSessionIds()).toEqual(new Set([ID, OTHER_ID]));
  });

  it('loses nothing of either where both write at once', async () => {
    const path = newPath();
    const bot = await Bot.withTable(path, journal);
    const map = await openAt(path);
    await map.insert(thread('shared'));
    await bot.ask('write', ID, NOW);
    const updates = 50;
    for (let number = 0; number < updates; number += 1) {
      await map.update('shared', ({ totalTurns }) => ({ totalTurns: totalTurns + 1 }));
      await map.insert(thread(`ours-${number}`, { sessionId: OTHER_ID }));
    }
    const threads = (await bot.ask('stop')) as number;
    expect(threads).toBeGreaterThan(0);
    expect(await map.getByThread('shared')).toMatchObject({ totalTurns: threads + updates });
    expect(await bot.sql("SELECT count(*) FROM sessions WHERE thread_ts LIKE 'bot-%'")).toEqual([[threads]]);
    expect(await map.activeSessions()).toHaveLength(threads + updates + 1);
    expect(await bot.sql('PRAGMA integrity_check')).toEqual([['ok']]);
  });

  it('holds the writers of the other back while an act runs, and no longer', async () => {
    const path = newPath();
    const bot = await Bot.withTable(path, journal);
    await bot.sql(INSERT, ['theirs', ID, NOW, NOW]);
    await bot.sql('PRAGMA busy_timeout = 0');
    const map = closedAfterwards(SqliteThreadMap.openExisting(path));
    const write = () => bot.sql(INSERT, ['late', OTHER_ID, NOW, NOW]);
    const live = await map.withWritersHeld([ID, OTHER_ID], async (ids) => {
      expect(await write()).toBe('database is locked');
      return [...ids];
    });
    expect(live).toEqual([ID]);
    expect(await write()).toEqual([]);
  });

  it('is whole after the other was killed in the middle of a transaction', async () => {
    const path = newPath();
    const bot = await Bot.withTable(path, journal);
    await bot.sql(INSERT, ['theirs', ID, NOW, NOW]);
    const map = await openAt(path);
    await bot.sql('BEGIN IMMEDIATE');
    await bot.sql("UPDATE sessions SET session_id = 'half'");
    await bot.kill();
    expect(await map.listLiveSessionIds()).toEqual(new Set([ID]));
    await map.insert(thread('ours'));
    expect(openBeside(path).pragma('integrity_check', { simple: true })).toBe('ok');
  });

  it('is read for a dry run without a byte of it changing', async () => {
    const path = newPath();
    const bot = await Bot.withTable(path, journal);
    await bot.sql(INSERT, ['theirs', ID, NOW, NOW]);
    const before = await bot.sql('PRAGMA data_version');
    const map = closedAfterwards(SqliteThreadMap.openForReading(path));
    expect(await map.readLiveIds()).toMatchObject({ ids: new Set([ID]) });
    expect(await bot.sql('PRAGMA data_version')).toEqual(before);
    expect(await bot.sql("SELECT name FROM sqlite_schema WHERE name LIKE 'idx%'")).toEqual([]);
    await expect(map.insert(thread('ours'))).rejects.toThrow(/readonly/);
  });
});

describe("another program's database", () => {
  it('may change its journal mode while we have it open', async () => {
    const path = newPath();
    const bot = await Bot.withTable(path, 'DELETE');
    const map = await openAt(path);
    await map.insert(thread('t1'));
    expect(await bot.sql('PRAGMA journal_mode = WAL')).toEqual([['wal']]);
    await map.insert(thread('t2'));
    expect(await map.activeSessions()).toHaveLength(2);
    expect(await bot.sql('SELECT count(*) FROM sessions')).toEqual([[2]]);
  });

  it('may have a table without row numbers, in an order of its own, and much else in it', async () => {
    const path = newPath();
    const database = openBeside(path);
    database.exec(`CREATE TABLE other (x); INSERT INTO other VALUES (1);
      CREATE TABLE sessions (model TEXT, total_turns INTEGER, status TEXT, last_active TEXT, created_at TEXT, channel_id TEXT,
        agent_kind TEXT, repo_path TEXT, repo TEXT, session_id TEXT, thread_ts TEXT PRIMARY KEY) WITHOUT ROWID`);
    const map = await openAt(path);
    await map.insert(thread('t1', { createdAt: '2020-01-01T00:00:00Z', lastActive: '2020-01-01T00:00:00Z' }));
    await map.insert(thread('t2', { createdAt: new Date() }));
    expect(await map.pruneExpired(1_000_000)).toEqual({ deleted: 1, unreadable: 0 });
    expect((await map.activeSessions()).map(({ threadTs }) => threadTs)).toEqual(['t2']);
    expect(database.prepare('SELECT x FROM other').pluck().all()).toEqual([1]);
  });

  it('may hold anything in any column: no row of it is left out', async () => {
    const path = newPath();
    await (await openAt(path)).insert(thread('t1'));
    const database = openBeside(path);
    database.exec(`INSERT INTO sessions VALUES
      (x'7432', x'ff', '', '', '', '', '', '', 'paused', 'many', 7), (NULL, CAST(x'ff' AS TEXT), 'r', 'p', 'c', 'c', 1, 2, 3, 4.5, NULL)`);
    const map = await openAt(path);
    expect(await map.activeSessions()).toHaveLength(3);
    expect(await map.listLiveSessionIds()).toEqual(new Set([ID]));
    expect(await map.pruneExpired(1)).toMatchObject({ unreadable: 2 });
    expect(database.prepare('SELECT count(*) FROM sessions').pluck().get()).toBe(2);
  });

  it('may have rules of its own: a row that they do not take is told, and nothing is changed', async () => {
    const path = newPath();
    const bot = await Bot.withTable(path, 'WAL', {
      extra: ", UNIQUE (session_id) ON CONFLICT IGNORE, CHECK (repo <> '')",
    });
    const map = await openAt(path);
    await map.insert(thread('t1'));
    await expect(map.insert(thread('t2', { sessionId: OTHER_ID, repo: '' }))).rejects.toMatchObject({
      kind: 'bad-data',
    });
    await expect(map.update('t1', { repo: '' })).rejects.toMatchObject({ kind: 'bad-data' });
    await expect(map.insert(thread('t2'))).rejects.toMatchObject({ kind: 'bad-data' });
    await bot.sql('CREATE TRIGGER quiet BEFORE UPDATE ON sessions BEGIN SELECT RAISE(IGNORE); END');
    await expect(map.update('t1', { repo: 'other' })).rejects.toMatchObject({ kind: 'bad-data' });
    await expect(map.insert(thread('t1', { repo: 'other' }))).rejects.toMatchObject({ kind: 'bad-data' });
    expect(await bot.sql('SELECT thread_ts, repo FROM sessions')).toEqual([['t1', 'app']]);
  });

  it('may still be empty when we come, and be made by the other a moment later', async () => {
    const path = newPath();
    writeFileSync(path, '');
    const opening = openThreadMap({ databasePath: path });
    const bot = await Bot.withTable(path, 'WAL');
    const map = closedAfterwards(await opening);
    await map.insert(thread('t1'));
    expect(await bot.sql('SELECT thread_ts FROM sessions')).toEqual([['t1']]);
  });

  it('is opened anew where another file takes its place, and nothing is made where none does', async () => {
    const path = newPath();
    const map = await openAt(path);
    await map.insert(thread('lost'));
    const other = newPath();
    await (await openAt(other)).insert(thread('restored'));
    openBeside(other).pragma('wal_checkpoint(TRUNCATE)');
    renameSync(path, `${path}.old`);
    await expect(map.insert(thread('nowhere'))).rejects.toMatchObject({ kind: 'unavailable' });
    renameSync(other, path);
    await map.insert(thread('found'));
    expect((await map.activeSessions()).map(({ threadTs }) => threadTs)).toEqual(['found', 'restored']);
    const database = new Database(path, { readonly: true });
    expect(database.prepare('SELECT thread_ts FROM sessions ORDER BY 1').pluck().all()).toEqual(['found', 'restored']);
    database.close();
    await map.close();
    await expect(map.activeSessions()).rejects.toMatchObject({ kind: 'usage' });
  });
});
