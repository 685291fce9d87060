import { describe, expect, it, onTestFinished } from 'vitest';
import { OperatingError } from '../../../src/errors.ts';
import { openPostgresResumeMap } from '../../../src/library/postgres.ts';
import type { SqlValue } from '../../../src/postgres/driver.ts';
import { PostgresDatabase } from '../../../src/postgres/postgres-database.ts';
import { LEASE_MS } from '../../../src/resume-map/lease-holder.ts';
import { readLiveIds } from '../../../src/resume-map/postgres/live-ids.ts';
import { PostgresResumeMap } from '../../../src/resume-map/postgres/map.ts';
import type { Forgotten, Whereabouts } from '../../../src/resume-map/resume-map.ts';
import { runTogether } from '../../support/forked.ts';
import { HERE, mapAt, put, storedRows } from '../../support/postgres-map.ts';
import { newSchema } from '../../support/postgres-server.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';

const KEY = 'forgejo:architect:acme/my_app:12';
const ID = sessionIdOf(1);
const OTHER_ID = sessionIdOf(2);
const NOW_MS = Date.UTC(2026, 5, 15, 12);
const HOUR_MS = 3_600_000;
const WRITERS = new URL('../writer-process.mjs', import.meta.url);

const ofKind = (kind: string, message = '') =>
  expect.objectContaining({ kind, message: expect.stringContaining(message) });

async function schemaAt(nowMs = NOW_MS) {
  const schema = await newSchema();
  schema.server.setClock(nowMs);
  return schema;
}

async function pagesOf(map: PostgresResumeMap): Promise<unknown[]> {
  const keys: unknown[] = [];
  for await (const page of map.readPages()) keys.push(...page.map(({ key }) => key));
  return keys;
}

describe('a resume map that several hosts share', () => {
  it('says of each row which host and which Claude directory hold its transcript, and follows it when it moves', async () => {
    const { url, outside } = await schemaAt();
    const there = mapAt(url, { host: 'there', claudeDir: '/srv/there/.claude' });
    const here = mapAt(url, { claudeDir: '/srv/here/.claude' });
    const where = async () => [
      ...(await outside.unsafe('SELECT key, host, claude_dir FROM claude_sdk_sessions ORDER BY key')),
    ];
    await there.setSession('a', ID);
    await there.setSession('b', OTHER_ID);
    expect(await here.touchSession('a', ID)).toBe(true);
    expect(await where()).toEqual([
      { key: 'a', host: HERE, claude_dir: '/srv/here/.claude' },
      { key: 'b', host: 'there', claude_dir: '/srv/there/.claude' },
    ]);
  });

  it('protects the sessions of every host on every host, and lets none be swept by another', async () => {
    const { url, outside } = await schemaAt();
    const map = mapAt(url, { maxSessionAge: DAY_MS });
    await map.check();
    const row = (key: string, number: number) => {
      return {
        key,
        session_id: sessionIdOf(number),
        last_used_at: NOW_MS - 90 * DAY_MS,
        created_at: NOW_MS - 90 * DAY_MS,
      };
    };
    await put(outside, [row('ours', 1)]);
    await put(outside, [row('theirs', 2)], 'there');
    await outside.unsafe(
      `INSERT INTO claude_sdk_sessions SELECT 'nobody', session_id, 0, 0 FROM claude_sdk_sessions LIMIT 1`,
    );
    expect((await map.readLiveIds()).ids.size).toBe(2);
    expect(await map.withWritersHeld([sessionIdOf(2)], (live) => live.size)).toBe(1);
    expect(await pagesOf(map)).toEqual(['ours']);
    expect((await map.listSessions()).map(({ key }) => key)).toEqual(['nobody', 'ours', 'theirs']);
    expect(await map.sweepStaleSessions()).toBe(1);
    expect((await storedRows(outside)).map(({ key }) => key)).toEqual(['nobody', 'theirs']);
  });

  it('ends a conversation whose transcript is gone from this host, and none that is on another', async () => {
    const { url, outside } = await schemaAt();
    const told: Forgotten[] = [];
    let place: Whereabouts = 'gone';
    const options = { transcripts: { whereIs: () => place }, onForgotten: (one: Forgotten) => void told.push(one) };
    const map = mapAt(url, options);
    await map.check();
    const row = (key: string, ageMs: number) => {
      return { key, session_id: ID, last_used_at: NOW_MS - ageMs, created_at: NOW_MS - ageMs };
    };
    await put(outside, [row('gone', 2 * HOUR_MS), row('late', HOUR_MS / 2)]);
    await put(outside, [row('there', 2 * HOUR_MS)], 'there');
    expect([await map.getSession('there'), await map.getSession('late')]).toEqual([ID, ID]);
    expect(await map.getSession('gone', { evenIfGone: true })).toBe(ID);
    place = 'in-trash';
    expect(await map.getSession('gone')).toBeNull();
    place = 'gone';
    expect([await map.getSession('gone'), await map.getSession('gone')]).toEqual([null, null]);
    expect(told).toEqual([{ key: 'gone', sessionId: ID, reason: 'gone' }]);
    expect(await map.getForgottenTotals()).toEqual({ expired: 0, gone: 1 });
    expect((await map.readLiveIds()).droppedOnPurpose).toBe(1);
    expect((await storedRows(outside)).map(({ key }) => key)).toEqual(['late', 'there']);
  });

  it('has one age of rows for all, which a host has written', async () => {
    const { url } = await schemaAt();
    const open = (options = {}) => openPostgresResumeMap({ url, ...options });
    await using host = await open({ maxSessionAgeMs: 'never' });
    await using other = await open();
    expect([await host.maxSessionAge(), await other.maxSessionAge()]).toEqual(['never', 'never']);
    await using _ = await open({ maxSessionAgeMs: 2 * DAY_MS });
    expect(await other.maxSessionAge()).toBe(2 * DAY_MS);
  });

  it('keeps what was swept whole, with the columns that a host has added', async () => {
    const { url, outside } = await schemaAt();
    const map = mapAt(url);
    await map.setSession(KEY, ID);
    await outside.unsafe(`ALTER TABLE claude_sdk_sessions ADD note BYTEA, ADD weight FLOAT8`);
    await outside.unsafe(`UPDATE claude_sdk_sessions SET note = '\\x00ff', weight = 'infinity'`);
    const dump = async () => [...(await outside.unsafe('SELECT *, note::text, weight::text FROM claude_sdk_sessions'))];
    const before = await dump();
    const rows = [];
    for await (const page of map.readPages()) rows.push(...(await map.readWhole(page)));
    const content = rows[0]?.content ?? '';
    expect(await map.hasRow(content)).toBe(true);
    await map.dropSession(KEY);
    expect(await map.hasRow(content)).toBe(false);
    await map.restoreRow(content);
    expect(await dump()).toEqual(before);
    await expect(map.restoreRow(content)).rejects.toEqual(ofKind('bad-data', 'a row of this key again'));
    await expect(map.restoreRow('[["key"]]')).rejects.toEqual(ofKind('bad-data'));
  });

  it('tells what else a deletion would change', async () => {
    const { url, outside } = await schemaAt();
    const map = mapAt(url);
    expect(await map.sweepObstacle()).toBeUndefined();
    await outside.unsafe('CREATE TABLE notes (key TEXT COLLATE "C" REFERENCES claude_sdk_sessions ON DELETE CASCADE)');
    expect(await map.sweepObstacle()).toContain('foreign key');
    await outside.unsafe(`DROP TABLE notes; CREATE RULE kept AS ON DELETE TO claude_sdk_sessions DO ALSO NOTIFY kept`);
    expect(await map.sweepObstacle()).toContain('rule kept');
  });
});

describe('the worker and a resume map in PostgreSQL', () => {
  const worker = (url: string) => {
    const map = PostgresResumeMap.openExisting(url);
    onTestFinished(() => map.close());
    return map;
  };

  it('finds an error, and makes no empty map, where there is none', async () => {
    const { url, outside } = await schemaAt();
    await expect(worker(url).readLiveIds()).rejects.toEqual(ofKind('config', 'no table claude_sdk_sessions'));
    await expect(worker(url).withWritersHeld([ID], () => 'acted')).rejects.toEqual(ofKind('config'));
    expect([
      ...(await outside.unsafe(`SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace`)),
    ]).toEqual([]);
    await mapAt(url).setSession(KEY, ID);
    expect((await worker(url).readLiveIds()).ids).toEqual(new Set([ID]));
  });

  it('reads all rows of one moment, however many: also one that moves from a later page to one that is read', async () => {
    const { url, outside } = await schemaAt();
    await mapAt(url).check();
    await outside.unsafe(
      `INSERT INTO claude_sdk_sessions
       SELECT 'k' || n, lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000', ${NOW_MS}, ${NOW_MS}
       FROM generate_series(1, 45000) AS n`,
    );
    expect((await worker(url).readLiveIds()).ids.size).toBe(45_000);
    const database = new PostgresDatabase('test', url, {}, async () => undefined);
    onTestFinished(() => database.close());
    const { ids } = await database.reading('read', (transaction) => {
      return readLiveIds({
        ...transaction,
        rows: async <T>(sql: string, ...values: SqlValue[]) => {
          const rows = await transaction.rows<T>(sql, ...values);
          if (rows.length > 1) await outside.unsafe(`UPDATE claude_sdk_sessions SET key = 'a' WHERE key = 'k9999'`);
          return rows;
        },
      });
    });
    expect(ids.size).toBe(45_000);
  });

  it('sees every row, also one whose key is empty, in each walk over them', async () => {
    const { url, outside } = await schemaAt();
    const map = mapAt(url, { maxSessionAge: DAY_MS });
    await map.check();
    const row = { session_id: ID, last_used_at: NOW_MS - 2 * DAY_MS, created_at: NOW_MS - 2 * DAY_MS };
    await put(outside, [{ key: '', ...row }]);
    expect((await worker(url).readLiveIds()).ids).toEqual(new Set([ID]));
    expect(await pagesOf(map)).toEqual(['']);
    expect(await map.sweepStaleSessions()).toBe(1);
  });

  it.each([
    ['rules that show it some rows', 'ALTER TABLE claude_sdk_sessions ENABLE ROW LEVEL SECURITY'],
    [
      'a view',
      'ALTER TABLE claude_sdk_sessions RENAME TO t; CREATE VIEW claude_sdk_sessions AS SELECT * FROM t LIMIT 0',
    ],
    ['a standby', `CREATE FUNCTION pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'`],
  ])('takes nothing for all that may be a part: %s', async (_, sql) => {
    const { url, outside } = await schemaAt();
    await mapAt(url).setSession(KEY, ID);
    await outside.unsafe(sql);
    const role = `reader_${new URL(url).pathname.slice(1)}`;
    const schema = new URL(url).searchParams.get('search_path')?.split(',')[0];
    await outside.unsafe(
      `DO $$ BEGIN CREATE ROLE ${role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
       GRANT pg_read_server_files TO ${role}; GRANT EXECUTE ON FUNCTION pg_read_file(text) TO ${role};
       GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role}`,
    );
    await expect(worker(url.replace('postgres@', `${role}@`)).readLiveIds()).rejects.toBeInstanceOf(OperatingError);
  });

  it('is told that a hold was lost, and nobody else is held back by it', async () => {
    const { url, outside } = await schemaAt();
    const map = mapAt(url);
    await map.setSession(KEY, ID);
    const lost = map.withWritersHeld([ID], async () => {
      await outside.unsafe(
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE mode = 'ShareLock' AND relation = 'claude_sdk_sessions'::regclass
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      await put(outside, await storedRows(outside));
    });
    await expect(lost).rejects.toEqual(ofKind('unavailable'));
    expect(await map.withWritersHeld([ID], (live) => live.size)).toBe(1);
  });

  it('hands on what went wrong in the act as it is, a system error too', async () => {
    const { url } = await schemaAt();
    const fault = Object.assign(new Error('no room'), { code: 'ENOSPC' });
    await expect(mapAt(url).withWritersHeld([], () => Promise.reject(fault))).rejects.toBe(fault);
  });

  it('may hold the writers back on several hosts at once', async () => {
    const { url } = await schemaAt();
    const [one, other] = [mapAt(url), mapAt(url)];
    const both = one.withWritersHeld([], () => other.withWritersHeld([], () => 'both'));
    expect(await both).toBe('both');
  });
});

describe('the lease of a key', () => {
  it('is one host’s at a time, lasts while it is renewed, and is free when it is given back or over', async () => {
    const { url, server, outside } = await schemaAt();
    const [map, other] = [mapAt(url), mapAt(url)];
    const lease = await map.leaseKey(KEY);
    expect(await other.leaseKey(KEY)).toBeUndefined();
    server.setClock(NOW_MS + LEASE_MS - 1);
    expect(await lease?.renew()).toBe(true);
    // Of a process that cannot be looked at, as on another host.
    await outside.unsafe(`UPDATE claude_sdk_session_leases SET process = 'boot pid:[1] 2 3'`);
    server.setClock(NOW_MS + LEASE_MS + 1);
    expect(await other.leaseKey(KEY)).toBeUndefined();
    server.setClock(NOW_MS + 2 * LEASE_MS);
    const next = await other.leaseKey(KEY);
    expect(next).toBeDefined();
    expect(await lease?.renew()).toBe(false);
    await next?.release();
    expect(await map.leaseKey(KEY)).toBeDefined();
  });

  it('is given to one of many that ask at once', async () => {
    const { url } = await schemaAt();
    const leases = await Promise.all(Array.from({ length: 8 }, () => mapAt(url).leaseKey(KEY)));
    expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
  });

  it('lets a run go on that outlasts its map', async () => {
    const { url } = await schemaAt();
    const map = mapAt(url);
    const lease = await map.leaseKey(KEY);
    await map.close();
    await map.setSession(KEY, ID);
    expect(await lease?.renew()).toBe(true);
    await expect(map.setSession('another', ID)).rejects.toEqual(ofKind('usage'));
    await expect(map.getSession(KEY)).rejects.toEqual(ofKind('usage'));
    await lease?.release();
    await expect(map.setSession(KEY, ID)).rejects.toEqual(ofKind('usage'));
    expect(await mapAt(url).getSession(KEY)).toBe(ID);
  });
});

describe('dead turns', () => {
  it('are counted for a session over all hosts, make no row younger, and end with an answer', async () => {
    const { url, outside, server } = await schemaAt();
    const [map, other] = [mapAt(url), mapAt(url)];
    const id = async () => (await map.getSession(KEY)) ?? undefined;
    await map.setSession(KEY, ID);
    const turns = await map.watchTurns(KEY, await id());
    server.setClock(NOW_MS + HOUR_MS);
    await map.touchSession(KEY, ID);
    await turns.died(ID);
    expect((await storedRows(outside))[0]?.last_used_at).toBe(NOW_MS);
    await (await other.watchTurns(KEY, await id())).died(ID);
    const third = await map.watchTurns(KEY, await id());
    expect(third.deadTurns).toBe(2);
    expect((await map.watchTurns(KEY, undefined)).deadTurns).toBe(0);
    await third.answered();
    expect((await other.watchTurns(KEY, await id())).deadTurns).toBe(0);
  });
});

describe('50 writers at once in 8 processes', () => {
  it('lose nothing that they were told is written: no row, no drop, no count', async () => {
    const { url, outside } = await schemaAt(Date.now());
    const argLists = Array.from({ length: 8 }, (_, number) => {
      return ['write', url, String(number), String(Math.floor((50 + number) / 8)), '4'];
    });
    type Promised = { rows: Record<string, string>; counted: { attempts: number; failures: number } };
    const promised = ((await runTogether(WRITERS, argLists)) as Promised[][]).flat();
    expect(promised).toHaveLength(50);
    const rows = (await storedRows(outside)).filter(({ key }) => key !== 'shared');
    const expected = promised
      .flatMap((one) => Object.entries(one.rows))
      .sort(([left], [right]) => (left < right ? -1 : 1));
    expect(rows.map(({ key, session_id }) => [key, session_id])).toEqual(expected);
    const map = mapAt(url);
    const sum = (name: 'attempts' | 'failures') => promised.reduce((total, { counted }) => total + counted[name], 0);
    expect(await map.getSessionResumeAttemptsTotal()).toBe(sum('attempts'));
    expect(await map.getSessionResumeFailuresTotal()).toBe(sum('failures'));
  });
});
