import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OperatingError } from '../../src/errors.ts';
import { readSessionsJson } from '../../src/resume-map/import/sessions-json.ts';
import { RESUME_MAP_MIGRATIONS } from '../../src/resume-map/schema.ts';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import {
  describeResumeMapContract,
  type MapOptions,
  type MapUnderTest,
  type StoredRow,
} from '../contract/resume-map.ts';
import { deleteUnchanged } from '../support/deleted-rows.ts';
import { snapshot } from '../support/disk.ts';
import { forkProgram, runTogether } from '../support/forked.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';

const PROCESS = new URL('map-process.mjs', import.meta.url);
const NOW_MS = Date.UTC(2026, 5, 15, 12);
const DAY_MS = 86_400_000;
/** Of a schema that is the newest. */
const VERSIONS = RESUME_MAP_MIGRATIONS.map((_, index) => index + 1);
const KEY = 'forgejo:architect:acme/my_app:12';
const ID = sessionIdOf(1);

const OUTSIDE_WAIT_MS = 20;

const HOST_TABLE = `CREATE TABLE claude_sdk_sessions (
  key TEXT PRIMARY KEY, session_id TEXT NOT NULL, last_used_at INTEGER NOT NULL, created_at INTEGER NOT NULL
)`;
/** What an early host may have: columns of no type, which hold anything. */
const LOOSE_HOST_TABLE = 'CREATE TABLE claude_sdk_sessions (key PRIMARY KEY, session_id, last_used_at, created_at)';

function makeHostDatabase(path: string, sql: string, journalMode = 'WAL'): string {
  const database = new Database(path);
  database.pragma(`journal_mode = ${journalMode}`);
  database.exec(sql);
  database.close();
  return path;
}

function closedWithTest<T extends { close(): unknown }>(resource: T): T {
  onTestFinished(async () => {
    await resource.close();
  });
  return resource;
}

function underTest(path: string, open: () => SqliteResumeMap): MapUnderTest {
  const map = closedWithTest(open());
  const outside = closedWithTest(new Database(path, { timeout: OUTSIDE_WAIT_MS }));
  const put = outside.prepare<StoredRow>(
    'INSERT OR REPLACE INTO claude_sdk_sessions VALUES (@key, @session_id, @last_used_at, @created_at)',
  );
  return {
    map,
    openAgain: () => closedWithTest(open()),
    store: (rows) => outside.transaction(() => rows.forEach((row) => void put.run(row)))(),
    stored: () => outside.prepare<[], StoredRow>('SELECT * FROM claude_sdk_sessions ORDER BY key').all(),
    writeFromOutside: (row) => {
      try {
        put.run(row);
        return true;
      } catch (error) {
        if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return false;
        throw error;
      }
    },
  };
}

describeResumeMapContract('its own SQLite database', (options: MapOptions) => {
  const path = join(tempDir(), 'state', 'sessions.db');
  return underTest(path, () => SqliteResumeMap.openOwn(path, options));
});

describeResumeMapContract("a host's SQLite database", (options: MapOptions) => {
  const path = makeHostDatabase(join(tempDir(), 'host.db'), HOST_TABLE);
  return underTest(path, () => SqliteResumeMap.openExisting(path, options));
});

describeResumeMapContract("a host's SQLite database with a rollback journal and columns of no type", (options) => {
  const path = makeHostDatabase(join(tempDir(), 'host.db'), LOOSE_HOST_TABLE, 'DELETE');
  return underTest(path, () => SqliteResumeMap.openExisting(path, options));
});

describeResumeMapContract("a host's SQLite database whose table has no row numbers", (options) => {
  const path = makeHostDatabase(join(tempDir(), 'host.db'), `${HOST_TABLE} WITHOUT ROWID`);
  return underTest(path, () => SqliteResumeMap.openExisting(path, options));
});

/** All that a host may have set up in its database. */
function schemaOf(path: string): unknown {
  const database = new Database(path, { readonly: true });
  const pragmas = ['journal_mode', 'user_version', 'application_id', 'page_size', 'auto_vacuum', 'encoding'];
  const schema = {
    objects: database.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name').all(),
    pragmas: pragmas.map((pragma) => [pragma, database.pragma(pragma, { simple: true })]),
  };
  database.close();
  return schema;
}

function versionsOf(path: string): unknown[] {
  const database = new Database(path, { readonly: true });
  const versions = database.prepare('SELECT version FROM claude_sdk_sessions_versions').pluck().all();
  database.close();
  return versions;
}

function rowsOf(path: string): StoredRow[] {
  const database = new Database(path, { readonly: true });
  const rows = database.prepare<[], StoredRow>('SELECT * FROM claude_sdk_sessions ORDER BY key').all();
  database.close();
  return rows;
}

async function makeOwnDatabase(path: string): Promise<string> {
  const map = SqliteResumeMap.openOwn(path, { clock: new SetClock(NOW_MS) });
  await map.setSession(KEY, ID);
  await map.close();
  return path;
}

function insertRows(path: string, count: number): void {
  const database = new Database(path);
  const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
  database.transaction(() => {
    for (let number = 0; number < count; number += 1) insert.run(`k${number}`, sessionIdOf(number), NOW_MS, NOW_MS);
  })();
  database.close();
}

const OPENINGS = [
  ['of our own', (path: string) => SqliteResumeMap.openOwn(path)],
  ["of a host's", (path: string) => SqliteResumeMap.openExisting(path)],
  ['for reading', (path: string) => SqliteResumeMap.openForReading(path)],
] as const;

const ofKind = (kind: string, ...parts: string[]) =>
  expect.objectContaining({ kind, message: expect.stringMatching(parts.join('.*')) });

describe.each(OPENINGS)('a database %s that is none', (_name, open) => {
  const refused = (path: string, kind: string, ...parts: string[]) => {
    const before = snapshot(dirname(path));
    expect(() => open(path)).toThrow(ofKind(kind, path, ...parts));
    expect(snapshot(dirname(path))).toEqual(before);
  };

  it('is refused where it is empty: something truncated it, and empty must not read as nothing live', () => {
    const path = join(tempDir(), 'x.db');
    writeFileSync(path, '');
    refused(path, 'bad-data', 'empty');
  });

  it('is refused where it is a text file', () => {
    const path = join(tempDir(), 'x.db');
    writeFileSync(path, '{"forgejo:architect:acme/my_app:12": "text"}\n'.repeat(200));
    refused(path, 'bad-data', 'SQLITE_NOTADB');
  });

  it('is refused where it is a directory', () => {
    const path = join(tempDir(), 'x.db');
    mkdirSync(path);
    refused(path, 'unavailable');
  });

  /** Opens it and does something with it: a damage may show itself at either. */
  const using = async (path: string, use: (map: SqliteResumeMap) => Promise<unknown>) => {
    const map = open(path);
    try {
      return await use(map);
    } finally {
      await map.close();
    }
  };

  it('is refused, or fails to be read, wherever it was cut off', async () => {
    const whole = join(tempDir(), 'whole.db');
    await makeOwnDatabase(whole);
    insertRows(whole, 500);
    const bytes = readFileSync(whole);
    expect(bytes.length).toBeGreaterThan(40_000);
    const path = join(tempDir(), 'x.db');
    for (const length of [2, 15, 16, 99, 100, 101, 512, 4_095, 4_096, 4_097, 8_192, 20_000, bytes.length - 4_096]) {
      writeFileSync(path, bytes.subarray(0, length));
      const reading = using(path, async (map) => (await map.readLiveIds()).ids.size);
      await expect(reading, `cut off after ${length} bytes`).rejects.toEqual(ofKind('bad-data', path));
    }
  });

  it('fails to be read where its pages are overwritten', async () => {
    const path = await makeOwnDatabase(join(tempDir(), 'x.db'));
    insertRows(path, 500);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0xa5, 4_096));
    const corrupt = ofKind('bad-data', path, 'SQLITE_CORRUPT');
    await expect(using(path, (map) => map.readLiveIds())).rejects.toEqual(corrupt);
    await expect(using(path, (map) => map.listSessions())).rejects.toEqual(corrupt);
    await expect(using(path, (map) => map.getSession(KEY))).rejects.toEqual(corrupt);
  });

  it('lets nothing be done with the writers held where its pages are overwritten', async () => {
    const path = await makeOwnDatabase(join(tempDir(), 'x.db'));
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0xa5, 4_096));
    let acted = false;
    const holding = using(path, (map) =>
      map.withWritersHeld([ID], () => {
        acted = true;
      }),
    );
    await expect(holding).rejects.toBeInstanceOf(OperatingError);
    expect(acted).toBe(false);
  });
});

describe('a database of our own', () => {
  it('is made with all the directories above it, for its user alone, and leaves nothing beside it', async () => {
    const root = tempDir();
    const path = await makeOwnDatabase(join(root, 'deep', 'state', 'sessions.db'));
    expect(readdirSync(dirname(path))).toEqual(['sessions.db']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
  });

  it('holds the table that hosts know', async () => {
    const path = await makeOwnDatabase(join(tempDir(), 'sessions.db'));
    const database = closedWithTest(new Database(path, { readonly: true }));
    expect(
      database.prepare(`SELECT name, type, "notnull", pk FROM pragma_table_info('claude_sdk_sessions')`).all(),
    ).toEqual([
      { name: 'key', type: 'TEXT', notnull: 0, pk: 1 },
      { name: 'session_id', type: 'TEXT', notnull: 1, pk: 0 },
      { name: 'last_used_at', type: 'INTEGER', notnull: 1, pk: 0 },
      { name: 'created_at', type: 'INTEGER', notnull: 1, pk: 0 },
    ]);
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
  });

  it('is only opened where it is there: nothing in it changes', async () => {
    const path = await makeOwnDatabase(join(tempDir(), 'sessions.db'));
    const before = [schemaOf(path), rowsOf(path)];
    await SqliteResumeMap.openOwn(path).close();
    expect([schemaOf(path), rowsOf(path)]).toEqual(before);
  });

  it('is refused where a newer release made it, and left as it is', async () => {
    const path = await makeOwnDatabase(join(tempDir(), 'sessions.db'));
    const database = new Database(path);
    database.exec('INSERT INTO claude_sdk_sessions_versions VALUES (99, 0)');
    database.close();
    expect(() => SqliteResumeMap.openOwn(path)).toThrow(ofKind('bad-data', path, '99'));
    expect(() => SqliteResumeMap.openOwnForReading(path)).toThrow(ofKind('bad-data', path, '99'));
    expect(versionsOf(path)).toEqual([...VERSIONS, 99]);
    expect(rowsOf(path)).toHaveLength(1);
  });

  it('is refused where its directory cannot be made', () => {
    const file = join(tempDir(), 'file');
    writeFileSync(file, 'precious');
    expect(() => SqliteResumeMap.openOwn(join(file, 'sessions.db'))).toThrow(ofKind('unavailable', file));
    expect(() => SqliteResumeMap.openOwn(join(file, 'below', 'sessions.db'))).toThrow(ofKind('unavailable', file));
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });
});

describe('a database whose file is replaced while it is open', () => {
  it('is noticed before anything is done with its writers held: they write to the other file by now', async () => {
    const root = tempDir();
    const path = await makeOwnDatabase(join(root, 'sessions.db'));
    const other = await makeOwnDatabase(join(root, 'other.db'));
    const map = closedWithTest(SqliteResumeMap.openOwn(path));
    await expect(map.check()).resolves.toBeUndefined();
    renameSync(other, path);
    let acted = false;
    const holding = map.withWritersHeld([ID], () => {
      acted = true;
    });
    await expect(holding).rejects.toEqual(ofKind('unavailable', path, 'replaced'));
    await expect(map.check()).rejects.toEqual(ofKind('unavailable', path, 'replaced'));
    expect(acted).toBe(false);
  });
});

describe("a host's own database", () => {
  it.each(OPENINGS.slice(1))('is refused, and never made, where it is missing: opening %s', (_name, open) => {
    const root = tempDir();
    const path = join(root, 'not', 'there.db');
    expect(() => open(path)).toThrow(ofKind('unavailable', path, 'no such file'));
    expect(readdirSync(root)).toEqual([]);
  });

  it.each(OPENINGS.slice(1))(
    'is refused where it lacks the table or a column, which it names: opening %s',
    (_name, open) => {
      const root = tempDir();
      const without = makeHostDatabase(join(root, 'without.db'), 'CREATE TABLE other (x)');
      expect(() => open(without)).toThrow(ofKind('config', without, 'no table claude_sdk_sessions'));
      const lacking = makeHostDatabase(
        join(root, 'lacking.db'),
        'CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id TEXT, created_at INTEGER)',
      );
      expect(() => open(lacking)).toThrow(ofKind('config', lacking, 'lacks last_used_at'));
    },
  );

  it.each(['WAL', 'DELETE', 'TRUNCATE'])('keeps its schema and its journal mode, %s', async (journalMode) => {
    const path = makeHostDatabase(
      join(tempDir(), 'host.db'),
      `${HOST_TABLE}; CREATE TABLE users (id INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT key FROM claude_sdk_sessions;
       PRAGMA user_version = 7; PRAGMA application_id = 77;`,
      journalMode,
    );
    const before = schemaOf(path);
    const map = SqliteResumeMap.openExisting(path, { clock: new SetClock(NOW_MS) });
    await map.setSession(KEY, ID);
    await map.getSession(KEY);
    await map.dropAllForIssue('acme/my_app', 12);
    await map.sweepStaleSessions();
    await map.withWritersHeld([], () => undefined);
    await map.close();
    expect(schemaOf(path)).toEqual(before);
  });

  it('gets the table of the counters at the first count, and nothing else', async () => {
    const path = makeHostDatabase(join(tempDir(), 'host.db'), HOST_TABLE);
    const before = schemaOf(path);
    const tables = () => {
      const database = new Database(path, { readonly: true });
      const names = database.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`).pluck().all();
      database.close();
      return names;
    };
    const map = closedWithTest(SqliteResumeMap.openExisting(path));
    const reading = closedWithTest(SqliteResumeMap.openForReading(path));
    expect(await map.getSessionResumeAttemptsTotal()).toBe(0);
    expect(await reading.getSessionResumeFailuresTotal()).toBe(0);
    expect(schemaOf(path)).toEqual(before);
    await map.incrementSessionResumeFailures();
    expect(tables()).toEqual(['claude_sdk_session_counters', 'claude_sdk_sessions']);
    expect(await reading.getSessionResumeFailuresTotal()).toBe(1);
  });

  /** What a column of no type may hold, and no host can have meant. */
  const SENSELESS = [null, '', 'yesterday', '0', String(NOW_MS - 2 * DAY_MS), Buffer.from('0'), -0.5, 1e300, -1e300];

  it('keeps, counts and resumes rows whose times are NULL, text or bytes', async () => {
    const path = makeHostDatabase(join(tempDir(), 'host.db'), LOOSE_HOST_TABLE);
    const { map, store, stored } = underTest(path, () =>
      SqliteResumeMap.openExisting(path, { clock: new SetClock(NOW_MS) }),
    );
    const rows = SENSELESS.map((time, number) => ({
      key: `k${number}`,
      session_id: sessionIdOf(number),
      last_used_at: time,
      created_at: time,
    }));
    await store(rows);
    expect(await map.sweepStaleSessions()).toBe(0);
    expect(await stored()).toEqual(rows);
    const { ids, senselessTimes } = await map.readLiveIds();
    expect([ids.size, senselessTimes]).toEqual([rows.length, rows.length]);
    for (const row of rows) expect(await map.getSession(row.key)).toBe(row.session_id);
    expect(await map.withWritersHeld([...ids], (live) => live.size)).toBe(rows.length);
  });

  it('tells whether rows with such times are as they were read', async () => {
    const path = makeHostDatabase(join(tempDir(), 'host.db'), LOOSE_HOST_TABLE);
    const { map, store, stored } = underTest(path, () => SqliteResumeMap.openExisting(path));
    const row = (number: number, time: unknown) => ({
      key: `k${number}`,
      session_id: sessionIdOf(number),
      last_used_at: time,
      created_at: 0,
    });
    await store(SENSELESS.map((time, number) => row(number, time)));
    const pages = [];
    for await (const page of map.readPages()) pages.push(...page);
    // NULL became zero, and text that looks like a number became that number: these are others now.
    await store([row(0, 0), row(3, 0)]);
    expect(await deleteUnchanged(map, pages)).toBe(SENSELESS.length - 2);
    expect((await stored()).map(({ key }) => key)).toEqual(['k0', 'k3']);
  });

  it('counts ids that are NULL, numbers or in another form as malformed, and protects whom they mean', async () => {
    const path = makeHostDatabase(join(tempDir(), 'host.db'), LOOSE_HOST_TABLE);
    const { map, store } = underTest(path, () => SqliteResumeMap.openExisting(path));
    const ids = [null, 12, Buffer.from(ID), ` ${sessionIdOf(7)}\n`];
    await store(ids.map((id, number) => ({ key: `k${number}`, session_id: id, last_used_at: 0, created_at: 0 })));
    const { ids: live, malformed } = await map.readLiveIds();
    expect([[...live], malformed]).toEqual([[ID, sessionIdOf(7)], 4]);
  });
});

describe('opening for reading', () => {
  it.each(['WAL', 'DELETE'])('changes no byte on disk, journal mode %s', async (journalMode) => {
    const root = tempDir();
    const path = makeHostDatabase(join(root, 'host.db'), HOST_TABLE, journalMode);
    insertRows(path, 100);
    const before = snapshot(root);
    const map = SqliteResumeMap.openForReading(path);
    expect((await map.listLiveSessionIds()).size).toBe(100);
    expect(await map.listSessions()).toHaveLength(100);
    expect(await map.getSessionResumeFailuresTotal()).toBe(0);
    await map.check();
    await map.close();
    expect(snapshot(root)).toEqual(before);
  });

  it('reads what a killed process left in its WAL, and leaves it there for the next writer', async () => {
    const root = tempDir();
    const path = await makeOwnDatabase(join(root, 'sessions.db'));
    const writer = forkProgram(PROCESS, ['write-and-die', path, 'killed', sessionIdOf(2)]);
    await writer.message();
    writer.send('go');
    expect(await writer.message()).toBe('written');
    expect(await writer.exit).toMatchObject({ signal: 'SIGKILL' });
    // The -shm is SQLite's index of the WAL, made anew by whoever opens it first: it holds nothing of anybody's.
    const kept = () => [...snapshot(root)].filter(([name]) => name !== 'sessions.db-shm');
    const before = kept();
    expect(before.map(([name]) => name)).toEqual(['sessions.db', 'sessions.db-wal']);
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(0);

    const map = SqliteResumeMap.openForReading(path);
    expect(await map.listLiveSessionIds()).toEqual(new Set([ID, sessionIdOf(2)]));
    await map.close();
    expect(kept()).toEqual(before);
    expect(readdirSync(root).sort()).toEqual(['sessions.db', 'sessions.db-shm', 'sessions.db-wal']);

    expect(await closedWithTest(SqliteResumeMap.openOwn(path)).getSession('killed')).toBe(sessionIdOf(2));
  });

  it('sees what a host writes meanwhile', async () => {
    const path = makeHostDatabase(join(tempDir(), 'host.db'), HOST_TABLE);
    const host = closedWithTest(SqliteResumeMap.openExisting(path));
    const reading = closedWithTest(SqliteResumeMap.openForReading(path));
    expect((await reading.listLiveSessionIds()).size).toBe(0);
    await host.setSession(KEY, ID);
    expect(await reading.listLiveSessionIds()).toEqual(new Set([ID]));
  });

  it.each([
    ['set', (map: SqliteResumeMap) => map.setSession(KEY, sessionIdOf(2))],
    ['drop', (map: SqliteResumeMap) => map.dropSession(KEY)],
    ['drop an issue', (map: SqliteResumeMap) => map.dropAllForIssue('acme/my_app', 12)],
    ['sweep', (map: SqliteResumeMap) => map.sweepStaleSessions()],
    ['count', (map: SqliteResumeMap) => map.incrementSessionResumeFailures()],
  ])('refuses to %s', async (_name, write) => {
    const path = await makeOwnDatabase(join(tempDir(), 'sessions.db'));
    const before = rowsOf(path);
    const clock = new SetClock(NOW_MS + 90 * DAY_MS);
    const map = closedWithTest(SqliteResumeMap.openForReading(path, { clock }));
    await expect(write(map)).rejects.toEqual(ofKind('io', path, 'READONLY'));
    expect(rowsOf(path)).toEqual(before);
  });
});

describe('a database that another process holds', () => {
  const locked = async () => {
    const path = await makeOwnDatabase(join(tempDir(), 'sessions.db'));
    const holder = closedWithTest(new Database(path));
    holder.exec('BEGIN IMMEDIATE');
    return { path, holder };
  };

  it('is waited for while this one goes on with its work, and written to in the order of the calls', async () => {
    const { path, holder } = await locked();
    const map = closedWithTest(SqliteResumeMap.openOwn(path));
    const first = map.setSession(KEY, sessionIdOf(2));
    const second = map.setSession(KEY, sessionIdOf(3));
    const seen = map.getSession(KEY);
    // Only a thread that is not blocked comes to this.
    setImmediate(() => holder.exec('ROLLBACK'));
    await Promise.all([first, second]);
    expect(await seen).toBe(sessionIdOf(3));
    expect(rowsOf(path)).toMatchObject([{ key: KEY, session_id: sessionIdOf(3) }]);
  });

  it('is given up after the wait, with nothing changed', async () => {
    const { path, holder } = await locked();
    const map = closedWithTest(SqliteResumeMap.openOwn(path, { busyTimeoutMs: 20 }));
    const before = rowsOf(path);
    await expect(map.setSession(KEY, sessionIdOf(2))).rejects.toEqual(ofKind('unavailable', path, 'SQLITE_BUSY'));
    await expect(map.withWritersHeld([ID], () => 'acted')).rejects.toEqual(ofKind('unavailable', path, 'SQLITE_BUSY'));
    holder.exec('ROLLBACK');
    expect(rowsOf(path)).toEqual(before);
    await map.setSession(KEY, sessionIdOf(2));
    expect(await map.getSession(KEY)).toBe(sessionIdOf(2));
  });

  it('never has a write of this process end up among what is rolled back after a hold', async () => {
    const { path, holder } = await locked();
    const map = closedWithTest(SqliteResumeMap.openOwn(path));
    const holding = map.withWritersHeld([ID], () => new Promise((resolve) => setTimeout(resolve, 20)));
    const written = map.setSession(KEY, sessionIdOf(2));
    setImmediate(() => holder.exec('ROLLBACK'));
    await Promise.all([holding, written]);
    expect(rowsOf(path)).toMatchObject([{ key: KEY, session_id: sessionIdOf(2) }]);
  });
});

describe('a preview', () => {
  const OTHER_KEY = 'forgejo:architect:acme/my_app:13';

  it('holds what is on disk and what is still to be imported, and what is on disk goes before', async () => {
    const root = tempDir();
    const path = await makeOwnDatabase(join(root, 'sessions.db'));
    const json = join(root, 'sessions.json');
    writeFileSync(json, JSON.stringify({ [KEY]: sessionIdOf(2), [OTHER_KEY]: sessionIdOf(3) }));
    const before = snapshot(root);
    const onDisk = SqliteResumeMap.openForReading(path);
    const preview = closedWithTest(await SqliteResumeMap.preview(onDisk, readSessionsJson(json, 'forgejo')));
    await onDisk.close();
    expect(await preview.listSessions()).toEqual([
      { key: KEY, sessionId: ID, lastUsedAtMs: NOW_MS, createdAtMs: NOW_MS },
      { key: OTHER_KEY, sessionId: sessionIdOf(3), lastUsedAtMs: 0, createdAtMs: 0 },
    ]);
    expect(snapshot(root)).toEqual(before);
  });

  it('may be swept and written to, and the disk knows nothing of it', async () => {
    const root = tempDir();
    const path = await makeOwnDatabase(join(root, 'sessions.db'));
    insertRows(path, 600);
    const before = snapshot(root);
    const onDisk = SqliteResumeMap.openForReading(path);
    const clock = new SetClock(NOW_MS + 31 * DAY_MS);
    const preview = closedWithTest(await SqliteResumeMap.preview(onDisk, undefined, { clock }));
    await onDisk.close();
    await preview.check();
    await preview.setSession(OTHER_KEY, ID);
    expect(await preview.sweepStaleSessions()).toBe(601);
    expect(await preview.withWritersHeld([ID, sessionIdOf(2)], (live) => new Set(live))).toEqual(new Set([ID]));
    expect(snapshot(root)).toEqual(before);
  });

  it('holds nothing where there is nothing on disk, nor to be imported', async () => {
    const preview = closedWithTest(await SqliteResumeMap.preview(undefined, undefined));
    expect((await preview.readLiveIds()).ids.size).toBe(0);
    expect(await preview.getSessionResumeFailuresTotal()).toBe(0);
  });
});

describe('processes', () => {
  const keys = Array.from({ length: 6 }, (_, number) => `k${number}`);
  const creations = (path: string) => keys.map((key) => ['create', path, key, ID]);

  it('that make the database at once end with one, whole, that holds what each of them wrote', async () => {
    const path = join(tempDir(), 'state', 'sessions.db');
    await runTogether(PROCESS, creations(path));
    expect(readdirSync(dirname(path)).filter((name) => name.includes('.new-'))).toEqual([]);
    expect(rowsOf(path).map((row) => row.key)).toEqual(keys);
    expect(versionsOf(path)).toEqual(VERSIONS);
  });

  it('that migrate a database at once end with one complete migration', async () => {
    const path = makeHostDatabase(join(tempDir(), 'sessions.db'), 'CREATE TABLE from_before (x)');
    await runTogether(PROCESS, creations(path));
    expect(rowsOf(path).map((row) => row.key)).toEqual(keys);
    expect(versionsOf(path)).toEqual(VERSIONS);
  });

  const killed = async (action: string, path: string) => {
    const child = forkProgram(PROCESS, [action, path]);
    await child.message();
    child.send('go');
    expect(await child.exit).toMatchObject({ signal: 'SIGKILL' });
  };

  it.each(['die-creating', 'die-created'])(
    'one that is killed (%s) leaves no half database in its place, and nothing for good beside it',
    async (action) => {
      const path = join(tempDir(), 'state', 'sessions.db');
      await killed(action, path);
      expect(readdirSync(dirname(path))).not.toContain('sessions.db');
      await makeOwnDatabase(path);
      expect(readdirSync(dirname(path))).toEqual(['sessions.db']);
      expect(rowsOf(path).map((row) => row.key)).toEqual([KEY]);
      expect(versionsOf(path)).toEqual(VERSIONS);
    },
  );

  it('one that is killed in a migration leaves none of it, and the next completes it', async () => {
    const path = makeHostDatabase(join(tempDir(), 'sessions.db'), 'CREATE TABLE from_before (x)');
    const before = schemaOf(path);
    await killed('die-migrating', path);
    expect(schemaOf(path)).toEqual(before);
    await makeOwnDatabase(path);
    expect(rowsOf(path).map((row) => row.key)).toEqual([KEY]);
    expect(versionsOf(path)).toEqual(VERSIONS);
  });
});
