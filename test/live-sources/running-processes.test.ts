import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  kernelProcessTable,
  type ProcessTable,
  runningProcessesSource,
} from '../../src/live-sources/running-processes.ts';
import { openDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir, sessionIdOf } from '../support/tree.ts';

const ID = sessionIdOf(1);
const OTHER = sessionIdOf(2);
const HERE = 'linux:a-machine:pid:[1]';
const UNAVAILABLE = expect.objectContaining({ name: 'OperatingError', kind: 'unavailable' });

/** A machine on which only the given processes run: start times by pid. */
function machineWith(startTimes: Readonly<Record<number, string>>, domain: string | undefined = HERE): ProcessTable {
  return {
    domain,
    hasEnded: (pid, startTime) => {
      const current = startTimes[pid];
      return current === undefined || (startTime !== undefined && startTime !== current);
    },
  };
}

const QUIET = machineWith({});

function write(path: string, content: unknown): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function dirWith(files: Readonly<Record<string, unknown>>): string {
  const path = makeClaudeDir(tempDir());
  for (const [relative, content] of Object.entries(files)) write(join(path, relative), content);
  return path;
}

function recordOf(overrides: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    pid: 100,
    sessionId: ID,
    cwd: '/srv/app',
    procStart: '500',
    pidDomain: HERE,
    kind: 'interactive',
    ...overrides,
  };
}

function without(field: string): Record<string, unknown> {
  const { [field]: _, ...rest } = recordOf();
  return rest;
}

function sourceOf(path: string, processes: ProcessTable = QUIET) {
  return runningProcessesSource(openDir(path), path, processes);
}

async function running(path: string, processes?: ProcessTable): Promise<string[]> {
  return [...(await sourceOf(path, processes).read()).ids].toSorted();
}

describe('a process record', () => {
  const ALIVE = machineWith({ 100: '500' });

  it.each<{ what: string; record: Record<string, unknown>; processes?: ProcessTable; protects: boolean }>([
    { what: 'of a process that runs', record: recordOf(), processes: ALIVE, protects: true },
    { what: 'of one that has ended', record: recordOf(), protects: false },
    {
      what: 'of one whose pid is another process by now',
      record: recordOf(),
      processes: machineWith({ 100: '501' }),
      protects: false,
    },
    { what: 'with its start time as a number', record: recordOf({ procStart: 500 }), processes: ALIVE, protects: true },
    { what: 'without a start time, whose pid runs', record: without('procStart'), processes: ALIVE, protects: true },
    { what: 'without a start time, whose pid has ended', record: without('procStart'), protects: false },
    { what: 'of another machine', record: recordOf({ pidDomain: 'linux:b-machine:pid:[1]' }), protects: true },
    { what: 'of another pid namespace', record: recordOf({ pidDomain: 'linux:a-machine:pid:[2]' }), protects: true },
    { what: 'that does not say where', record: without('pidDomain'), protects: true },
    { what: 'that says nonsense of where', record: recordOf({ pidDomain: 7 }), protects: true },
    {
      what: 'on a machine that does not know its own name',
      record: without('pidDomain'),
      processes: { domain: undefined, hasEnded: () => true },
      protects: true,
    },
    {
      what: 'that is idle, finished or whatever',
      record: recordOf({ status: 'done' }),
      processes: ALIVE,
      protects: true,
    },
    {
      what: 'with an id in upper case',
      record: recordOf({ sessionId: ID.toUpperCase() }),
      processes: ALIVE,
      protects: true,
    },
  ])('$what protects: $protects', async ({ record, processes, protects }) => {
    expect(await running(dirWith({ 'sessions/100.json': record }), processes)).toEqual(protects ? [ID] : []);
  });

  it.each([{ procStart: null }, { procStart: '' }, { procStart: {} }, { procStart: [] }, { procStart: true }])(
    'with %j protects while its pid runs: that settles no reuse',
    async (senseless) => {
      const path = dirWith({ 'sessions/100.json': recordOf(senseless) });
      expect(await running(path, ALIVE)).toEqual([ID]);
    },
  );

  it('is judged by the pid in its name, whatever stands in it', async () => {
    const path = dirWith({ 'sessions/101.json': recordOf({ pid: 100 }) });
    expect(await running(path, ALIVE)).toEqual([]);
    expect(await running(path, machineWith({ 101: '500' }))).toEqual([ID]);
  });

  it.each<{ what: string; content: unknown }>([
    { what: 'half a line', content: '{"pid":100,"sessionId":"' },
    { what: 'nothing', content: '' },
    { what: 'NUL bytes, as after a power cut', content: '\0\0\0\0' },
    { what: 'a list', content: [recordOf()] },
    { what: 'null', content: 'null' },
    { what: 'no id', content: without('sessionId') },
    { what: 'an id that is none', content: recordOf({ sessionId: '../../etc' }) },
    { what: 'an id that is a number', content: recordOf({ sessionId: 7 }) },
    { what: '5 MiB', content: `${JSON.stringify(recordOf())}${' '.repeat(5 * 2 ** 20)}` },
  ])('that holds $what fails the source: whom it protects is unknown', async ({ content }) => {
    const source = sourceOf(dirWith({ 'sessions/100.json': content, 'sessions/101.json': recordOf() }), ALIVE);
    await expect(source.read()).rejects.toThrow(UNAVAILABLE);
    await expect(source.check()).rejects.toThrow('100.json');
    await expect(source.withLive([ID], async () => 'acted')).rejects.toThrow(UNAVAILABLE);
  });

  it('that names no session does no harm once its process has ended', async () => {
    expect(await running(dirWith({ 'sessions/100.json': without('sessionId') }))).toEqual([]);
  });

  it.each<{ what: string; make: (path: string) => void }>([
    { what: 'a symlink', make: (path) => symlinkSync(write(join(tempDir(), 'record'), recordOf()), path) },
    { what: 'a dangling symlink', make: (path) => symlinkSync('/nonexistent', path) },
    { what: 'a directory', make: (path) => mkdirSync(path) },
    { what: 'a FIFO', make: (path) => void execFileSync('mkfifo', [path]) },
  ])('that is $what fails the source, and nothing blocks', async ({ make }) => {
    const path = dirWith({ 'sessions/200.json': recordOf() });
    make(join(path, 'sessions/100.json'));
    await expect(sourceOf(path, ALIVE).read()).rejects.toThrow(UNAVAILABLE);
  });

  it('is the only thing that is opened: never a key beside it', async () => {
    const path = dirWith({ 'sessions/100.json': recordOf() });
    const keys = [`100.${'a'.repeat(64)}.key`, '100.key', 'a.key'];
    for (const key of keys) execFileSync('mkfifo', [join(path, 'sessions', key)]);
    for (const key of keys) symlinkSync('/nonexistent', join(path, 'sessions', `linked-${key}`));
    expect(await running(path, ALIVE)).toEqual([ID]);
  });

  it.each(['README', 'x.json', '0.json', '0100.json', '-1.json', '100.json.tmp', '100.JSON', '12345678901.json'])(
    'is none that is called %s',
    async (name) => {
      expect(await running(dirWith({ [`sessions/${name}`]: 'no record' }))).toEqual([]);
    },
  );
});

describe('background sessions', () => {
  it('are protected by both ids of a job, whatever became of it', async () => {
    const path = dirWith({
      'jobs/abc/state.json': { sessionId: ID, resumeSessionId: OTHER, status: 'done' },
      'jobs/def/state.json': { resumeSessionId: sessionIdOf(3) },
      'jobs/ghi/state.json': { status: 'starting' },
      'jobs/ghi/output.log': 'no state',
      'jobs/jkl/output.log': 'a job without a state',
      'jobs/README': 'no job',
    });
    expect(await running(path)).toEqual([ID, OTHER, sessionIdOf(3)]);
  });

  it('are protected by the roster of the daemon', async () => {
    const workers = { a: { sessionId: ID }, b: { sessionId: OTHER }, c: {}, d: null };
    expect(await running(dirWith({ 'daemon/roster.json': { workers } }))).toEqual([ID, OTHER]);
  });

  it.each([{}, { workers: null }, { workers: {} }])('are none in a roster of %j', async (roster) => {
    expect(await running(dirWith({ 'daemon/roster.json': roster }))).toEqual([]);
  });

  it.each(['jobs/abc/state.json', 'daemon/roster.json'])(
    'fail the source where %s cannot be understood',
    async (name) => {
      await expect(sourceOf(dirWith({ [name]: '{"sessionId":' })).read()).rejects.toThrow(UNAVAILABLE);
      await expect(sourceOf(dirWith({ [name]: '[]' })).read()).rejects.toThrow(UNAVAILABLE);
    },
  );

  it.each(['jobs/abc/state.json', 'daemon/roster.json'])('fail the source where %s is a symlink', async (name) => {
    const path = dirWith({ [dirname(name).concat('/other')]: '' });
    symlinkSync(write(join(tempDir(), 'record'), {}), join(path, name));
    await expect(sourceOf(path).read()).rejects.toThrow(UNAVAILABLE);
  });

  it('fail the source where a job is a symlink: what it names would not be seen', async () => {
    const path = dirWith({ 'jobs/README': '' });
    symlinkSync(dirname(write(join(tempDir(), 'state.json'), { sessionId: ID })), join(path, 'jobs/abc'));
    await expect(sourceOf(path).read()).rejects.toThrow(UNAVAILABLE);
  });
});

describe('the places of the records', () => {
  it('may all be missing: then nothing is running', async () => {
    const source = sourceOf(makeClaudeDir(tempDir()));
    expect(source).toMatchObject({ name: 'running-processes', protection: 'running' });
    expect(await source.read()).toEqual({ ids: new Set(), malformed: 0 });
    await source.check();
  });

  it.each(['sessions', 'jobs', 'daemon'])('fail the source where %s is a symlink or a file', async (name) => {
    const linked = makeClaudeDir(tempDir());
    symlinkSync(tempDir(), join(linked, name));
    await expect(sourceOf(linked).read()).rejects.toThrow(UNAVAILABLE);
    await expect(sourceOf(dirWith({ [name]: '' })).read()).rejects.toThrow(UNAVAILABLE);
  });

  it('are read anew for each act', async () => {
    const path = dirWith({ 'sessions/200.json': recordOf() });
    const source = sourceOf(path, machineWith({ 100: '500' }));
    expect((await source.read()).ids).toEqual(new Set());
    write(join(path, 'sessions/100.json'), recordOf());
    expect(await source.withLive([ID, OTHER], async (live) => [...live])).toEqual([ID]);
  });
});

describe('the kernel’s process table', () => {
  const table = kernelProcessTable();
  const ownStart = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]?.split(' ')[19];

  it('names this machine and pid namespace as Claude does', () => {
    const machineId = readFileSync('/etc/machine-id', 'utf8').trim();
    expect(table.domain).toBe(`linux:${machineId}:${readlinkSync('/proc/self/ns/pid')}`);
  });

  it('knows a process that runs by its start time', () => {
    expect(ownStart).toMatch(/^[0-9]+$/);
    expect(table.hasEnded(process.pid, ownStart)).toBe(false);
    expect(table.hasEnded(process.pid, undefined)).toBe(false);
    expect(table.hasEnded(process.ppid, undefined)).toBe(false);
  });

  it('knows by another start time that the pid is another process by now', () => {
    expect(table.hasEnded(process.pid, `${Number(ownStart) - 1}`)).toBe(true);
  });

  it('knows that a process has ended', () => {
    const { pid } = spawnSync('true');
    expect(pid).toBeGreaterThan(0);
    expect(table.hasEnded(pid, undefined)).toBe(true);
    expect(table.hasEnded(pid, '1')).toBe(true);
  });

  it('protects the session of this very process', async () => {
    const record = recordOf({ pid: process.pid, procStart: ownStart, pidDomain: table.domain });
    expect(await running(dirWith({ [`sessions/${process.pid}.json`]: record }), table)).toEqual([ID]);
  });
});

describe('the record of a process that has ended', () => {
  const asked = (machine: ProcessTable) => {
    const pids: number[] = [];
    const counting: ProcessTable = {
      ...machine,
      hasEnded: (pid, startTime) => {
        pids.push(pid);
        return machine.hasEnded(pid, startTime);
      },
    };
    return { pids, counting };
  };
  const settled = (path: string) => execFileSync('sleep', ['2.1'], { cwd: path });

  it('is not looked into again and again, and is when it is written anew', async () => {
    const path = dirWith({
      'sessions/100.json': recordOf(),
      'sessions/200.json': recordOf({ pid: 200, sessionId: OTHER }),
    });
    settled(path);
    const { pids, counting } = asked(machineWith({ 200: '500' }));
    const source = runningProcessesSource(openDir(path), path, counting);
    for (let round = 0; round < 3; round += 1) expect((await source.read()).ids).toEqual(new Set([OTHER]));
    expect(pids).toEqual([100, 200, 200, 200]);
    // The next process with this pid, of another machine.
    write(join(path, 'sessions/100.json'), recordOf({ pidDomain: 'linux:other:pid:[1]' }));
    expect((await source.read()).ids).toEqual(new Set([ID, OTHER]));
  });

  it('is looked into again while it is new: it may still change and look the same', async () => {
    const path = dirWith({ 'sessions/100.json': recordOf() });
    const { pids, counting } = asked(QUIET);
    const source = runningProcessesSource(openDir(path), path, counting);
    await source.read();
    await source.read();
    expect(pids).toEqual([100, 100]);
  });
});
