import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { Place } from '../support/place.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { cli } from './cli-here.ts';

const FLAGS = ['--sessions-max-age', '10d'];
const OLD_MS = Date.now() - 400 * DAY_MS;

interface HostTable {
  readonly path: string;
  rows(): unknown[];
  run(sql: string): void;
}

/** A host's own table, with a column of its own, and so many rows. */
function hostTable(place: Place, rows: number): HostTable {
  const path = join(place.directory, 'host.db');
  const use = <T>(call: (database: Database.Database) => T): T => {
    const database = new Database(path);
    try {
      return call(database);
    } finally {
      database.close();
    }
  };
  use((database) => {
    database.exec(
      'CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id TEXT, last_used_at INTEGER, created_at INTEGER, thread BLOB)',
    );
    const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?, ?)');
    for (let row = 0; row < rows; row += 1)
      insert.run(`k${row}`, sessionIdOf(row), OLD_MS, OLD_MS, Buffer.from([255, row]));
  });
  return {
    path,
    rows: () => use((database) => database.prepare('SELECT * FROM claude_sdk_sessions ORDER BY key').all()),
    run: (sql) => use((database) => void database.exec(sql)),
  };
}

function sweeper(place: Place, { path }: HostTable) {
  return (...args: string[]) => cli([...place.flags, '--sessions-db', path, ...FLAGS, ...args]);
}

describe('Rows that a sweep has taken', () => {
  it("are listed, and come back by key with all columns of the host's own table, to stay", async () => {
    const place = tempPlace();
    const host = hostTable(place, 3);
    const run = sweeper(place, host);
    const before = host.rows();
    expect((await run('map', 'swept')).stdout).toBe('No swept row is kept.\n');
    expect((await run('--run-now', '--job', 'sweep-sessions')).stdout).toContain('map restore --last-run');
    expect(host.rows()).toEqual([]);
    expect((await run('map', 'swept')).stdout).toMatch(new RegExp(`^KEY .*\\nk2 +${sessionIdOf(2)} .*expired.*after`));
    const { rows } = JSON.parse((await run('map', 'swept', '--json')).stdout) as { rows: object[] };
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatchObject({ key: 'k2', sessionId: sessionIdOf(2), reason: 'expired' });
    const restored = await run('map', 'restore', 'k0', 'k1', 'k2');
    expect(restored).toMatchObject({ code: 0, stderr: '' });
    expect(restored.stdout).toContain(`k0 resumes ${sessionIdOf(0)} again\n`);
    expect(host.rows()).toEqual(before);
    await run('--run-now', '--job', 'sweep-sessions');
    expect(host.rows()).toEqual(before);
    expect((await run('map', 'swept')).stdout).toBe('No swept row is kept.\n');
  });

  it('come back all together, used now where that is asked', async () => {
    const place = tempPlace();
    const host = hostTable(place, 2);
    const run = sweeper(place, host);
    await run('--run-now', '--job', 'sweep-sessions');
    expect((await run('map', 'restore', '--last-run', '--touch')).code).toBe(0);
    const rows = host.rows() as { last_used_at: number; created_at: number }[];
    expect(rows).toHaveLength(2);
    for (const { last_used_at, created_at } of rows) {
      expect(last_used_at).toBeGreaterThan(Date.now() - DAY_MS);
      expect(created_at).toBe(OLD_MS);
    }
  });

  it('never come back over a row that is there again; the others do, and the reason is told', async () => {
    const place = tempPlace();
    const host = hostTable(place, 2);
    const run = sweeper(place, host);
    await run('--run-now', '--job', 'sweep-sessions');
    host.run(`INSERT INTO claude_sdk_sessions VALUES ('k0', '${sessionIdOf(9)}', ${Date.now()}, ${Date.now()}, NULL)`);
    const { code, stderr } = await run('map', 'restore', 'k0', 'k1', 'k7');
    expect(code).toBe(65);
    expect(stderr).toMatch(/"k0": there is a row of this key again\n.*"k7": no row of this key was swept/);
    expect(host.rows()).toMatchObject([{ session_id: sessionIdOf(9) }, { session_id: sessionIdOf(1) }]);
  });

  it('have to be named', async () => {
    const place = tempPlace();
    const run = sweeper(place, hostTable(place, 0));
    expect((await run('map', 'restore')).code).toBe(64);
    expect((await run('map', 'restore', 'k0', '--last-run')).code).toBe(64);
  });
});

describe('Rows that would go all at once', () => {
  it('end a run by hand with 77, and the line names the command that lets it go on', async () => {
    const place = tempPlace();
    const host = hostTable(place, 40);
    const run = sweeper(place, host);
    host.run(`UPDATE claude_sdk_sessions SET last_used_at = ${Date.now()}`);
    expect((await run('--run-now', '--job', 'sweep-sessions')).code).toBe(0);
    host.run('UPDATE claude_sdk_sessions SET last_used_at = 0');
    const held = await run('--run-now', '--job', 'sweep-sessions');
    expect(held.code).toBe(77);
    expect(held.stdout).toMatch(/held by mass-removal.*: 40 of the 40 rows .*none goes before/);
    expect(held.stdout).toMatch(
      new RegExp(
        `--run-now --allow-mass-removal --job sweep-sessions .*--sessions-db ${host.path} --sessions-max-age 10d`,
      ),
    );
    expect(host.rows()).toHaveLength(40);
    const dry = await run('--run-now', '--job', 'sweep-sessions', '--dry-run');
    expect(dry).toMatchObject({ code: 77, stdout: expect.stringContaining('40 expired rows') });
    expect((await run('--run-now', '--job', 'sweep-sessions', '--allow-mass-removal')).code).toBe(0);
    expect(host.rows()).toEqual([]);
  });
});
