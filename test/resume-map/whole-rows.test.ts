import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { WholeRow } from '../../src/resume-map/resume-map.ts';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import { ShortHolds, withoutRests } from '../../src/sqlite/short-holds.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';

const OLD_MS = Date.UTC(2026, 4, 1);
const COLUMNS =
  'session_id TEXT, last_used_at INTEGER, created_at INTEGER, note, "odd "" column" TEXT NOT NULL DEFAULT \'\'';

/** Values that JavaScript cannot hold as they are, or that JSON cannot. */
const ODD_VALUES = [
  "CAST(x'ff61' AS TEXT)",
  "CAST(x'6100' AS TEXT)",
  "x'ff6100'",
  "''",
  '9007199254740993',
  '0.1',
  '9e999',
  'NULL',
];

function hostMap(schema: string) {
  const path = join(tempDir(), 'host.db');
  const host = new Database(path);
  host.exec(schema);
  const map = SqliteResumeMap.openExisting(path);
  onTestFinished(async () => {
    await map.close();
    host.close();
  });
  return { host, map };
}

function insert(host: Database.Database, key: string, note: string, odd = 'x'): void {
  host.exec(
    `INSERT INTO claude_sdk_sessions VALUES (${key}, '${sessionIdOf(1)}', ${OLD_MS}, ${OLD_MS}, ${note}, '${odd}')`,
  );
}

function dump(host: Database.Database): unknown[] {
  return host
    .prepare(
      `SELECT typeof(key), hex(CAST(key AS BLOB)), key, session_id, last_used_at, created_at, typeof(note), hex(CAST(note AS BLOB)), "odd "" column"
       FROM claude_sdk_sessions ORDER BY typeof(key), key`,
    )
    .safeIntegers()
    .raw()
    .all();
}

async function readAll(map: SqliteResumeMap): Promise<WholeRow[]> {
  const rows: WholeRow[] = [];
  for await (const page of map.readPages()) rows.push(...(await map.readWhole(page)));
  return rows;
}

async function deleteAll(map: SqliteResumeMap, rows: readonly WholeRow[]) {
  const fates = { deleted: 0, stayed: 0 };
  for await (const { deleted, stayed } of map.deleteUnchanged(rows, new ShortHolds(withoutRests))) {
    fates.deleted += deleted.length;
    fates.stayed += stayed.length;
  }
  return fates;
}

describe.each([
  ['with row numbers', `CREATE TABLE claude_sdk_sessions (key UNIQUE, ${COLUMNS})`],
  ['without row numbers', `CREATE TABLE claude_sdk_sessions (key PRIMARY KEY, ${COLUMNS}) WITHOUT ROWID`],
])("rows of a host's table %s", (_, schema) => {
  it('come back with all their columns, to the byte', async () => {
    const { host, map } = hostMap(schema);
    const keys = ODD_VALUES.filter((value) => value !== 'NULL');
    for (const [index, note] of ODD_VALUES.entries()) insert(host, keys[index] ?? "'last'", note);
    const before = dump(host);
    const rows = await readAll(map);
    expect(await deleteAll(map, rows)).toEqual({ deleted: rows.length, stayed: 0 });
    expect(dump(host)).toEqual([]);
    for (const { content } of rows) await map.restoreRow(content);
    expect(dump(host)).toEqual(before);
  });

  it('stay where any column has changed since they were read, and are told from those that are gone', async () => {
    const { host, map } = hostMap(schema);
    for (const key of ["'a'", "'b'", "'c'"]) insert(host, key, '1');
    const rows = await readAll(map);
    host.exec(
      "UPDATE claude_sdk_sessions SET note = 2 WHERE key = 'a'; DELETE FROM claude_sdk_sessions WHERE key = 'b'",
    );
    expect(await deleteAll(map, rows)).toEqual({ deleted: 1, stayed: 1 });
    expect(dump(host)).toHaveLength(1);
  });
});

describe('a row that is to come back', () => {
  it.each([
    ['', ''],
    [' whose conflicts replace', ' ON CONFLICT REPLACE'],
  ])('never takes the place of one that is there again, in a table%s', async (_, conflicts) => {
    const { host, map } = hostMap(`CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY${conflicts}, ${COLUMNS})`);
    insert(host, "'k'", "'old'");
    const [row] = await readAll(map);
    host.exec("UPDATE claude_sdk_sessions SET note = 'new'");
    const before = dump(host);
    await expect(map.restoreRow(row?.content ?? '')).rejects.toMatchObject({ kind: 'bad-data' });
    expect(dump(host)).toEqual(before);
  });

  it('is refused with the reason where the table does not take it any more', async () => {
    const { host, map } = hostMap(
      `CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, ${COLUMNS}, UNIQUE (note) ON CONFLICT REPLACE)`,
    );
    insert(host, "'k'", "'one'");
    const [row] = await readAll(map);
    host.exec("UPDATE claude_sdk_sessions SET key = 'other'");
    await expect(map.restoreRow(row?.content ?? '')).rejects.toMatchObject({
      kind: 'bad-data',
      message: expect.stringContaining('note'),
    });
    expect(dump(host)).toHaveLength(1);
  });

  it('counts as used when it is told to', async () => {
    const { host, map } = hostMap(`CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, ${COLUMNS})`);
    insert(host, "'k'", "'one'");
    const [row] = await readAll(map);
    host.exec('DELETE FROM claude_sdk_sessions');
    await map.restoreRow(row?.content ?? '', OLD_MS + 1);
    expect(await map.listSessions()).toMatchObject([{ key: 'k', lastUsedAtMs: OLD_MS + 1, createdAtMs: OLD_MS }]);
  });
});
