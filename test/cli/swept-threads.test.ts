import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import { SqliteThreadMap } from '../../src/thread-map/sqlite.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { cli } from './cli-here.ts';

const OLD_MS = Date.now() - 400 * DAY_MS;

/** A host with one old row in its resume map, and two old threads in the map of its Slack bot. */
async function newHost() {
  const place = tempPlace();
  const db = join(place.directory, 'threads.db');
  const threads = SqliteThreadMap.open(db);
  const time = new Date(OLD_MS);
  for (const threadTs of ['1.1', '1.2']) {
    const session = { threadTs, sessionId: sessionIdOf(1), repo: 'app', repoPath: '/srv/app', channelId: 'C1' };
    await threads.insert({ ...session, createdAt: time, lastActive: time });
  }
  await threads.close();
  const map = SqliteResumeMap.openOwn(join(place.stateDir, 'sessions.db'), { clock: new SetClock(OLD_MS) });
  await map.setSession('forgejo:helper:acme/app:12', sessionIdOf(2));
  await map.close();
  const database = new Database(db);
  onTestFinished(() => void database.close());
  const sources = JSON.stringify([{ kind: 'thread-map', name: 'slack', db, sweep: true, maxAge: '30d' }]);
  const sweeper = (...args: string[]) => cli([...place.flags, '--sources', sources, ...args]);
  return {
    sweeper,
    sweep: () => sweeper('--run-now', '--job', 'sweep-sessions'),
    rows: () => database.prepare('SELECT * FROM sessions ORDER BY thread_ts').all(),
    execute: (sql: string) => database.exec(sql),
  };
}

it('threads that a sweep has taken are listed and come back whole, by thread or with all that the last sweep took, to stay', async () => {
  const { sweeper, sweep, rows } = await newHost();
  const before = rows();
  expect(before).toHaveLength(2);
  expect((await sweep()).stdout).toContain('map restore --last-run');
  expect(rows()).toEqual([]);
  const { stdout } = await sweeper('map', 'swept');
  for (const key of ['1.1', '1.2', 'forgejo:helper:acme/app:12']) expect(stdout).toContain(key);
  expect((await sweeper('map', 'restore', '1.2')).stdout).toContain(`1.2 resumes ${sessionIdOf(1)} again`);
  expect(rows()).toEqual(before.slice(1));
  const rest = await sweeper('map', 'restore', '--last-run');
  expect(rest).toMatchObject({ code: 0 });
  expect(rows()).toEqual(before);
  expect(rest.stdout).toContain('forgejo:helper:acme/app:12 resumes');
  await sweep();
  expect(rows()).toEqual(before);
});

it('a thread that is there again stays as it is, and what was swept from a map that cannot be opened is still listed', async () => {
  const { sweeper, sweep, rows, execute } = await newHost();
  await sweep();
  execute(`INSERT INTO sessions (thread_ts, session_id, repo, repo_path, channel_id, created_at, last_active)
    VALUES ('1.1', 'new', 'app', '/srv/app', 'C1', 'x', 'y')`);
  const { code, stderr } = await sweeper('map', 'restore', '1.1');
  expect([code, stderr]).toEqual([65, expect.stringContaining('there is a row of this key again')]);
  expect(rows()).toMatchObject([{ thread_ts: '1.1', session_id: 'new' }]);
  execute('ALTER TABLE sessions RENAME TO threads');
  expect((await sweeper('map', 'swept')).stdout).toContain('1.2');
  expect((await sweeper('map', 'restore', '1.2')).stderr).toContain('it holds no table sessions');
});

it('two maps in one database are swept each by its own age, and each row comes back to its own', async () => {
  const place = tempPlace();
  const db = join(place.directory, 'bot.db');
  const threads = SqliteThreadMap.open(db);
  const time = new Date(OLD_MS);
  const session = { threadTs: '1.1', sessionId: sessionIdOf(1), repo: 'app', repoPath: '/srv/app', channelId: 'C1' };
  await threads.insert({ ...session, createdAt: time, lastActive: time });
  await threads.close();
  const database = new Database(db);
  onTestFinished(() => void database.close());
  database.exec('CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id, last_used_at, created_at)');
  const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
  for (const key of ['1.1', 'young']) insert.run(key, sessionIdOf(2), key === 'young' ? Date.now() : OLD_MS, OLD_MS);
  const dump = () =>
    ['sessions', 'claude_sdk_sessions'].map((table) => database.prepare(`SELECT * FROM ${table}`).all());
  const before = dump();
  const sources = JSON.stringify([
    { kind: 'thread-map', name: 'slack', db, sweep: true, maxAge: '500d' },
    { kind: 'resume-map', name: 'second', db, sweep: true, maxAge: '30d' },
  ]);
  const sweeper = (...args: string[]) => cli([...place.flags, '--sources', sources, ...args]);
  await sweeper('--run-now', '--job', 'sweep-sessions');
  expect(dump().map(({ length }) => length)).toEqual([1, 1]);
  const { rows } = JSON.parse((await sweeper('map', 'swept', '--json')).stdout) as { rows: unknown[] };
  expect(rows).toMatchObject([{ key: '1.1', sessionId: sessionIdOf(2) }]);
  expect(await sweeper('map', 'restore', '--last-run')).toMatchObject({ code: 0 });
  expect(dump().map(({ length }) => length)).toEqual([1, 2]);
  expect(dump()[0]).toEqual(before[0]);
});
