import { statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { databaseSpace, giveBack } from '../../src/sqlite/give-back.ts';
import { openOwnDatabase } from '../../src/sqlite/open.ts';
import { ShortHolds, withoutRests } from '../../src/sqlite/short-holds.ts';
import { tempDir } from '../support/temp-dir.ts';

const NEVER = async () => false;
const ROW = 'x'.repeat(2_000);
const TABLE = 'CREATE TABLE t (id INTEGER PRIMARY KEY, entry TEXT)';
const TABLE_AND_FILL = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) INSERT INTO t SELECT i, '${ROW}' FROM n`;

/** A database of some 8 MB of which nearly nothing, or half, is left. */
function emptied(kind: 'ours' | 'of an earlier release', left = 'id > 0'): string {
  const path = join(tempDir(), 'some.db');
  if (kind === 'ours') openOwnDatabase(path, (database) => database.exec(TABLE)).close();
  const database = new Database(path);
  if (kind !== 'ours') database.exec(`PRAGMA journal_mode = WAL; ${TABLE}`);
  database.exec(`${TABLE_AND_FILL}; DELETE FROM t WHERE ${left}`);
  database.close();
  return path;
}

function giveBackNow(path: string, shouldStop = NEVER): Promise<number> {
  return giveBack(path, new ShortHolds(withoutRests), shouldStop);
}

describe('What is free in a database', () => {
  it.each(['ours', 'of an earlier release'] as const)('goes back to the disk from one that is %s', async (kind) => {
    const path = emptied(kind);
    const before = statSync(path).size;
    expect(before).toBeGreaterThan(8_000_000);
    expect(await giveBackNow(path)).toBeGreaterThan(7_500_000);
    expect(statSync(path).size).toBeLessThan(400_000);
    expect(databaseSpace(path)).toMatchObject({ isIncremental: true });
    expect(await giveBackNow(path)).toBe(0);
    const database = new Database(path);
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    database.close();
  });

  it('goes back in steps, and what was given back before a stop counts', async () => {
    const path = emptied('ours');
    let asked = 0;
    const given = await giveBackNow(path, async () => {
      asked += 1;
      return asked > 1;
    });
    expect(given).toBeGreaterThan(0);
    // How much of it, the speed of the machine says; the next one goes on from there.
    expect(given + (await giveBackNow(path))).toBeGreaterThan(7_500_000);
  });

  it('goes back while a host has the database open, whose rows stay', async () => {
    const path = emptied('ours', 'id > 10');
    const host = new Database(path);
    expect(host.prepare('SELECT count(*) FROM t').pluck().get()).toBe(10);
    expect(await giveBackNow(path)).toBeGreaterThan(7_500_000);
    host.exec(`INSERT INTO t VALUES (5000, 'new')`);
    expect(host.prepare('SELECT count(*) FROM t').pluck().get()).toBe(11);
    host.close();
    expect(statSync(path).size).toBeLessThan(400_000);
  });

  it('stays where much is in use in a file that would have to be written anew', async () => {
    const path = emptied('of an earlier release', 'id > 2000');
    expect(await giveBackNow(path)).toBe(0);
    expect(databaseSpace(path)).toMatchObject({ isIncremental: false });
  });

  it('stays where a writer holds the database, and nothing is wrong with that', async () => {
    const path = emptied('of an earlier release');
    const host = new Database(path);
    host.exec('BEGIN IMMEDIATE');
    expect(await giveBackNow(path)).toBe(0);
    host.exec('ROLLBACK');
    host.close();
  });

  it('is nothing where there is no database', async () => {
    const path = join(tempDir(), 'none.db');
    expect(await giveBackNow(path)).toBe(0);
    expect(databaseSpace(path)).toBeUndefined();
  });
});
