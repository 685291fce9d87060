import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { ProcessReading } from '../../src/live-sources/process-reading.ts';
import { readRunning, runningProcessesSource } from '../../src/live-sources/running-processes.ts';
import { kernelProcessTable, type ProcessTable } from '../../src/process/process-table.ts';
import { openDir } from '../support/opened.ts';
import { HERE, otherMachine } from '../support/other-machine.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, sessionIdOf } from '../support/tree.ts';
import { asUnprivileged } from '../support/unprivileged.ts';

const ID = sessionIdOf(1);
const OTHER = sessionIdOf(2);
const THIRD = sessionIdOf(3);
const UNAVAILABLE = expect.objectContaining({ name: 'OperatingError', kind: 'unavailable' });
const QUIET = otherMachine();
const ALIVE = otherMachine({ running: { 100: { startTicks: '500', startedAtMs: Date.now() - 50 * DAY_MS } } });
const BOOT_SINCE = { writtenSinceMs: expect.any(Number), faults: [expect.stringContaining('/sessions/100.json')] };

function write(path: string, content: unknown, ageMs = 0): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  const time = (Date.now() - ageMs) / 1000;
  utimesSync(path, time, time);
  return path;
}

function dirWith(files: Readonly<Record<string, unknown>>, ageMs = 0): string {
  const path = makeClaudeDir(tempDir());
  for (const [relative, content] of Object.entries(files)) write(join(path, relative), content, ageMs);
  return path;
}

function recordOf(overrides: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const record = { pid: 100, sessionId: ID, cwd: '/srv/app', procStart: '500', pidDomain: HERE, kind: 'interactive' };
  return { ...record, ...overrides };
}

function sourceOf(path: string, processes: ProcessTable = QUIET) {
  return runningProcessesSource(openDir(path), path, { processes });
}

/** Whom the source names, by id or by prefix, in order. */
async function running(path: string, processes?: ProcessTable): Promise<string[]> {
  const { ids, prefixes } = await sourceOf(path, processes).read();
  return [...ids, ...(prefixes ?? [])].map(String).toSorted();
}

/** Protects nobody, stops nothing, holds nothing back, and is counted. */
function expectStale(path: string, processes: ProcessTable, stale = 1): void {
  const reading = readRunning(openDir(path), path, { processes });
  const { ids, prefixes, writtenSinceMs, faults } = reading;
  expect({ ids: [...ids], prefixes: [...(prefixes ?? [])], writtenSinceMs, faults, stale: reading.stale }).toEqual({
    ids: [],
    prefixes: [],
    writtenSinceMs: undefined,
    faults: [],
    stale,
  });
}

function written(path: string, content: string): string {
  writeFileSync(path, content);
  return path;
}

/** What may stand where a file of Claude's belongs. */
const ODD_FILES: readonly (readonly [string, (path: string) => void])[] = [
  ['nothing', (path) => writeFileSync(path, '')],
  ['half a line', (path) => writeFileSync(path, '{"pid":100,"sessio')],
  ['NUL bytes, as after a power cut', (path) => writeFileSync(path, '\0\0\0\0')],
  ['null', (path) => writeFileSync(path, 'null')],
  ['a number', (path) => writeFileSync(path, '7')],
  ['a list', (path) => writeFileSync(path, '[]')],
  ['bytes that are no text', (path) => writeFileSync(path, Buffer.from([0xff, 0xfe, 0, 0x7b]))],
  ['10 MB of spaces', (path) => writeFileSync(path, ' '.repeat(10_000_000))],
  ['a million brackets', (path) => writeFileSync(path, '['.repeat(1_000_000))],
  ['a hole of 4 TiB', (path) => truncateSync(written(path, '{'), 2 ** 42)],
  ['a symlink to a record', (path) => symlinkSync(write(join(tempDir(), 'record'), recordOf()), path)],
  ['a dangling symlink', (path) => symlinkSync('/nonexistent', path)],
  ['a directory', (path) => mkdirSync(path)],
  ['a FIFO', (path) => void execFileSync('mkfifo', [path])],
];

function dirWithOdd(relative: string, make: (path: string) => void): string {
  const path = makeClaudeDir(tempDir());
  mkdirSync(dirname(join(path, relative)), { recursive: true });
  make(join(path, relative));
  return path;
}

describe('a process record', () => {
  it('protects its session while the process runs, and nothing once it has ended', async () => {
    const path = dirWith({ 'sessions/100.json': recordOf() });
    expect(await running(path, ALIVE)).toEqual([ID]);
    expectStale(path, QUIET);
  });

  it('is judged by the pid in its name, whatever stands in it', async () => {
    const path = dirWith({ 'sessions/101.json': recordOf({ pid: 100 }) });
    expect(await running(path, ALIVE)).toEqual([]);
    expect(await running(path, otherMachine({ running: { 101: '500' } }))).toEqual([ID]);
  });

  it('of a pid that is another process by now protects nothing', () => {
    expectStale(dirWith({ 'sessions/100.json': recordOf() }), otherMachine({ running: { 100: '501' } }));
  });

  it.each(ODD_FILES)('that is %s is passed over where its process has ended', (_, make) => {
    expectStale(dirWithOdd('sessions/100.json', make), QUIET);
  });

  it.each(ODD_FILES)(
    'that is %s holds back what was written since its process began, and no other session',
    async (_, make) => {
      const path = dirWithOdd('sessions/100.json', make);
      write(join(path, 'sessions/101.json'), recordOf({ sessionId: OTHER, procStart: '7' }));
      const reading = await sourceOf(
        path,
        otherMachine({ running: { 100: { startTicks: '500', startedAtMs: Date.now() - 50 * DAY_MS }, 101: '7' } }),
      ).read();
      expect(reading).toMatchObject({ ids: new Set([OTHER]), ...BOOT_SINCE });
      expect((Date.now() - (reading.writtenSinceMs ?? 0)) / DAY_MS).toBeCloseTo(51, 0);
    },
  );

  it('that is empty, 40 days old, and whose process has ended stops nothing', async () => {
    const path = dirWith({ 'sessions/4242.json': '' }, 40 * DAY_MS);
    expectStale(path, QUIET);
    await sourceOf(path).check();
    expect(await sourceOf(path).withLive([ID], async (live) => live.size)).toBe(0);
  });

  it('that cannot be opened is passed over, or holds back, as any that is damaged', () => {
    const path = dirWith({ 'sessions/100.json': recordOf() });
    chmodSync(join(path, 'sessions/100.json'), 0);
    chmodSync(path, 0o755);
    const directory = openDir(path);
    const asNobody = (processes: ProcessTable) => asUnprivileged(() => readRunning(directory, path, { processes }));
    expect(asNobody(QUIET)).toMatchObject({ ids: new Set(), writtenSinceMs: undefined, stale: 1 });
    expect(asNobody(ALIVE)).toMatchObject({ ids: new Set(), ...BOOT_SINCE });
  });

  it('of another machine protects for thirty days and no longer', async () => {
    const foreign = recordOf({ pidDomain: 'linux:b-machine:pid:[1]' });
    expect(await running(dirWith({ 'sessions/100.json': foreign }, 29 * DAY_MS))).toEqual([ID]);
    expectStale(dirWith({ 'sessions/100.json': foreign }, 31 * DAY_MS), QUIET);
  });

  it('whose time somebody set to the future is as old as when that was done', async () => {
    const path = dirWith({ 'sessions/100.json': recordOf({ pidDomain: 'x' }) }, -400 * DAY_MS);
    expect(await running(path)).toEqual([ID]);
    const clock = new SetClock(Date.now() + 31 * DAY_MS);
    expect(readRunning(openDir(path), path, { processes: QUIET, clock })).toMatchObject({ ids: new Set(), stale: 1 });
  });

  it('is the only thing that is opened: never a key beside it', async () => {
    const path = dirWith({ 'sessions/100.json': recordOf() });
    const keys = [`100.${'a'.repeat(64)}.key`, '100.key', 'a.key'];
    for (const key of keys) execFileSync('mkfifo', [join(path, 'sessions', key)]);
    for (const key of keys) symlinkSync('/nonexistent', join(path, 'sessions', `linked-${key}`));
    expect(await running(path, ALIVE)).toEqual([ID]);
  });

  it('never shows what stands in it', async () => {
    const secrets = recordOf({ sessionId: 'a-secret-of-somebody', peerToken: 'another-secret' });
    const { faults = [] } = await sourceOf(dirWith({ 'sessions/100.json': secrets }), ALIVE).read();
    expect(faults).toHaveLength(1);
    expect(faults.join()).not.toMatch(/secret/);
  });

  it('of this very process protects its session', async () => {
    const { find, machineId, pidNamespace } = kernelProcessTable();
    const pidDomain = `linux:${machineId}:${pidNamespace}`;
    const record = { sessionId: ID, procStart: find(process.pid)?.startTicks, pidDomain };
    const path = dirWith({ [`sessions/${process.pid}.json`]: record });
    expect([...(await runningProcessesSource(openDir(path), path).read()).ids]).toEqual([ID]);
  });
});

describe('a background job', () => {
  const at = (state: unknown, more: object = {}) => {
    return { 'jobs/00000001/state.json': { state, sessionId: ID, resumeSessionId: OTHER, ...more } };
  };

  it.each(['done', 'stopped', 'failed', 'error', 'cancelled', 'completed', 'Done', 'STOPPED'])(
    'that is %s protects nothing, however young it is',
    async (state) => {
      expect(await running(dirWith(at(state)))).toEqual([]);
      expect(readRunning(...openedWith(at(state)), { processes: QUIET }).stale).toBe(0);
    },
  );

  it.each(['working', 'blocked', 'hibernating', undefined, 7])(
    'that is %s protects both its sessions for thirty days after its last change',
    async (state) => {
      expect(await running(dirWith(at(state), 29 * DAY_MS))).toEqual([ID, OTHER]);
      expectStale(dirWith(at(state), 31 * DAY_MS), QUIET);
    },
  );

  it('protects the one session that it names', async () => {
    expect(await running(dirWith({ 'jobs/x/state.json': { sessionId: ID } }))).toEqual([ID]);
    expect(await running(dirWith({ 'jobs/x/state.json': { resumeSessionId: OTHER } }))).toEqual([OTHER]);
    expect(await running(dirWith({ 'jobs/x/state.json': { state: 'working' } }))).toEqual([]);
  });

  it('whose process has ended protects nothing, and while it runs it protects at any age', async () => {
    expectStale(dirWith(at('working', { pid: 100 })), QUIET);
    expect(
      await running(dirWith(at('working', { pid: 100 }), 400 * DAY_MS), otherMachine({ running: { 100: '1' } })),
    ).toEqual([ID, OTHER]);
  });

  it.each(ODD_FILES)(
    'whose state is %s protects the session that it is called after, for thirty days',
    async (_, make) => {
      const path = dirWithOdd('jobs/00000000/state.json', make);
      expect(await running(path)).toEqual(['00000000']);
      expect(await sourceOf(path).withLive([ID, OTHER], async (live) => [...live])).toEqual([ID, OTHER]);
      const clock = new SetClock(Date.now() + 31 * DAY_MS);
      expect(readRunning(openDir(path), path, { processes: QUIET, clock })).toMatchObject({ ids: new Set(), stale: 1 });
    },
  );

  it('is none where there is no state, or no directory', async () => {
    const path = dirWith({ 'jobs/ghi/output.log': 'x', 'jobs/README': 'x' });
    symlinkSync(dirname(write(join(tempDir(), 'state.json'), { sessionId: ID })), join(path, 'jobs/abc'));
    expect(await running(path)).toEqual([]);
  });
});

function openedWith(files: Readonly<Record<string, unknown>>): readonly [ReturnType<typeof openDir>, string] {
  const path = dirWith(files);
  return [openDir(path), path];
}

describe('the daemon’s roster', () => {
  const worker = (sessionId: string, pid: number, procStart = '500') => ({ sessionId, pid, procStart });

  it('protects the sessions of workers that run, and none of those that have ended', async () => {
    const workers = { a: worker(ID, 100), b: worker(OTHER, 101), c: worker(THIRD, 100, '499') };
    expect(await running(dirWith({ 'daemon/roster.json': { workers } }), ALIVE)).toEqual([ID]);
    expectStale(dirWith({ 'daemon/roster.json': { workers } }), QUIET, 3);
  });

  it.each(ODD_FILES)('that is %s stops nothing and protects nobody', async (_, make) => {
    const reading = await sourceOf(dirWithOdd('daemon/roster.json', make)).read();
    expect(reading).toMatchObject({ ids: new Set(), writtenSinceMs: undefined, faults: [] });
  });

  it('that is cut off protects whom it named until there', async () => {
    const text = JSON.stringify({ workers: { a: worker(ID, 100), b: worker(OTHER, 101) } });
    expect(await running(dirWith({ 'daemon/roster.json': text.slice(0, -10) }))).toEqual([ID, OTHER]);
  });

  it.each(['a symlink', 'a file'])(
    'in a directory that is %s holds back what was written since the boot',
    async (kind) => {
      const path = makeClaudeDir(tempDir());
      if (kind === 'a symlink') symlinkSync(tempDir(), join(path, 'daemon'));
      else writeFileSync(join(path, 'daemon'), '');
      const booted = otherMachine({ bootedAtMs: Date.now() - 50 * DAY_MS });
      const { writtenSinceMs = 0, faults } = await sourceOf(path, booted).read();
      expect((Date.now() - writtenSinceMs) / DAY_MS).toBeCloseTo(51, 0);
      expect(faults).toEqual([expect.stringContaining('daemon/roster.json')]);
    },
  );
});

describe('the places of the records', () => {
  it('may all be missing: then nothing is running', async () => {
    const source = sourceOf(makeClaudeDir(tempDir()));
    expect(source).toMatchObject({ name: 'running-processes', protection: 'running' });
    expect(await source.read()).toMatchObject({ ids: new Set(), malformed: 0, stale: 0, faults: [] });
    await source.check();
  });

  it.each(['sessions', 'jobs'])(
    'fail the source where %s is a symlink or a file: all in it is unknown',
    async (name) => {
      const linked = makeClaudeDir(tempDir());
      symlinkSync(tempDir(), join(linked, name));
      for (const path of [linked, dirWith({ [name]: '' })]) {
        await expect(sourceOf(path).read()).rejects.toThrow(UNAVAILABLE);
        await expect(sourceOf(path).check()).rejects.toThrow(name);
        await expect(sourceOf(path).withLive([ID], async () => 'acted')).rejects.toThrow(UNAVAILABLE);
      }
    },
  );

  it('fail the source where they hold more than can be read in time, and it says what to do', () => {
    const files = Object.fromEntries([1, 2, 3, 4].map((pid) => [`sessions/${pid}.json`, '']));
    const path = dirWith({ ...files, 'sessions/1.key': '', 'sessions/2.key': '' });
    const read = (recordsMax: number) => new ProcessReading(openDir(path), QUIET, systemClock, recordsMax).read();
    expect(read(4)).toHaveLength(4);
    expect(() => read(3)).toThrow(/^sessions\/ holds more than 3 records; delete those that doctor calls stale$/);
  });

  it('are read anew for each act', async () => {
    const path = dirWith({ 'sessions/200.json': recordOf() });
    const source = sourceOf(path, ALIVE);
    expect((await source.read()).ids).toEqual(new Set());
    write(join(path, 'sessions/100.json'), recordOf());
    expect(await source.withLive([ID, OTHER], async (live) => [...live])).toEqual([ID]);
  });
});

describe('reading again', () => {
  /** Time enough for the coarsest file times to have settled. */
  const LATER = new SetClock(Date.now() + 60_000);

  const asked = (machine: ProcessTable) => {
    const pids: number[] = [];
    const find = (pid: number) => {
      pids.push(pid);
      return machine.find(pid);
    };
    return { pids, processes: { ...machine, find } };
  };

  it('sees a record that is written anew in its place, and a job that goes on', async () => {
    const path = dirWith({ 'sessions/100.json': recordOf(), 'jobs/a/state.json': { state: 'done', sessionId: OTHER } });
    const source = runningProcessesSource(openDir(path), path, { processes: QUIET, clock: LATER });
    for (let round = 0; round < 3; round += 1) expect((await source.read()).ids).toEqual(new Set());
    write(join(path, 'sessions/100.json'), recordOf({ pidDomain: 'linux:other:pid:[1]' }));
    write(join(path, 'jobs/a/state.json'), { state: 'working', sessionId: OTHER });
    expect((await source.read()).ids).toEqual(new Set([ID, OTHER]));
  });

  it('asks for no process that has ended, and for each that may run', async () => {
    const path = dirWith({ 'sessions/100.json': recordOf() });
    for (let pid = 1_000; pid < 2_000; pid += 1)
      write(join(path, `sessions/${pid}.json`), recordOf({ sessionId: OTHER }));
    const { pids, processes } = asked(ALIVE);
    const source = runningProcessesSource(openDir(path), path, { processes, clock: LATER });
    for (let round = 0; round < 3; round += 1) {
      expect(await source.read()).toMatchObject({ ids: new Set([ID]), stale: 1_000 });
    }
    expect(pids.toSorted((left, right) => left - right).slice(0, 5)).toEqual([100, 100, 100, 1_000, 1_001]);
    expect(pids).toHaveLength(1_003);
  });

  it('sees in its turn each of a thousand that is written anew, and names those that have not changed as before', async () => {
    const path = dirWith({});
    for (let pid = 1_000; pid < 2_000; pid += 1)
      write(join(path, `sessions/${pid}.json`), recordOf({ procStart: '1' }));
    const source = runningProcessesSource(openDir(path), path, { processes: QUIET, clock: LATER });
    expect(await source.read()).toMatchObject({ ids: new Set(), stale: 1_000 });
    for (const [pid, sessionId] of [
      [1_000, ID],
      [1_500, OTHER],
      [1_999, THIRD],
    ] as const) {
      write(join(path, `sessions/${pid}.json`), recordOf({ sessionId, pidDomain: 'linux:other:pid:[1]' }));
    }
    let reading = await source.read();
    for (let round = 0; round < 20; round += 1) reading = await source.read();
    expect(reading).toMatchObject({ ids: new Set([ID, OTHER, THIRD]), stale: 997 });
  });

  it('sees what comes beside a thousand that have ended, and forgets what goes', async () => {
    const path = dirWith(
      Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`sessions/${1_000 + index}.json`, ''])),
    );
    const source = runningProcessesSource(openDir(path), path, { processes: ALIVE, clock: systemClock });
    expect(await source.read()).toMatchObject({ ids: new Set(), stale: 1_000 });
    write(join(path, 'sessions/100.json'), recordOf());
    expect(await source.read()).toMatchObject({ ids: new Set([ID]), stale: 1_000 });
    execFileSync('sh', ['-c', `rm ${join(path, 'sessions')}/1*`]);
    expect(await source.read()).toMatchObject({ ids: new Set(), stale: 0 });
  });

  it('reads a record once more that was half-written in this moment', () => {
    const path = dirWith({ 'sessions/100.json': '{"pid":100,' });
    let looks = 0;
    const clock = {
      now: () => {
        looks += 1;
        // Between the first attempt to read it, and the second.
        if (looks === 2) write(join(path, 'sessions/100.json'), recordOf());
        return Date.now();
      },
    };
    const reading = readRunning(openDir(path), path, { processes: ALIVE, clock });
    expect(looks).toBeGreaterThan(2);
    expect(reading).toMatchObject({ ids: new Set([ID]), writtenSinceMs: undefined });
  });

  it('waits for no record that has been damaged for a while', () => {
    const path = dirWith({ 'sessions/100.json': '{"pid":100,' }, 60_000);
    let looks = 0;
    const clock = {
      now: () => {
        looks += 1;
        return Date.now();
      },
    };
    readRunning(openDir(path), path, { processes: ALIVE, clock });
    expect(looks).toBeLessThanOrEqual(2);
  });
});
