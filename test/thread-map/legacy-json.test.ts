/** The old JSON file of a host's threads, on its way into the database. */

import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openThreadMap, type ThreadMap } from '../../src/library/index.ts';
import { legacyPaths } from '../../src/thread-map/legacy-json.ts';
import { forkProgram, runTogether } from '../support/forked.ts';
import { tempDir } from '../support/temp-dir.ts';
import { closedAfterwards, ID, NOW, OTHER_ID, openBeside, thread } from './threads.ts';

const PROCESS = new URL('thread-process.mjs', import.meta.url);

type Fields = Readonly<Record<string, unknown>>;
const record = (changes: Fields = {}): Fields => ({
  session_id: ID,
  repo: 'app',
  repo_path: '/srv/app',
  agent_kind: 'claude',
  channel_id: 'C1',
  thread_ts: 't1',
  created_at: NOW,
  last_active: '2026-06-15T21:00:00.123456789+09:00',
  status: 'active',
  total_turns: 2,
  model: null,
  ...changes,
});
const without = (field: string): Fields =>
  Object.fromEntries(Object.entries(record()).filter(([name]) => name !== field));

class OldHost {
  readonly directory = tempDir();
  readonly database = join(this.directory, 'threads.db');
  readonly json: string;
  readonly warnings: string[] = [];

  /** @param content text or bytes as they are, anything else as JSON */
  constructor(content?: unknown, name = 'threads.json') {
    this.json = join(this.directory, name);
    if (content !== undefined) this.write(content);
  }

  write(content: unknown): void {
    const isRaw = typeof content === 'string' || content instanceof Uint8Array;
    writeFileSync(this.json, isRaw ? content : JSON.stringify(content, null, 2));
  }

  async open(): Promise<ThreadMap> {
    const onWarning = (message: string) => void this.warnings.push(message);
    return closedAfterwards(await openThreadMap({ databasePath: this.database, onWarning }));
  }

  /** Opens the map and closes it again. @returns the threads that it holds */
  async start(): Promise<string[]> {
    const map = await this.open();
    const threads = (await map.activeSessions()).map(({ threadTs }) => threadTs);
    await map.close();
    return threads;
  }

  /** The names beside the database's own. */
  files(): string[] {
    return readdirSync(this.directory)
      .filter((name) => !/^threads\.db(-wal|-shm)?$/.test(name))
      .sort();
  }
}

describe('the old JSON file of a thread map', () => {
  it('becomes rows, each with all that it said, and is renamed as it is', async () => {
    const host = new OldHost({
      t1: record(),
      t2: record({ session_id: 'abc', agent_kind: 'codex', status: 'error', model: 'opus', channel_id: '' }),
      t3: record({ status: 'stopped', unknown: { nested: [1, { session_id: 'x' }] }, list: [[], 'y'] }),
    });
    const content = readFileSync(host.json, 'utf8');
    await host.start();
    const rows = openBeside(host.database).prepare('SELECT * FROM sessions ORDER BY thread_ts').all();
    const { status: _, ...t1 } = record();
    expect(rows).toEqual([
      { ...t1, status: 'active' },
      {
        ...t1,
        thread_ts: 't2',
        session_id: 'abc',
        agent_kind: 'codex',
        status: 'error',
        model: 'opus',
        channel_id: '',
      },
      { ...t1, thread_ts: 't3', status: 'active' },
    ]);
    expect(host.files()).toEqual(['threads.json.bak']);
    expect(readFileSync(`${host.json}.bak`, 'utf8')).toBe(content);
    expect(host.warnings).toEqual([]);
  });

  it.each(['model', 'agent_kind', 'status', 'total_turns', 'thread_ts'])('need not say its %s', async (field) => {
    const host = new OldHost({ t1: without(field) });
    expect(await host.start()).toEqual(['t1']);
    expect(host.files()).toEqual(['threads.json.bak']);
  });

  it.each(['threads.json', 'threads.db.json'])('may be called %s', async (name) => {
    const host = new OldHost({ t1: record() }, name);
    expect(await host.start()).toEqual(['t1']);
    expect(host.files()).toEqual([`${name}.bak`]);
  });

  it.each([
    ['/srv/threads.db', ['/srv/threads.json', '/srv/threads.db.json']],
    ['/srv/threads', ['/srv/threads.json']],
    ['/srv/.threads', ['/srv/.threads.json']],
    ['/srv/v1.2/threads', ['/srv/v1.2/threads.json']],
    ['/srv/threads.json', ['/srv/threads.json.json']],
    ['/threads.db', ['/threads.json', '/threads.db.json']],
  ])('of %s is never the database itself', (database, paths) => {
    expect(legacyPaths(database)).toEqual(paths);
  });

  it('leaves the rows that the database has already', async () => {
    const host = new OldHost();
    await (await host.open()).insert(thread('t1', { sessionId: OTHER_ID, totalTurns: 9 }));
    host.write({ t1: record(), t2: record() });
    const map = await host.open();
    expect(await map.getByThread('t1')).toMatchObject({ sessionId: OTHER_ID, totalTurns: 9 });
    expect(await map.getByThread('t2')).toMatchObject({ sessionId: ID });
    expect(host.files()).toEqual(['threads.json.bak']);
  });

  it('is renamed where it names no thread, too', async () => {
    const host = new OldHost('{}');
    expect(await host.start()).toEqual([]);
    expect(host.files()).toEqual(['threads.json.bak']);
  });

  it('takes the next free name, whatever has those before it', async () => {
    const host = new OldHost({ t1: record() });
    writeFileSync(`${host.json}.bak`, 'precious');
    mkdirSync(`${host.json}.bak.1`);
    symlinkSync('nowhere', `${host.json}.bak.2`);
    expect(await host.start()).toEqual(['t1']);
    expect(host.files()).toEqual(['', '.1', '.2', '.3'].map((suffix) => `threads.json.bak${suffix}`));
    expect(readFileSync(`${host.json}.bak`, 'utf8')).toBe('precious');
    expect(JSON.parse(readFileSync(`${host.json}.bak.3`, 'utf8'))).toEqual({ t1: record() });
  });

  it('that comes back under its name is taken in again, and never over what is there', async () => {
    const host = new OldHost({ t1: record() });
    await host.start();
    renameSync(`${host.json}.bak`, host.json);
    const map = await host.open();
    await map.update('t1', { totalTurns: 7 });
    await map.close();
    host.write({ t1: record(), t4: record() });
    expect(await host.start()).toEqual(['t1', 't4']);
    expect(await (await host.open()).getByThread('t1')).toMatchObject({ totalTurns: 7 });
    expect(host.files()).toEqual(['threads.json.bak', 'threads.json.bak.1']);
  });
});

describe('a JSON file that cannot be taken in', () => {
  /** The host starts, is told the place, and the file and the table stay as they are. */
  async function expectPassedOver(host: OldHost, ...parts: readonly string[]): Promise<void> {
    const before = lstatSync(host.json);
    const map = await host.open();
    expect(host.warnings).toHaveLength(1);
    for (const part of [host.json, ...parts]) expect(host.warnings[0]).toContain(part);
    expect(await map.activeSessions()).toEqual([]);
    await map.insert(thread('new'));
    await map.close();
    const after = lstatSync(host.json);
    expect([after.ino, after.size, after.mtimeMs]).toEqual([before.ino, before.size, before.mtimeMs]);
    expect(host.files()).toEqual(['threads.json']);
  }

  const good = JSON.stringify(record());
  const second = (value: string) => `{\n  "t1": ${good},\n  "t2": ${value}\n}`;
  const changed = (changes: Fields) => second(JSON.stringify(record(changes)));
  it.each<[string, string | Uint8Array, string[]]>([
    ['empty', '', ['line 1, column 1']],
    ['cut off', second(good).slice(0, -20), ['line 3']],
    ['cut off within a list that nobody knows', `{"t1": {"x": [1, 2`, ['line 1']],
    ['no object', '[]', ['line 1, column 1']],
    ['null', 'null', ['line 1, column 1']],
    ['with a byte order mark', `\uFEFF{}`, ['byte order mark']],
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), ['UTF-8']],
    ['with a thread twice', `{"t1": ${good},\n"t1": ${good}}`, ['line 2, column 1', 'twice']],
    ['with a field twice', `{"t1": {"repo": "a",\n"repo": "b"}}`, ['line 2, column 1', 'twice']],
    ['with a comment', `{}\n// note`, ['line 2, column 1']],
    ['nested without end', '{"t1": {"x": '.concat('['.repeat(200_000)), []],
    ['with a list of threads', second('[]'), ['line 3, column 9', 'an array']],
    ['with a thread that is text', second(`"${ID}"`), ['line 3, column 3', 'object']],
    ['with a thread that is null', second('null'), ['line 3, column 3', 'object']],
    ['with no session', second(JSON.stringify(without('session_id'))), ['line 3, column 3', '"t2"', 'session_id']],
    ['with no channel', second(JSON.stringify(without('channel_id'))), ['line 3, column 3', 'channel_id']],
    ['with no time', second(JSON.stringify(without('last_active'))), ['line 3, column 3', 'last_active']],
    ['with a time that is none', changed({ last_active: 'lately' }), ['last_active', '"lately"']],
    ['with a time that is a number', changed({ created_at: 1_781_524_800 }), ['created_at']],
    ['with a status in capitals', changed({ status: 'Active' }), ['status', '"Active"']],
    ['with a status that is null', changed({ status: null }), ['status']],
    ['with turns that are text', changed({ total_turns: '2' }), ['total_turns']],
    ['with turns below none', changed({ total_turns: -1 }), ['total_turns']],
    ['with a model that is a number', changed({ model: 4 }), ['model']],
    ['with a session that is an object', changed({ session_id: { id: ID } }), ['session_id']],
    ['with several faults', changed({ session_id: 1, repo: null }), ['session_id', 'repo']],
    ['with a thread that has no name', `{"": ${good}}`, ['line 1, column 2', 'thread_ts']],
  ])('is told with the place, and stays as it is: %s', async (_, content, parts) => {
    await expectPassedOver(new OldHost(content), ...parts);
  });

  it('is told again at the next start, and taken in once it was mended', async () => {
    const host = new OldHost('{"t1": ');
    await host.start();
    await host.start();
    expect(host.warnings).toHaveLength(2);
    host.write({ t1: record() });
    expect(await host.start()).toEqual(['t1']);
    expect(host.files()).toEqual(['threads.json.bak']);
  });

  it('is passed over where it is a directory, a symlink, or larger than any map', async () => {
    const directory = new OldHost();
    mkdirSync(directory.json);
    await expectPassedOver(directory, 'not a regular file');
    const link = new OldHost();
    symlinkSync('/etc/passwd', link.json);
    await expectPassedOver(link, 'symlink');
    const large = new OldHost('{}');
    truncateSync(large.json, 500 * 2 ** 20);
    await expectPassedOver(large, 'larger');
  });

  it("is passed over whole where a rule of the host's own table would swallow a row", async () => {
    const host = new OldHost();
    await host.start();
    openBeside(host.database).exec('CREATE UNIQUE INDEX one_thread_each ON sessions (session_id)');
    host.write({ t1: record(), t2: record() });
    await expectPassedOver(host, '"t2"');
  });

  it('keeps no other one from being taken in', async () => {
    const host = new OldHost('broken');
    writeFileSync(join(host.directory, 'threads.db.json'), JSON.stringify({ t1: record() }));
    expect(await host.start()).toEqual(['t1']);
    expect(host.files()).toEqual(['threads.db.json.bak', 'threads.json']);
  });
});

describe('many threads', () => {
  const THREADS = 300;
  const all = Object.fromEntries(Array.from({ length: THREADS }, (_, n) => [`t${n}`, record({ thread_ts: `t${n}` })]));

  it.each([
    ['the first row', 0, 'threads.json'],
    ['a row in the middle', 0, 'threads.json'],
    ['the last row', 0, 'threads.json'],
    ['the commit', 0, 'threads.json'],
    ['what comes after the commit', THREADS, 'threads.json'],
    ['the renaming', THREADS, 'threads.json'],
    ['what comes after the renaming', THREADS, 'threads.json.bak'],
  ])('are in the database whole or not at all where the host is killed at %s', async (point, rows, file) => {
    const host = new OldHost(all);
    const process = forkProgram(PROCESS, [point, host.database]);
    await process.message();
    process.send('go');
    expect(await process.exit).toMatchObject({ signal: 'SIGKILL' });
    const database = openBeside(host.database);
    expect(database.prepare('SELECT count(*) FROM sessions').pluck().get()).toBe(rows);
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(host.files()).toEqual([file]);
    expect(await host.start()).toHaveLength(THREADS);
    expect([host.files(), host.warnings]).toEqual([['threads.json.bak'], []]);
  });

  it('are taken in once by hosts that start at once, where there is no database yet, and none of them fails', async () => {
    const host = new OldHost(all);
    const args = ['none', host.database];
    const said = await runTogether(PROCESS, [args, args, args, args]);
    expect(said).toEqual(Array.from({ length: 4 }, () => ({ threads: THREADS, warnings: [] })));
    expect(host.files()).toEqual(['threads.json.bak']);
    expect(await host.start()).toHaveLength(THREADS);
  });
});
