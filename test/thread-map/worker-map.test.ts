import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BusyError } from '../../src/errors.ts';
import type { UncheckedResumeRow } from '../../src/resume-map/resume-map.ts';
import { ShortHolds, withoutRests } from '../../src/sqlite/short-holds.ts';
import { SqliteThreadMap } from '../../src/thread-map/sqlite.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { change, closedAfterwards, ID, NOW, NOW_MS, OTHER_ID, openBeside, openMap, thread } from './threads.ts';

describe('the live sessions of a thread map', () => {
  it('are those of every row, whatever its status and its case; what is no session id is counted', async () => {
    const map = openMap();
    await map.insert(thread('t1', { status: 'error' }));
    await map.insert(thread('t2', { sessionId: OTHER_ID.toUpperCase() }));
    await map.insert(thread('t3', { sessionId: 'thread_abc', agentKind: 'codex' }));
    expect(await map.listLiveSessionIds()).toEqual(new Set([ID, OTHER_ID]));
    expect(await map.readLiveIds()).toMatchObject({ malformed: 1 });
  });

  it('are told to an act while its writers are held back, and those are let go after', async () => {
    const map = openMap();
    await map.insert(thread('t', { sessionId: OTHER_ID.toUpperCase() }));
    const live = await map.withWritersHeld([ID, OTHER_ID], async (ids) => {
      expect(() => change(map, "UPDATE sessions SET status = 'error'")).toThrow(
        expect.objectContaining({ code: 'SQLITE_BUSY' }),
      );
      await expect(map.insert(thread('u'))).rejects.toThrow(BusyError);
      return [...ids];
    });
    expect(live).toEqual([OTHER_ID]);
    await map.insert(thread('u'));
  });
});

describe('a map for the worker', () => {
  it('must be there, with its table whole', async () => {
    const path = join(tempDir(), 'threads.db');
    const openers = [SqliteThreadMap.openExisting, SqliteThreadMap.openForReading];
    for (const open of openers) expect(() => open(path)).toThrow(/there is no such file/);
    const database = openBeside(path);
    database.exec('CREATE TABLE other (x)');
    for (const open of openers) expect(() => open(path)).toThrow(/it holds no table sessions/);
    database.exec('CREATE TABLE sessions (thread_ts TEXT PRIMARY KEY, session_id TEXT)');
    for (const open of openers) expect(() => open(path)).toThrow(/its table sessions lacks repo, repo_path/);
    expect(() => SqliteThreadMap.open(path)).toThrow(/its table sessions lacks repo, repo_path/);
  });

  it('walks and takes rows as they were read, by their times as instants, and brings them back whole', async () => {
    const host = openMap();
    await host.insert(thread('t', { createdAt: '2025-01-01T00:00:00+02:00', lastActive: '2025-06-01T12:00:00.5Z' }));
    await host.insert(thread('u', { createdAt: '2025-01-01T00:00:00Z', lastActive: '2025-06-01T12:00:00Z' }));
    await host.insert(thread('v'));
    change(host, "UPDATE sessions SET last_active = 'lately' WHERE thread_ts = 'v'");
    const map = closedAfterwards(SqliteThreadMap.openExisting(host.path, { clock: new SetClock(NOW_MS) }));
    const rows: UncheckedResumeRow[] = [];
    for await (const page of map.readPages()) rows.push(...page);
    expect(rows).toMatchObject([
      {
        key: 't',
        sessionId: ID,
        lastUsedAtMs: Date.UTC(2025, 5, 1, 12, 0, 0, 500),
        createdAtMs: Date.UTC(2024, 11, 31, 22),
      },
      { key: 'u', lastUsedAtMs: Date.UTC(2025, 5, 1, 12) },
      { key: 'v', lastUsedAtMs: 'lately' },
    ]);
    const whole = await map.readWhole(rows);
    await host.update('u', { totalTurns: 1 });
    const before = openBeside(host.path).prepare('SELECT * FROM sessions ORDER BY thread_ts').all();
    const deleted: unknown[] = [];
    for await (const fates of map.deleteUnchanged(whole, new ShortHolds(withoutRests))) {
      deleted.push(...fates.deleted.map(({ key }) => key));
    }
    expect(deleted).toEqual(['t', 'v']);
    for (const { key, content } of whole) if (key !== 'u') await map.restoreRow(content);
    expect(openBeside(host.path).prepare('SELECT * FROM sessions ORDER BY thread_ts').all()).toEqual(before);
    const [first] = whole;
    if (first === undefined) throw new Error('there is a row');
    expect(await map.hasRow(first.content)).toBe(true);
    await host.pruneStaleChannels({});
    await map.restoreRow(first.content, NOW_MS);
    expect(await host.getByThread('t')).toMatchObject({ lastActive: NOW, createdAt: '2025-01-01T00:00:00+02:00' });
  });

  it('is an error and never empty where its table has gone, or its file was replaced', async () => {
    const host = openMap();
    const map = closedAfterwards(SqliteThreadMap.openExisting(host.path));
    openBeside(host.path).exec('ALTER TABLE sessions RENAME TO threads');
    await expect(map.readLiveIds()).rejects.toThrow();
    await expect(map.check()).rejects.toThrow();
    await expect(map.withWritersHeld([ID], () => 'acted')).rejects.toThrow();
  });

  it('names a trigger that acts on deletions as what keeps it from being swept', async () => {
    const map = openMap();
    expect(await map.sweepObstacle()).toBeUndefined();
    openBeside(map.path).exec('CREATE TRIGGER audit AFTER DELETE ON sessions BEGIN SELECT 1; END');
    expect(await map.sweepObstacle()).toContain('audit');
  });
});
