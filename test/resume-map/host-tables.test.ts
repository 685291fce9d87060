import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { UncheckedResumeRow } from '../../src/resume-map/resume-map.ts';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import { deleteUnchanged } from '../support/deleted-rows.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';

const NOW_MS = Date.UTC(2026, 5, 15, 12);
const DAY_MS = 86_400_000;
const OLD_MS = NOW_MS - 9 * DAY_MS;
const COLUMNS = 'session_id TEXT, last_used_at INTEGER, created_at INTEGER';

/** A host's table as another language's program makes it, and the map over it. */
function hostMap(schema: string, fill: (database: Database.Database) => void) {
  const path = join(tempDir(), 'host.db');
  const host = new Database(path);
  host.exec(schema);
  fill(host);
  const map = SqliteResumeMap.openExisting(path, { clock: new SetClock(NOW_MS), maxSessionAge: DAY_MS });
  onTestFinished(async () => {
    await map.close();
    host.close();
  });
  return { host, map };
}

async function readAll(map: SqliteResumeMap): Promise<UncheckedResumeRow[]> {
  const rows: UncheckedResumeRow[] = [];
  for await (const page of map.readPages()) rows.push(...page);
  return rows;
}

/** Keys that JavaScript cannot hold as they are: text that is not UTF-8, bytes, numbers, an embedded NUL, the empty text. */
const ODD_KEYS = [
  "CAST(x'ff61' AS TEXT)",
  "CAST(x'ff62' AS TEXT)",
  "CAST(x'6100' AS TEXT)",
  "x'ff61'",
  "''",
  '9007199254740993',
  '-5',
  '0.1',
  "'a'",
  "'A'",
];

describe.each([
  ['with row numbers', `CREATE TABLE claude_sdk_sessions (key PRIMARY KEY, ${COLUMNS})`],
  ['without row numbers', `CREATE TABLE claude_sdk_sessions (key PRIMARY KEY, ${COLUMNS}) WITHOUT ROWID`],
  ['with columns named like row numbers', `CREATE TABLE claude_sdk_sessions (key PRIMARY KEY, ${COLUMNS}, rowid, oid)`],
  [
    'with columns that hide all row numbers',
    `CREATE TABLE claude_sdk_sessions (key PRIMARY KEY, ${COLUMNS}, rowid, oid, _rowid_)`,
  ],
])("a host's table %s and keys of any bytes", (_, schema) => {
  const filled = () =>
    hostMap(schema, (host) => {
      for (const [number, key] of ODD_KEYS.entries()) {
        host.exec(
          `INSERT INTO claude_sdk_sessions (key, session_id, last_used_at, created_at) VALUES (${key}, '${sessionIdOf(number)}', ${OLD_MS}, ${OLD_MS})`,
        );
      }
    });

  it('is walked to its end, each row once', async () => {
    const { map } = filled();
    const rows = await readAll(map);
    expect(rows.map(({ sessionId }) => sessionId).sort()).toEqual(
      ODD_KEYS.map((_key, number) => sessionIdOf(number)).sort(),
    );
  });

  it('loses those rows that were read and are as they were, and no other', async () => {
    const { host, map } = filled();
    const rows = await readAll(map);
    host.exec(`UPDATE claude_sdk_sessions SET last_used_at = ${NOW_MS} WHERE key = 'a'`);
    const byId = new Map(rows.map((row) => [row.sessionId, row]));
    const wanted = [sessionIdOf(0), sessionIdOf(5), sessionIdOf(8)].flatMap((id) => byId.get(id) ?? []);
    expect(await deleteUnchanged(map, wanted)).toBe(2);
    expect(host.prepare('SELECT count(*) FROM claude_sdk_sessions').pluck().get()).toBe(ODD_KEYS.length - 2);
    expect(
      host.prepare("SELECT count(*) FROM claude_sdk_sessions WHERE CAST(key AS BLOB) = x'ff62'").pluck().get(),
    ).toBe(1);
  });

  it('is swept of all that is stale', async () => {
    const { host, map } = filled();
    expect(await map.sweepStaleSessions()).toBe(ODD_KEYS.length);
    expect(host.prepare('SELECT count(*) FROM claude_sdk_sessions').pluck().get()).toBe(0);
  });
});

describe("a sweep of a host's table", () => {
  const TABLE = `CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, ${COLUMNS});`;
  const staleRow = (host: Database.Database) => {
    host
      .prepare('INSERT INTO claude_sdk_sessions (key, session_id, last_used_at, created_at) VALUES (?, ?, ?, ?)')
      .run('k', sessionIdOf(1), OLD_MS, OLD_MS);
  };

  it("deletes nothing in tables that refer to it, as the host with SQLite's own defaults does not", async () => {
    const { host, map } = hostMap(
      `${TABLE} CREATE TABLE turns (session_key TEXT REFERENCES claude_sdk_sessions(key) ON DELETE CASCADE)`,
      (database) => {
        database.pragma('foreign_keys = OFF');
        staleRow(database);
        database.exec(`INSERT INTO turns VALUES ('k')`);
      },
    );
    expect(await map.sweepStaleSessions()).toBe(1);
    expect(host.prepare('SELECT count(*) FROM turns').pluck().get()).toBe(1);
  });

  it('says that a trigger of the host would change more than its rows', async () => {
    const { map } = hostMap(
      `${TABLE} CREATE TABLE log (key TEXT);
       CREATE TRIGGER forget AFTER DELETE ON claude_sdk_sessions BEGIN DELETE FROM log WHERE key = old.key; END;`,
      staleRow,
    );
    expect(await map.sweepObstacle()).toBe('its trigger forget acts on each deletion');
  });

  it('does not mind a trigger that acts on something else', async () => {
    const { map } = hostMap(
      `${TABLE} CREATE TABLE log (key TEXT);
       CREATE TRIGGER note AFTER INSERT ON claude_sdk_sessions BEGIN INSERT INTO log VALUES (new.key); END;`,
      staleRow,
    );
    expect(await map.sweepObstacle()).toBeUndefined();
  });

  it.each([
    ['a column default', 0],
    ['a dump', OLD_MS],
  ])('keeps a row that was made a minute ago, whatever its time of use says: %s', async (_, lastUsedAtMs) => {
    const { host, map } = hostMap(TABLE, (database) => {
      database
        .prepare('INSERT INTO claude_sdk_sessions (key, session_id, last_used_at, created_at) VALUES (?, ?, ?, ?)')
        .run('k', sessionIdOf(1), lastUsedAtMs, NOW_MS - 60_000);
    });
    expect(await map.sweepStaleSessions()).toBe(0);
    expect(await map.getSession('k')).toBe(sessionIdOf(1));
    expect(host.prepare('SELECT count(*) FROM claude_sdk_sessions').pluck().get()).toBe(1);
  });
});

describe('a session whose transcript cannot be found', () => {
  const TABLE = `CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, ${COLUMNS})`;
  const ID = sessionIdOf(1);
  const HOUR_MS = 3_600_000;

  /** @param looks what each look finds; the last one goes on */
  function mapOver(usedAtMs: number, looks: readonly ('here' | 'gone')[]) {
    const { host, map: other } = hostMap(TABLE, (database) => {
      database
        .prepare('INSERT INTO claude_sdk_sessions (key, session_id, last_used_at, created_at) VALUES (?, ?, ?, ?)')
        .run('k', ID, usedAtMs, usedAtMs);
    });
    void other;
    let look = 0;
    const whereIs = () => looks[Math.min(look++, looks.length - 1)] ?? 'gone';
    const map = SqliteResumeMap.openExisting(host.name, {
      clock: new SetClock(NOW_MS),
      maxSessionAge: 'never',
      transcripts: { whereIs },
    });
    onTestFinished(() => map.close());
    const rows = () => host.prepare('SELECT count(*) FROM claude_sdk_sessions').pluck().get();
    return { map, rows, looks: () => look };
  }

  it('is forgotten after a second look', async () => {
    const { map, rows, looks } = mapOver(NOW_MS - 2 * HOUR_MS, ['gone']);
    expect(await map.getSession('k')).toBeNull();
    expect([rows(), looks()]).toEqual([0, 2]);
  });

  it('is resumed where it was only being renamed between two projects', async () => {
    const { map, rows } = mapOver(NOW_MS - 2 * HOUR_MS, ['gone', 'here']);
    expect(await map.getSession('k')).toBe(ID);
    expect(rows()).toBe(1);
  });

  it('is resumed where it is so young that its transcript may still be to come', async () => {
    const { map, rows } = mapOver(NOW_MS - HOUR_MS + 1, ['gone']);
    expect(await map.getSession('k')).toBe(ID);
    expect(rows()).toBe(1);
  });
});
