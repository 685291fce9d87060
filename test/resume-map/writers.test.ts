import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import { forkProgram, runTogether } from '../support/forked.ts';
import type { Forked } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';

const PROCESS = new URL('writer-process.mjs', import.meta.url);

const PROCESSES = 8;
const WRITERS = 50;
/** Of two to four operations each. */
const ROUNDS = 8;

/** What a writer was told is in the database. */
interface Promised {
  readonly rows: Readonly<Record<string, string>>;
  readonly counted: { readonly attempts: number; readonly failures: number };
}

async function makeDatabase(): Promise<string> {
  const path = join(tempDir(), 'sessions.db');
  await SqliteResumeMap.openOwn(path).close();
  return path;
}

/** 50 writers, spread over 8 processes, all at work in the same moment. */
async function runWriters(action: string, path: string, rounds: number): Promise<Promised[]> {
  const argLists = Array.from({ length: PROCESSES }, (_, number) => {
    const writers = Math.floor((WRITERS + number) / PROCESSES);
    return [action, path, String(number), String(writers), String(rounds)];
  });
  const promised = (await runTogether(PROCESS, argLists)) as Promised[][];
  expect(promised.flat()).toHaveLength(WRITERS);
  return promised.flat();
}

/** The oracle: reads the database itself, and lists what it does not hold although a writer was told that it does. */
function lostOf(path: string, promised: readonly Promised[]): string[] {
  const database = new Database(path, { readonly: true });
  const own = database.prepare(`SELECT key, session_id FROM claude_sdk_sessions WHERE key LIKE 'own:%'`).raw().all();
  const counters = database
    .prepare("SELECT name, value FROM claude_sdk_session_counters WHERE name <> 'rows_dropped'")
    .raw()
    .all();
  const integrity = database.pragma('integrity_check', { simple: true });
  database.close();
  const differences = (found: Map<unknown, unknown>, expected: Map<unknown, unknown>) =>
    [...new Set([...found.keys(), ...expected.keys()])]
      .filter((key) => found.get(key) !== expected.get(key))
      .map((key) => `${key}: ${expected.get(key)} was promised, ${found.get(key)} is there`);
  const sum = (name: 'attempts' | 'failures') => promised.reduce((total, { counted }) => total + counted[name], 0);
  const expectedCounters = new Map(
    [
      ['resume_attempts', sum('attempts')],
      ['resume_failures', sum('failures')],
    ].filter(([, total]) => total !== 0) as [string, number][],
  );
  return [
    ...differences(new Map(own as [string, string][]), new Map(promised.flatMap(({ rows }) => Object.entries(rows)))),
    ...differences(new Map(counters as [string, number][]), expectedCounters),
    ...(integrity === 'ok' ? [] : [`integrity: ${integrity}`]),
  ];
}

describe('50 writers at once in 8 processes', () => {
  it('lose nothing that they were told is written: no row, no drop, no count', async () => {
    const path = await makeDatabase();
    const promised = await runWriters('write', path, ROUNDS);
    expect(lostOf(path, promised)).toEqual([]);
    expect(promised.reduce((total, { counted }) => total + counted.attempts, 0)).toBe(WRITERS * ROUNDS);
  });

  it('would be seen to lose counts if they read and wrote in two steps', async () => {
    const path = await makeDatabase();
    const promised = await runWriters('write-carelessly', path, 5);
    expect(lostOf(path, promised)).toEqual([expect.stringContaining('resume_attempts: 250 was promised')]);
  });
});

interface HostReport {
  readonly writes: number;
  readonly failures: number;
  readonly longestWaitMs: number;
  readonly lastId: string;
}

async function startHost(action: string, path: string, setting: number): Promise<Forked> {
  const host = forkProgram(PROCESS, [action, path, String(setting)]);
  await host.message();
  host.send('go');
  expect(await host.message()).toBe('writing');
  return host;
}

async function stopHost<T = HostReport>(host: Forked): Promise<T> {
  host.send('stop');
  return (await host.message()) as T;
}

function insertStaleRows(database: Database.Database, count: number): number {
  const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
  const staleMs = Date.now() - 40 * DAY_MS;
  database.transaction(() => {
    for (let number = 0; number < count; number += 1) {
      insert.run(`stale:${number}`, sessionIdOf(number), staleMs, staleMs);
    }
  })();
  return staleMs;
}

describe('a host that writes on', () => {
  const STALE_ROWS = 20_000;
  /** Less than half of what hosts wait by default. */
  const HOST_WAIT_MS = 2_000;

  it('never fails beside a sweep of 20,000 stale rows, and keeps its own', async () => {
    const path = await makeDatabase();
    const database = new Database(path);
    insertStaleRows(database, STALE_ROWS);
    const host = await startHost('write-until-told', path, HOST_WAIT_MS);
    const idOfHost = database.prepare('SELECT session_id FROM claude_sdk_sessions WHERE key = ?').pluck();
    const idBefore = idOfHost.get('host');
    const map = SqliteResumeMap.openOwn(path);
    expect(await map.sweepStaleSessions()).toBe(STALE_ROWS);
    const idAfter = idOfHost.get('host');
    await map.close();

    const report = await stopHost(host);
    expect(report.failures, JSON.stringify(report)).toBe(0);
    // It did get through while the sweep went on.
    expect(idAfter).not.toBe(idBefore);
    expect(database.prepare('SELECT key, session_id FROM claude_sdk_sessions').raw().all()).toEqual([
      ['host', report.lastId],
    ]);
    database.close();
  });

  it('keeps every conversation that it uses in the very moment in which a sweep comes to it', async () => {
    const path = await makeDatabase();
    const database = new Database(path);
    const host = await startHost('refresh-until-told', path, insertStaleRows(database, STALE_ROWS));
    const map = SqliteResumeMap.openOwn(path);
    const swept = await map.sweepStaleSessions();
    await map.close();
    const used = await stopHost<Record<string, string>>(host);
    expect(Object.keys(used).length).toBeGreaterThan(0);
    expect(swept).toBe(STALE_ROWS - Object.keys(used).length);
    const left = database.prepare('SELECT key, session_id FROM claude_sdk_sessions').raw().all() as [string, string][];
    expect(Object.fromEntries(left)).toEqual(used);
    database.close();
  });

  it('would be seen to fail if a sweep held the writers back for too long', async () => {
    const path = await makeDatabase();
    const map = SqliteResumeMap.openOwn(path);
    const host = await startHost('write-until-told', path, 50);
    await map.withWritersHeld([], async () => expect(await host.message()).toBe('failing'));
    expect((await stopHost(host)).failures).toBeGreaterThan(0);
    await map.close();
  });
});
