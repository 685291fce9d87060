import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LEASE_MS } from '../../src/resume-map/lease-holder.ts';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import { forkProgram } from '../support/forked.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { sessionIdOf } from '../support/tree.ts';

const PROCESS = new URL('lease-process.mjs', import.meta.url);
const KEY = 'forgejo:architect:acme/my_app:12';
const HOUR_MS = 3_600_000;

function mapAt(path: string, clock = new SetClock(Date.now())): SqliteResumeMap {
  const map = SqliteResumeMap.openOwn(path, { clock });
  onTestFinished(() => map.close());
  return map;
}

function twoMaps() {
  const path = join(tempDir(), 'sessions.db');
  const clock = new SetClock(Date.now());
  return { path, clock, map: mapAt(path, clock), other: mapAt(path, clock) };
}

function withDatabase<T>(path: string, use: (database: Database.Database) => T): T {
  const database = new Database(path);
  try {
    return use(database);
  } finally {
    database.close();
  }
}

async function killedHolder(path: string): Promise<void> {
  const holder = forkProgram(PROCESS, [path, KEY]);
  expect(await holder.message()).toBe('leased');
  holder.kill('SIGKILL');
  await holder.exit;
}

/** As it is for whoever is in another container. */
function moveHolderElsewhere(path: string): void {
  withDatabase(path, (database) => database.exec(`UPDATE claude_sdk_session_leases SET process = 'boot pid:[1] 2 3'`));
}

describe('the lease of a key', () => {
  it('is one process’s at a time, and the next one’s when it is given back', async () => {
    const { map, other } = twoMaps();
    const lease = await map.leaseKey(KEY);
    expect(await other.leaseKey(KEY)).toBeUndefined();
    expect(await other.leaseKey(`${KEY}3`)).toBeDefined();
    await lease?.release();
    expect(await other.leaseKey(KEY)).toBeDefined();
    expect(await lease?.renew()).toBe(false);
  });

  it('is another process’s while that is alive, and free as soon as it is seen to be dead', async () => {
    const path = join(tempDir(), 'sessions.db');
    const map = mapAt(path);
    const holder = forkProgram(PROCESS, [path, KEY]);
    expect(await holder.message()).toBe('leased');
    expect(await map.leaseKey(KEY)).toBeUndefined();
    holder.kill('SIGKILL');
    await holder.exit;
    expect(await map.leaseKey(KEY)).toBeDefined();
  });

  it('of a killed process that cannot be looked at is free when its time is over, and not before', async () => {
    const path = join(tempDir(), 'sessions.db');
    await killedHolder(path);
    moveHolderElsewhere(path);
    const clock = new SetClock(Date.now());
    const map = mapAt(path, clock);
    expect(await map.leaseKey(KEY)).toBeUndefined();
    clock.nowMs += LEASE_MS;
    expect(await map.leaseKey(KEY)).toBeDefined();
  });

  it('is not another process’s for having its pid', async () => {
    const { path, map, other } = twoMaps();
    await map.leaseKey(KEY);
    withDatabase(path, (database) => database.exec('UPDATE claude_sdk_session_leases SET process = process || 0'));
    expect(await other.leaseKey(KEY)).toBeDefined();
  });

  it('lasts for as long as it is renewed', async () => {
    const { clock, map, other } = twoMaps();
    const lease = await map.leaseKey(KEY);
    for (let round = 0; round < 4; round += 1) {
      clock.nowMs += LEASE_MS - 1;
      expect(await lease?.renew()).toBe(true);
      expect(await other.leaseKey(KEY)).toBeUndefined();
    }
    clock.nowMs += LEASE_MS;
    expect(await other.leaseKey(KEY)).toBeDefined();
    expect(await lease?.renew()).toBe(false);
  });

  it('ends by a clock that was set back, too, unless its holder is seen to be alive', async () => {
    const { path, clock, map, other } = twoMaps();
    await map.leaseKey(KEY);
    clock.nowMs -= HOUR_MS;
    expect(await other.leaseKey(KEY)).toBeUndefined();
    moveHolderElsewhere(path);
    expect(await other.leaseKey(KEY)).toBeDefined();
  });

  it('is no use of the session, and keeps no row from being swept', async () => {
    const { path, clock, map } = twoMaps();
    await map.setSession(KEY, sessionIdOf(1));
    const rows = () => withDatabase(path, (database) => database.prepare('SELECT * FROM claude_sdk_sessions').all());
    const before = rows();
    clock.nowMs += 1_000;
    const lease = await map.leaseKey(KEY);
    await lease?.renew();
    expect(rows()).toEqual(before);
    map.setMaxSessionAgeMs(500);
    expect(await map.sweepStaleSessions()).toBe(1);
    await lease?.release();
    expect(rows()).toEqual([]);
  });

  it('leaves no trace of keys that nobody asks for again', async () => {
    const { path, clock, map } = twoMaps();
    for (const number of [1, 2, 3]) await map.leaseKey(`k:${number}`);
    clock.nowMs += LEASE_MS + 1;
    await map.leaseKey(KEY);
    const keys = withDatabase(path, (database) => {
      return database.prepare('SELECT key FROM claude_sdk_session_leases').pluck().all();
    });
    expect(keys).toEqual([KEY]);
  });

  it("is everybody's in a host's own database, whose schema stays as it is", async () => {
    const path = join(tempDir(), 'host.db');
    const schema = () => withDatabase(path, (database) => database.prepare('SELECT sql FROM sqlite_schema').all());
    withDatabase(path, (database) => {
      database.exec('CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id, last_used_at, created_at)');
    });
    const before = schema();
    const map = SqliteResumeMap.openExisting(path);
    onTestFinished(() => map.close());
    const leases = [await map.leaseKey(KEY), await map.leaseKey(KEY)];
    for (const lease of leases) expect(await lease?.renew()).toBe(true);
    for (const lease of leases) await lease?.release();
    expect(schema()).toEqual(before);
  });
});
