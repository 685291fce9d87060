import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { SourceSettings } from '../../../src/config/source-settings.ts';
import { errorMessage } from '../../../src/errors.ts';
import { throwIfAnothers } from '../../../src/live-sources/configured/command.ts';
import { configuredSources } from '../../../src/live-sources/configured/configured-sources.ts';
import type { LiveReading, LiveSource } from '../../../src/live-sources/live-source.ts';
import { snapshot } from '../../support/disk.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { until } from '../../support/wait.ts';
import { serve } from './http-kind.ts';
import { asJson, asLines } from './kinds.ts';

const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;
const queryScript = new URL('../../../dist/live-sources/configured/query-main.js', import.meta.url);

function sourceOf(settings: SourceSettings): LiveSource {
  const [source] = configuredSources([settings], new SetClock(NOW), { queryScript }).asked;
  if (source === undefined) throw new Error('it is not asked');
  return source;
}

function read(settings: SourceSettings): Promise<LiveReading> {
  return sourceOf(settings).read();
}

async function faultOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => 'no fault',
    (error: unknown) => errorMessage(error),
  );
}

describe('a query', () => {
  function bot(): { readonly db: string; readonly directory: string } {
    const directory = tempDir();
    const db = join(directory, 'bot.db');
    const database = new Database(db);
    database.exec(`CREATE TABLE bot (id TEXT, until TEXT, reason TEXT, x BLOB);
      INSERT INTO bot VALUES ('${A}', NULL, 'waits for a review', NULL), ('${B}', '2026-01-31T12:00:00Z', NULL, NULL)`);
    database.close();
    return { db, directory };
  }
  const ask = (db: string, sql: string) => ({ kind: 'query', name: 'bot', db, sql }) as const;

  it.each([
    ['INSERT INTO bot (id) VALUES (1) RETURNING id', 'expected one statement that begins with SELECT'],
    ['DELETE FROM bot', 'expected one statement that begins with SELECT'],
    ['PRAGMA journal_mode = WAL', 'expected one statement that begins with SELECT'],
    ["ATTACH 'x.db' AS x", 'expected one statement that begins with SELECT'],
    ['-- SELECT\nDROP TABLE bot', 'expected one statement that begins with SELECT'],
    ['WITH x AS (SELECT 1) DELETE FROM bot RETURNING id', 'expected a statement that only reads'],
    ['SELECT id FROM bot; DELETE FROM bot', 'more than one statement'],
    ['SELECT missing FROM bot', 'no such column: missing'],
    ['SELECT id, x FROM bot', 'expected one column, or columns called id, project, until, why, and there is x'],
    ['SELECT until, reason AS why FROM bot', 'none of its columns is called id or project'],
    ["SELECT load_extension('x')", ''],
  ])('is refused where it is %j, and changes nothing', async (sql, fault) => {
    const { db, directory } = bot();
    const before = snapshot(directory);
    const source = sourceOf(ask(db, sql));
    expect(await faultOf(source.read())).toMatch(new RegExp(`^query ${db}: .*${fault.replace(/[()]/g, '.')}`));
    if (fault !== '') expect(await faultOf(source.check())).toContain(fault);
    expect(snapshot(directory)).toEqual(before);
  });

  it('names until when and why, and no more by what is over', async () => {
    const { db } = bot();
    const reading = await read(ask(db, '/* all */ SELECT id, until, reason AS why FROM bot'));
    const isOver = Date.parse('2026-01-31T12:00:00Z') <= NOW;
    expect([...reading.ids]).toEqual(isOver ? [A] : [A, B]);
    expect(reading.stale).toBe(isOver ? 1 : 0);
    expect(reading.reasons?.get(A)).toBe('waits for a review');
  });

  it('sees what a host has written into its WAL, and leaves that as it is', async () => {
    const { db, directory } = bot();
    const host = new Database(db);
    host.pragma('journal_mode = WAL');
    host.prepare('INSERT INTO bot VALUES (?, NULL, NULL, NULL)').run(C);
    const before = snapshot(directory);
    expect((await read(ask(db, 'SELECT id FROM bot'))).ids.has(C)).toBe(true);
    expect([...snapshot(directory).keys()]).toEqual([...before.keys()]);
    expect(snapshot(directory).get('bot.db-wal')).toEqual(before.get('bot.db-wal'));
    host.close();
  });
});

describe('a command', () => {
  function program(script: string): { readonly settings: SourceSettings; readonly directory: string } {
    const directory = tempDir();
    const path = join(directory, 'program');
    writeFileSync(path, `#!/bin/sh\ncd ${directory}\n${script}\n`);
    chmodSync(path, 0o755);
    return { settings: { kind: 'command', name: 'bot', argv: [path, 'a b', ';touch x'] }, directory };
  }

  it('is given its arguments as they are, no shell, no input, and none of our own surroundings', async () => {
    process.env.SWEEPER_TEST_SECRET = 'hush';
    const { settings, directory } = program('printf "%s|" "$@" > seen; env > surroundings; cat > input; echo end 0');
    await read(settings);
    delete process.env.SWEEPER_TEST_SECRET;
    expect(readFileSync(join(directory, 'seen'), 'utf8')).toBe('a b|;touch x|');
    expect(readFileSync(join(directory, 'surroundings'), 'utf8')).not.toContain('hush');
    expect(readFileSync(join(directory, 'surroundings'), 'utf8')).toContain('PATH=/usr/local/sbin:');
    expect(readFileSync(join(directory, 'input'), 'utf8')).toBe('');
  });

  it('says why it has failed, by its own words', async () => {
    const { settings } = program('echo "no database" >&2; exit 3');
    expect(await faultOf(read(settings))).toBe('run the command of bot: it ended with 3: no database');
  });

  it('is ended with all that it has started where it takes too long', async () => {
    const { settings, directory } = program('sleep 1000 & echo $! > pid; echo ready > ready; wait');
    const asked = faultOf(read({ ...settings, timeout: 2_000 } as SourceSettings));
    expect(await asked).toBe('run the command of bot: it took longer than 2s');
    const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'));
    await until('what it started to end', () => hasEnded(pid));
  });

  it('leaves nothing behind that it has started in the background', async () => {
    const { settings, directory } = program('sleep 1000 > /dev/null 2>&1 & echo $! > pid; echo end 0');
    await read(settings);
    const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'));
    await until('what it started to end', () => hasEnded(pid));
  });

  it('holds nobody up where what it has started left its group and holds its output', async () => {
    const { settings, directory } = program('setsid sleep 1000 & echo $! > pid; wait');
    const fault = await faultOf(read({ ...settings, timeout: 2_000 } as SourceSettings));
    process.kill(Number(readFileSync(join(directory, 'pid'), 'utf8')), 'SIGKILL');
    expect(fault).toBe('run the command of bot: it took longer than 2s');
  });

  it('may print JSON, lines, and a time until which each is live', async () => {
    const entries = [{ id: A, why: 'x' }, B, { id: C, until: '1999-12-31T23:59:59+01:00' }];
    const { settings } = program(`echo '${JSON.stringify(entries)}'`);
    expect(await read(settings)).toMatchObject({ ids: new Set([A, B]), stale: 1, reasons: new Map([[A, 'x']]) });
  });

  it.each([
    ['[{"id": "x"}]', 'entry 0: "x" is no session id'],
    [`[{"id": "${A}", "until": "soon"}]`, 'until is "soon", and no time'],
    [`[{"id": "${A}", "until": 1}]`, 'until is 1, and no time'],
    [`[{"id": "${A}", "untl": "2026-01-31T12:00:00Z"}]`, 'expected id, project, until, why'],
    [`[{"id": "${A}", "why": 7}]`, 'why is no text'],
    [`[{"id": "${A}", "project": "/srv/app"}]`, 'names both an id and a project'],
    ['[{"project": ""}]', 'project is "", and no real path'],
    ['[{"project": 7}]', 'project is 7, and no real path'],
    ['[{"project": "/srv/{a,b}"}]', 'project is "/srv/{a,b}", and no real path'],
    ['[{"project": "!/srv"}]', 'project is "!/srv", and no real path'],
    [`[{"project": "${'*a'.repeat(9)}"}]`, 'and no real path'],
    [JSON.stringify(Array(1_001).fill({ project: '/srv/app' })), 'it names more than 1000 projects'],
    ['[null]', 'entry 0 is neither an id nor an object with one'],
    ['{"sessions": []}', 'it does not say "complete": true'],
    ['{"sessions": {}, "complete": true}', 'sessions is no list'],
    ['{"sessions": [], "sessions": [], "complete": true}', 'is there twice'],
    [`${A}`, 'the closing line is missing'],
    [`${A}\nend 2`, 'its closing line says 2 ids, and there are 1'],
  ])('is refused as a whole where it prints %j', async (output, fault) => {
    const { settings } = program(`cat <<'END'\n${output}\nEND`);
    expect(await faultOf(read(settings))).toContain(fault);
  });
});

function hasEnded(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.includes(') Z ');
  } catch {
    return true;
  }
}

describe('a run that is to stop', () => {
  it.each(['query', 'command', 'http'])('does not wait for a source of the kind %s', async (kind) => {
    const directory = tempDir();
    const [db, program] = [join(directory, 'bot.db'), join(directory, 'program')];
    const database = new Database(db);
    database.exec('CREATE TABLE bot (id TEXT)');
    database.close();
    writeFileSync(program, '#!/bin/sh\nsleep 1000\n', { mode: 0o755 });
    const sql = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n';
    const settings: Readonly<Record<string, SourceSettings>> = {
      query: { kind: 'query', name: 'bot', db, sql, timeout: 600_000 },
      command: { kind: 'command', name: 'bot', argv: [program], timeout: 600_000 },
      http: { kind: 'http', name: 'bot', url: serve(() => undefined), timeout: 600_000 },
    };
    const stop = new AbortController();
    const one = settings[kind];
    if (one === undefined) throw new Error(kind);
    const [source] = configuredSources([one], new SetClock(NOW), { queryScript, stop: stop.signal }).asked;
    const asked = faultOf(source?.read() ?? Promise.resolve());
    stop.abort();
    expect(await asked).toContain('the run is to stop');
    expect(await faultOf(source?.read() ?? Promise.resolve())).toContain('the run is to stop');
  });
});

describe('a program that root is to run', () => {
  it.each([0o777, 0o775, 0o757])('is refused where others may write it: %o', (mode) => {
    const program = join(tempDir(), 'program');
    writeFileSync(program, '');
    chmodSync(program, mode);
    expect(() => throwIfAnothers(program, 'run x', 0)).toThrow(`chmod go-w ${program}`);
    expect(() => throwIfAnothers(program, 'run x', 1_000)).not.toThrow();
    expect(() => throwIfAnothers('/bin/sh', 'run x', 0)).not.toThrow();
  });
});

describe('a source that names projects', () => {
  const entries = (projects: readonly object[]) => JSON.stringify([A, ...projects]);

  it('names each with its time and its reason, and none whose time is over', async () => {
    const projects = [
      { project: '/srv/app', why: 'a release' },
      { project: '-srv-*', until: '2001-01-01T00:00:00Z' },
    ];
    const url = serve((_, response) => response.end(entries(projects)));
    const reading = await read({ kind: 'http', name: 'bot', url });
    expect(reading.projects).toEqual([{ match: '/srv/app', why: 'a release' }]);
    expect(reading).toMatchObject({ ids: new Set([A]), stale: 1 });
  });

  it('may be a query', async () => {
    const db = join(tempDir(), 'bot.db');
    const database = new Database(db);
    database.exec(
      `CREATE TABLE bot (session TEXT, path TEXT); INSERT INTO bot VALUES (NULL, '/srv/app'), ('${B}', NULL), (NULL, NULL)`,
    );
    database.close();
    const ask = (sql: string) => read({ kind: 'query', name: 'bot', db, sql });
    const both = await ask('SELECT session AS id, path AS project FROM bot');
    expect(both).toMatchObject({ ids: new Set([B]), projects: [{ match: '/srv/app' }] });
    expect((await ask('SELECT path AS project FROM bot')).projects).toEqual([{ match: '/srv/app', why: undefined }]);
  });

  it('keeps all of a batch where a project has come that the plan did not know', async () => {
    let projects: readonly object[] = [{ project: '/srv/app' }];
    const url = serve((_, response) => response.end(entries(projects)));
    const source = sourceOf({ kind: 'http', name: 'bot', url });
    await source.read();
    const liveOf = () => source.withLive([A, B], async (live) => [...live]);
    expect(await liveOf()).toEqual([A]);
    projects = [{ project: '/srv/other' }];
    expect(await liveOf()).toEqual([A, B]);
    projects = [];
    expect(await liveOf()).toEqual([A]);
  });
});

describe('a server', () => {
  it('is asked by GET alone, with the token of a file, which is read anew each time', async () => {
    const tokenFile = join(tempDir(), 'token');
    const requests: IncomingMessage[] = [];
    const url = serve((request, response) => {
      requests.push(request);
      response.end(asJson([A]));
    });
    const source = sourceOf({ kind: 'http', name: 'bot', url: `${url}/live?key=hush`, tokenFile });
    writeFileSync(tokenFile, 'first\n');
    await source.read();
    writeFileSync(tokenFile, 'second\n');
    await source.read();
    expect(requests.map(({ method, url: path, headers }) => [method, path, headers.authorization])).toEqual([
      ['GET', '/live?key=hush', 'Bearer first'],
      ['GET', '/live?key=hush', 'Bearer second'],
    ]);
    writeFileSync(tokenFile, '');
    expect(await faultOf(source.read())).toContain('it holds no token');
  });

  it('may say that nothing has changed since its last whole answer, and about none that was cut off', async () => {
    const seen: (string | undefined)[] = [];
    let body: string | undefined = asJson([A, B]);
    const url = serve((request, response) => {
      seen.push(request.headers['if-none-match']);
      if (body === undefined) response.writeHead(304).end();
      else response.writeHead(200, { etag: '"1"' }).end(body);
    });
    const source = sourceOf({ kind: 'http', name: 'bot', url });
    await source.read();
    body = undefined;
    expect((await source.read()).ids).toEqual(new Set([A, B]));
    expect(seen).toEqual([undefined, '"1"']);
    // Another worker has never had an answer.
    expect(await faultOf(read({ kind: 'http', name: 'bot', url }))).toContain('it answered 304');
  });

  it('may say so of what it was asked about alone, and not of what it leads on to', async () => {
    let leadsOn = false;
    const url = serve((request, response) => {
      if (request.url === '/other') response.writeHead(304).end();
      else if (leadsOn) response.writeHead(302, { location: '/other' }).end();
      else response.writeHead(200, { etag: '"1"' }).end(asJson([A]));
    });
    const source = sourceOf({ kind: 'http', name: 'bot', url });
    await source.read();
    leadsOn = true;
    expect(await faultOf(source.read())).toContain('it answered 304');
  });

  it('may answer in lines whose bytes it counts', async () => {
    const url = serve((_, response) => response.end(`${A}\n${B}\n`));
    expect((await read({ kind: 'http', name: 'bot', url })).ids).toEqual(new Set([A, B]));
    const closed = serve((_, response) => response.end(asLines([C])));
    expect((await read({ kind: 'http', name: 'bot', url: closed })).ids).toEqual(new Set([C]));
  });

  it('may lead on, and the token goes nowhere else', async () => {
    const tokenFile = join(tempDir(), 'token');
    writeFileSync(tokenFile, 'hush');
    const tokens: unknown[] = [];
    const other = serve((request, response) => {
      tokens.push(request.headers.authorization);
      response.end(asJson([B]));
    });
    const url = serve((request, response) => {
      tokens.push(request.headers.authorization);
      response.writeHead(302, { location: request.url === '/' ? '/there' : `${other}/x` }).end();
    });
    expect((await read({ kind: 'http', name: 'bot', url, tokenFile })).ids).toEqual(new Set([B]));
    expect(tokens).toEqual(['Bearer hush', 'Bearer hush', undefined]);
  });

  it.each(['http://ada:hush@127.0.0.1:1/x?key=hush', 'http://hush.invalid:1/?key=hush'])(
    'shows nothing secret where %s cannot be asked',
    async (url) => {
      const fault = await faultOf(read({ kind: 'http', name: 'bot', url }));
      expect(fault).toContain('get the answer of bot: ');
      expect(fault.replace('hush.invalid', '')).not.toContain('hush');
    },
  );
});
