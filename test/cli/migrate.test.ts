import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PostgresSessionStore } from '../../src/library/postgres.ts';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import { SqliteSessionStore } from '../../src/session-store/sqlite-session-store.ts';
import { AGENT, countingFold, entry, MAIN } from '../contract/session-store.ts';
import { mapAt } from '../support/postgres-map.ts';
import { newSchema } from '../support/postgres-server.ts';
import { PROGRAM, start } from '../support/process.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import { cli } from './cli-here.ts';

const ODD = { type: 'user', text: 'NUL \0, half a pair \ud800, "quoted" \\ {} ü 😀' };
const FOLD = { foldSessionSummary: countingFold };
const sessionOf = (number: number) => ({ ...MAIN, sessionId: sessionIdOf(number) });

const ENTRIES = `SELECT project_key, session_id, subpath, entry, created_at FROM claude_session_entries
  ORDER BY project_key, session_id, subpath, id`;
const STORED = `SELECT project_key, session_id, mtime, last_used_at, bytes, CAST(has_main AS INTEGER) AS has_main, summary
  FROM claude_session_stored ORDER BY project_key, session_id`;
const ROWS = 'SELECT key, session_id, last_used_at, created_at FROM claude_sdk_sessions ORDER BY key';
const SETTINGS = 'SELECT name, value FROM claude_sdk_session_settings ORDER BY name';
const ALL = [ENTRIES, STORED, ROWS, SETTINGS];

/** A host's SQLite file with a map and a store, and an empty schema to go to. */
async function newHost() {
  const { url, outside, server } = await newSchema();
  server.setClock(Date.now());
  const place = tempPlace();
  const [file, back] = [join(place.directory, 'host.db'), join(place.directory, 'back.db')];
  const old = { now: () => Date.now() - 90 * DAY_MS };
  const map = SqliteResumeMap.openOwn(file, { clock: old });
  const store = new SqliteSessionStore(file, { ...FOLD, clock: old });
  onTestFinished(async () => {
    store.close();
    await map.close();
  });
  const inFile = (path: string) => {
    const database = new Database(path, { readonly: true });
    try {
      return ALL.map((sql) => database.prepare(sql).all());
    } finally {
      database.close();
    }
  };
  const inPostgres = async () => {
    const found: unknown[][] = [];
    for (const sql of ALL) found.push((await outside.unsafe(sql)).map((row) => ({ ...row })));
    return found;
  };
  const args = (from: string, to: string) => [...place.flags, 'migrate', '--from', from, '--to', to, '--host', 'here'];
  const migrate = (from: string, to: string, env = {}) => cli([...args(from, to), '--json'], { env });
  return { url, outside, place, file, back, map, store, inFile, inPostgres, args, migrate };
}

type Host = Awaited<ReturnType<typeof newHost>>;

async function fill({ map, store }: Host, sessions = 3): Promise<void> {
  map.setMaxSessionAgeMs('never');
  await map.writeMaxSessionAge();
  for (let number = 0; number < sessions; number += 1) {
    await map.setSession(`forgejo:architect:acme/my_app%:${number}`, sessionIdOf(number));
    const session = sessionOf(number);
    await store.append(session, [entry(1, 'one'), entry(2), entry(2), { ...ODD, uuid: 'odd\ud801' }]);
    await store.append({ ...session, subpath: AGENT.subpath ?? '' }, [entry(3, 'one'), ODD]);
    await store.append(session, [entry(4), ODD]);
  }
}

const figures = (answer: { readonly stdout: string }) => JSON.parse(answer.stdout);

describe('migrate', () => {
  it('copies rows and entries to PostgreSQL and back, to the byte, with their order and their ages', async () => {
    const host = await newHost();
    await fill(host);
    const there = await host.migrate(`sqlite:${host.file}`, host.url);
    expect(there).toMatchObject({ code: 0, stderr: '' });
    expect(await host.inPostgres()).toEqual(host.inFile(host.file));
    expect(await host.outside`SELECT DISTINCT host FROM claude_sdk_sessions`).toEqual([{ host: 'here' }]);
    expect(await host.migrate(host.url, `sqlite:${host.back}`)).toMatchObject({ code: 0 });
    expect(host.inFile(host.back)).toEqual(host.inFile(host.file));
    const { map, entries, isWhole } = figures(there);
    expect(isWhole).toBe(true);
    expect(map).toMatchObject({ rows: 3, copied: 3, checksumThere: map.checksum });
    expect(entries).toMatchObject({ sessions: 3, entries: 24, copied: 24, checksumThere: entries.checksum });
  });

  it('comes to the same however often it is asked, and the old uuids are known over there', async () => {
    const host = await newHost();
    await fill(host);
    await host.migrate(`sqlite:${host.file}`, host.url);
    const again = figures(await host.migrate(`sqlite:${host.file}`, host.url));
    expect([again.map.copied, again.entries.copied]).toEqual([0, 0]);
    await host.migrate(host.url, `sqlite:${host.file}`);
    expect(await host.inPostgres()).toEqual(host.inFile(host.file));
    await using store = new PostgresSessionStore(host.url, FOLD);
    await store.append(sessionOf(0), [entry(9, 'one'), { ...ODD, uuid: 'odd\ud801' }, entry(5, 'new')]);
    expect((await store.load(sessionOf(0)))?.map(({ number }) => number)).toEqual([
      1,
      2,
      2,
      undefined,
      4,
      undefined,
      5,
    ]);
  });

  it('goes on where it was killed, and shows no session in part until then', async () => {
    const host = await newHost();
    await fill(host, 6);
    await using store = new PostgresSessionStore(host.url, FOLD);
    await store.listSessions(MAIN.projectKey);
    const { projectKey, sessionId } = sessionOf(3);
    const held = await host.outside.reserve();
    await held`BEGIN`;
    await held`SELECT pg_advisory_xact_lock(hashtextextended(${projectKey} || chr(31) || ${sessionId}, 0))`;
    const running = start(process.execPath, [PROGRAM, ...host.args(`sqlite:${host.file}`, host.url)], {
      env: { HOME: host.place.directory },
    });
    await until('three sessions to be there', async () => {
      if (running.ended() !== undefined) throw new Error(running.log());
      return (await store.listSessions(projectKey)).length === 3;
    });
    running.kill('SIGKILL');
    expect(await running.exit).toMatchObject({ signal: 'SIGKILL' });
    await held`ROLLBACK`;
    held.release();
    expect(await store.load(sessionOf(3))).toBeNull();
    const rest = await host.migrate(`sqlite:${host.file}`, host.url);
    expect(figures(rest).entries).toMatchObject({ sessions: 6, copied: 24 });
    expect(await host.inPostgres()).toEqual(host.inFile(host.file));
  });

  it('goes on in SQLite where it had ended in the middle of a session', async () => {
    const host = await newHost();
    await fill(host, 1);
    await host.migrate(`sqlite:${host.file}`, host.url);
    await host.migrate(host.url, `sqlite:${host.back}`);
    const database = new Database(host.back);
    database.exec('DELETE FROM claude_session_entries WHERE id > 3; DELETE FROM claude_session_stored');
    database.close();
    expect(await host.migrate(host.url, `sqlite:${host.back}`)).toMatchObject({ code: 0 });
    expect(host.inFile(host.back)).toEqual(host.inFile(host.file));
  });

  it('loses nothing that a host writes meanwhile, on either side', async () => {
    const host = await newHost();
    await fill(host);
    await using store = new PostgresSessionStore(host.url, FOLD);
    let isOver = false;
    const writing = (async () => {
      for (let number = 100; !isOver; number += 1) {
        await host.store.append(sessionOf(number % 4), [entry(number, `${number}`), entry(number)]);
        await host.map.setSession(`key ${number % 5}`, sessionIdOf(number % 4));
        await store.append(sessionOf(7), [entry(number)]);
      }
    })();
    const first = await host.migrate(`sqlite:${host.file}`, host.url);
    isOver = true;
    await writing;
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const before = await store.load(sessionOf(7));
    expect(await host.migrate(`sqlite:${host.file}`, host.url)).toMatchObject({ code: 0 });
    const [entries = [], , rows = []] = host.inFile(host.file);
    const [entriesThere = [], , rowsThere = []] = await host.inPostgres();
    const ofOther = (row: unknown) => (row as { session_id: string }).session_id === sessionIdOf(7);
    expect(entriesThere.filter((row) => !ofOther(row))).toEqual(entries);
    expect(rowsThere).toEqual(rows);
    expect(await store.load(sessionOf(7))).toEqual(before);
  });

  it('adds what is missing to what hosts have written over there already, and takes nothing from it', async () => {
    const host = await newHost();
    await fill(host, 2);
    await using store = new PostgresSessionStore(host.url, FOLD);
    await store.append(sessionOf(0), [entry(50), entry(2)]);
    const map = mapAt(host.url, { host: 'there' });
    await map.setSession('forgejo:architect:acme/my_app%:1', sessionIdOf(9));
    const answer = await host.migrate(`sqlite:${host.file}`, host.url);
    expect(answer.code).toBe(0);
    expect(figures(answer)).toMatchObject({ entries: { mixed: 1, refused: 0 }, map: { ahead: 1, copied: 1 } });
    expect((await store.load(sessionOf(0)))?.map(({ number }) => number)).toEqual([
      50,
      2,
      1,
      2,
      undefined,
      4,
      undefined,
    ]);
    expect(await map.getSession('forgejo:architect:acme/my_app%:1')).toBe(sessionIdOf(9));
  });

  it('names what no map can hold, and copies all the rest', async () => {
    const host = await newHost();
    await fill(host);
    const database = new Database(host.file);
    database.exec(`INSERT INTO claude_sdk_sessions VALUES (x'00ff', 'a', 1, 1), ('k' || char(0), 'b', 1, 1), ('t', 'c', 'x', 1);
      INSERT INTO claude_session_entries (project_key, session_id, entry, created_at) VALUES ('p', 's', '"' || char(0), 1);
      INSERT INTO claude_session_stored VALUES ('p', 's', 1, 1, 1, 1, NULL, NULL, NULL)`);
    database.close();
    const answer = await host.migrate(`sqlite:${host.file}`, host.url);
    expect(answer.code).toBe(74);
    expect(answer.stderr).toContain('not there in full: s: ');
    expect(figures(answer)).toMatchObject({ isWhole: false, map: { rows: 6, copied: 3, refused: 3 } });
    expect(figures(answer).entries).toMatchObject({ sessions: 4, refused: 1, copied: 24 });
  });

  it('takes a URL from the environment or a file, and shows no password of it', async () => {
    const host = await newHost();
    await fill(host, 1);
    const from = `sqlite:${host.file}`;
    expect(await host.migrate(from, 'env:DB', { DB: host.url })).toMatchObject({ code: 0 });
    const away = 'postgres://bot:s3cret@127.0.0.1:1/claude';
    const answers = [
      await host.migrate(from, away),
      await host.migrate(away, from),
      await host.migrate(from, 'env:DB', { DB: away }),
      await host.migrate(from, 'env:DB', { DB: 'mysql://bot:s3cret@h/d' }),
      await host.migrate(from, `${away}?sslmode=s3cret`),
      await host.migrate(from, 'mysql://bot:s3cret@h/d'),
      await host.migrate(from, 'file:/nonexistent/url'),
      await host.migrate(from, 'env:NONE'),
      await host.migrate(from, from),
    ];
    expect(answers.map(({ code }) => code)).toEqual([69, 69, 69, 78, 78, 78, 74, 78, 64]);
    expect(JSON.stringify(answers)).not.toContain('s3cret');
    expect(answers[0]?.stderr).toContain('postgres://bot@127.0.0.1:1/claude');
  });
});
