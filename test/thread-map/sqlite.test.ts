import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, OperatingError } from '../../src/errors.ts';
import type { SqliteThreadMap } from '../../src/thread-map/sqlite.ts';
import type { NewThreadSession, ThreadChange } from '../../src/thread-map/thread-map.ts';
import { tempDir } from '../support/temp-dir.ts';
import { change, ID, NOW, NOW_MS, openBeside, openMap, thread } from './threads.ts';

const HOUR_MS = 3_600_000;

/** What the table holds, past all code of ours: one column of each thread. */
function column(map: SqliteThreadMap, name: string): unknown {
  const rows = openBeside(map.path).prepare(`SELECT thread_ts, ${name} FROM sessions ORDER BY thread_ts`).raw().all();
  return Object.fromEntries(rows as [string, unknown][]);
}

async function threadsOf(map: SqliteThreadMap): Promise<string[]> {
  return (await map.activeSessions()).map(({ threadTs }) => threadTs);
}

describe('a new thread map', () => {
  it('has the table and the index by their names, a WAL, and nothing else', () => {
    const database = openBeside(openMap().path);
    expect(database.prepare('SELECT type, name FROM sqlite_schema ORDER BY name').raw().all()).toEqual([
      ['index', 'idx_sessions_session_id'],
      ['table', 'sessions'],
      ['index', 'sqlite_autoindex_sessions_1'],
    ]);
    const columns = database.prepare('SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)').raw();
    expect(columns.all('sessions')).toEqual([
      ['thread_ts', 'TEXT', 0, null, 1],
      ['session_id', 'TEXT', 1, null, 0],
      ['repo', 'TEXT', 1, null, 0],
      ['repo_path', 'TEXT', 1, null, 0],
      ['agent_kind', 'TEXT', 1, "'claude'", 0],
      ['channel_id', 'TEXT', 1, null, 0],
      ['created_at', 'TEXT', 1, null, 0],
      ['last_active', 'TEXT', 1, null, 0],
      ['status', 'TEXT', 1, "'active'", 0],
      ['total_turns', 'INTEGER', 1, '0', 0],
      ['model', 'TEXT', 0, null, 0],
    ]);
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(database.pragma('user_version', { simple: true })).toBe(0);
  });

  it('refuses a session with faults by the name of each, and writes nothing of it', async () => {
    const map = openMap();
    const wrong = {
      ...thread(''),
      sessionId: 'a\nb',
      repo: '\ud800',
      repoPath: 'a\0b',
      createdAt: 'yesterday',
      lastActive: new Date(Number.NaN),
      status: 'stopped',
      totalTurns: -1,
      model: 7,
      modle: 'opus',
    };
    const error = await map.insert(wrong as unknown as NewThreadSession).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    const named = (error as ConfigError).faults.map((fault) => fault.split(': ')[1]);
    const all = ['threadTs', 'sessionId', 'repo', 'repoPath', 'createdAt', 'lastActive', 'status', 'totalTurns'];
    expect(named).toEqual([...all, 'model', 'modle']);
    expect(await map.activeSessions()).toEqual([]);
  });
});

describe('an update', () => {
  it('writes the fields that change and no other, and gives back the row', async () => {
    const map = openMap();
    await map.insert(thread('t', { lastActive: '2026-06-15T14:00:00+02:00' }));
    const updated = await map.update('t', { totalTurns: 4, model: 'opus', repo: undefined });
    expect(updated).toEqual(await map.getByThread('t'));
    expect(updated).toMatchObject({
      totalTurns: 4,
      model: 'opus',
      repo: 'app',
      lastActive: '2026-06-15T14:00:00+02:00',
    });
  });

  it('takes what a function returns, over what it has assigned', async () => {
    const map = openMap();
    await map.insert(thread('t', { totalTurns: 1 }));
    await map.update('t', (session) => {
      session.model = 'opus';
      return { totalTurns: session.totalTurns + 1 };
    });
    expect(await map.getByThread('t')).toMatchObject({ totalTurns: 2, model: 'opus' });
  });

  it('turns the old word stopped into active, which it reads as', async () => {
    const map = openMap();
    await map.insert(thread('old'));
    await map.insert(thread('older'));
    change(map, "UPDATE sessions SET status = 'stopped'");
    expect(await map.getByThread('old')).toMatchObject({ status: 'active' });
    expect(await threadsOf(map)).toEqual(['old', 'older']);
    await map.update('old', { totalTurns: 1 });
    await map.update('older', { status: 'error' });
    expect(column(map, 'status')).toEqual({ old: 'active', older: 'error' });
  });

  it('leaves times that cannot be read, and words that nobody knows, as they are', async () => {
    const map = openMap();
    await map.insert(thread('t'));
    change(map, "UPDATE sessions SET last_active = 'lately', created_at = '', status = 'paused'");
    expect(await map.update('t', { totalTurns: 1 })).toMatchObject({
      lastActive: 'lately',
      createdAt: '',
      status: 'active',
    });
    expect([column(map, 'last_active'), column(map, 'status')]).toEqual([{ t: 'lately' }, { t: 'paused' }]);
    await map.update('t', { lastActive: new Date(NOW_MS) });
    expect(column(map, 'last_active')).toEqual({ t: NOW });
  });

  it.each<[string, unknown, unknown]>([
    ['of a field to what it cannot be', { totalTurns: 1.5 }, ConfigError],
    ['of a field that there is not', { turns: 1 }, ConfigError],
    ['of the thread itself', { threadTs: 'u' }, OperatingError],
    ['by a function that waits', async () => ({ totalTurns: 9 }), OperatingError],
    ['by a function that fails while it waits', async () => Promise.reject(new Error('later')), OperatingError],
    [
      'by a function that throws',
      () => {
        throw Object.assign(new RangeError('mine'), { code: 'ENOENT' });
      },
      RangeError,
    ],
  ])('%s is refused, and writes nothing', async (_, update, kind) => {
    const map = openMap();
    await map.insert(thread('t', { totalTurns: 1 }));
    const before = await map.getByThread('t');
    const error = await map.update('t', update as ThreadChange).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(kind);
    expect(await map.getByThread('t')).toEqual(before);
    // The database is free again.
    await map.insert(thread('u'));
  });

  it('refuses to write by other calls meanwhile, which would be undone with it', async () => {
    const map = openMap();
    await map.insert(thread('t'));
    const inner: Promise<unknown>[] = [];
    const update = map.update('t', () => {
      inner.push(map.insert(thread('u')), map.update('t', { totalTurns: 5 }));
      throw new RangeError('mine');
    });
    await expect(update).rejects.toThrow(RangeError);
    for (const settled of await Promise.allSettled(inner)) expect(settled).toMatchObject({ status: 'rejected' });
    expect(await threadsOf(map)).toEqual(['t']);
  });

  it('adds up where many of several connections come at once', async () => {
    const path = join(tempDir(), 'threads.db');
    const maps = [openMap(path), openMap(path), openMap(path)];
    await maps[0]?.insert(thread('t'));
    const turns = maps.flatMap((map) => {
      return Array.from({ length: 20 }, () => map.update('t', ({ totalTurns }) => ({ totalTurns: totalTurns + 1 })));
    });
    await Promise.all(turns);
    expect(await maps[1]?.getByThread('t')).toMatchObject({ totalTurns: 60 });
  });
});

describe('pruning by age', () => {
  const TTL_MS = 24 * HOUR_MS;
  const CUTOFF_MS = NOW_MS - TTL_MS;
  const utc = (timeMs: number) => new Date(timeMs).toISOString();
  /** The same instant as a clock in Tokyo shows it. */
  const inTokyo = (timeMs: number) => utc(timeMs + 9 * HOUR_MS).replace('Z', '+09:00');
  const inHawaii = (timeMs: number) => utc(timeMs - 10 * HOUR_MS).replace('Z', '-10:00');

  it('compares instants, whatever their texts look like', async () => {
    const map = openMap();
    const times: Readonly<Record<string, string>> = {
      'kept, the very instant': utc(CUTOFF_MS),
      'kept, a fraction later': utc(CUTOFF_MS).replace('.000Z', '.000000001Z'),
      // As texts, each of these stands on the other side of the cut-off.
      'kept, in Hawaii': inHawaii(CUTOFF_MS + 1),
      'gone, in Tokyo': inTokyo(CUTOFF_MS - 1),
      'gone, a fraction earlier': utc(CUTOFF_MS - 1).replace('.999Z', '.999999999Z'),
      'gone, in small letters': utc(CUTOFF_MS - 1).toLowerCase(),
      'gone, of another age': '1970-01-01T00:00:00Z',
      'kept, of the future': '2999-01-01T00:00:00Z',
    };
    for (const [name, time] of Object.entries(times)) {
      await map.insert(thread(name, { createdAt: '2020-01-01T00:00:00Z', lastActive: time }));
    }
    expect(await map.pruneExpired(TTL_MS)).toEqual({ deleted: 4, unreadable: 0 });
    expect(await threadsOf(map)).toEqual(
      Object.keys(times)
        .filter((name) => name.startsWith('kept'))
        .sort(),
    );
  });

  it.each(['', 'lately', '2026-02-30T00:00:00Z', '1000', '2020-01-01', '2020-01-01T00:00:00'])(
    'keeps and counts a row whose time is %j, whichever of its times that is',
    async (unreadable) => {
      const map = openMap();
      const old = '2020-01-01T00:00:00Z';
      for (const name of ['used', 'made', 'both']) await map.insert(thread(name, { createdAt: old, lastActive: old }));
      change(map, "UPDATE sessions SET last_active = ? WHERE thread_ts IN ('used', 'both')", unreadable);
      change(map, "UPDATE sessions SET created_at = ? WHERE thread_ts IN ('made', 'both')", unreadable);
      expect(await map.pruneExpired(1)).toEqual({ deleted: 0, unreadable: 3 });
      expect(await threadsOf(map)).toEqual(['both', 'made', 'used']);
      expect(await map.readLiveIds()).toMatchObject({ ids: new Set([ID]), senselessTimes: 3 });
    },
  );

  it('keeps what was made within the time, whatever is said of its use', async () => {
    const map = openMap();
    await map.insert(thread('t', { lastActive: '2020-01-01T00:00:00Z' }));
    expect(await map.pruneExpired(TTL_MS)).toEqual({ deleted: 0, unreadable: 0 });
  });

  it('never prunes by never, and refuses what is no time to live', async () => {
    const map = openMap();
    await map.insert(thread('t', { createdAt: '2020-01-01T00:00:00Z', lastActive: '2020-01-01T00:00:00Z' }));
    expect(await map.pruneExpired('never')).toEqual({ deleted: 0, unreadable: 0 });
    for (const ttl of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '7', undefined]) {
      await expect(map.pruneExpired(ttl as number)).rejects.toThrow(ConfigError);
    }
    expect(await threadsOf(map)).toEqual(['t']);
  });

  it('goes through a map of many threads in short holds', async () => {
    const map = openMap();
    const database = openBeside(map.path);
    const insert = database.prepare(
      "INSERT INTO sessions VALUES (?, ?, 'app', '/srv', 'claude', 'C1', @time, @time, 'active', 0, NULL)",
    );
    database.transaction(() => {
      for (let number = 0; number < 5_000; number += 1)
        insert.run(`t${number}`, ID, { time: number % 5 === 0 ? NOW : '2020-01-01T00:00:00Z' });
    })();
    expect(await map.pruneExpired(TTL_MS)).toEqual({ deleted: 4_000, unreadable: 0 });
    expect(await map.activeSessions()).toHaveLength(1_000);
  });
});

describe('pruning by channel', () => {
  it('goes by what the configuration itself says, and by no name that every object has', async () => {
    const map = openMap();
    await map.insert(thread('a', { repo: 'constructor', channelId: 'C1' }));
    await map.insert(thread('b', { repo: 'quo"te\'s', channelId: 'C1' }));
    await map.insert(thread('c', { repo: 'APP', channelId: 'C1' }));
    expect(await map.pruneStaleChannels({ 'quo"te\'s': 'C1', app: 'C1' })).toEqual({ deleted: 2, unreadable: 0 });
    expect(await threadsOf(map)).toEqual(['b']);
  });

  it('keeps and counts a row whose repository or channel is no text that can be read', async () => {
    const map = openMap();
    for (const name of ['bytes', 'latin', 'plain']) await map.insert(thread(name));
    change(map, "UPDATE sessions SET repo = x'617070' WHERE thread_ts = 'bytes'");
    change(map, "UPDATE sessions SET channel_id = CAST(x'43ff' AS TEXT) WHERE thread_ts = 'latin'");
    expect(await map.pruneStaleChannels({})).toEqual({ deleted: 1, unreadable: 2 });
    expect(await threadsOf(map)).toEqual(['bytes', 'latin']);
  });

  it('refuses channels that are none, before anything is deleted', async () => {
    const map = openMap();
    await map.insert(thread('t'));
    for (const channels of [undefined, null, [], 'app', { app: 1 }, { app: undefined }, new Map([['app', null]])]) {
      await expect(map.pruneStaleChannels(channels as unknown as Record<string, string>)).rejects.toThrow(ConfigError);
    }
    expect(await threadsOf(map)).toEqual(['t']);
  });
});
