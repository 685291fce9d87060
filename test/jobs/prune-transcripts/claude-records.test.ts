/** What Claude's own records keep from a prune, and what they do not. All sessions are 60 days old, and so is what is beside them. */

import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseSessionId, type SessionId } from '../../../src/claude-dir/session-id.ts';
import type { PruneReport } from '../../../src/jobs/report.ts';
import { SqliteSessionStore } from '../../../src/library/index.ts';
import { claudePinsSource } from '../../../src/live-sources/claude-pins.ts';
import type { LiveSource } from '../../../src/live-sources/live-source.ts';
import { runningProcessesSource } from '../../../src/live-sources/running-processes.ts';
import type { ProcessTable } from '../../../src/process/process-table.ts';
import { StoredSessions } from '../../../src/session-store/stored-sessions.ts';
import { outsideSweeper, snapshot } from '../../support/disk.ts';
import { openClaudeDir, openDir, openTrash } from '../../support/opened.ts';
import { HERE, otherMachine } from '../../support/other-machine.ts';
import { scriptedSource } from '../../support/scripted-source.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession } from '../../support/tree.ts';
import { left, prune } from './pruning.ts';

const NOW = Date.now();
const CLOCK = new SetClock(NOW);
/** A process that began 50 days ago. */
const LONG_RUNNING: ProcessTable = otherMachine({
  running: { 4242: { startTicks: '500', startedAtMs: NOW - 50 * DAY_MS } },
});

/** The first eight digits tell them apart. */
function uid(number: number): SessionId {
  const id = parseSessionId(`${number.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`);
  if (id === undefined) throw new Error(`no session id for ${number}`);
  return id;
}

function write(path: string, content: unknown, ageMs: number): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  utimesSync(path, (NOW - ageMs) / 1000, (NOW - ageMs) / 1000);
}

/** Three sessions, with files beside them. */
function dirWith(files: Readonly<Record<string, unknown>>, ageMs = 60 * DAY_MS): string {
  const path = makeClaudeDir(tempDir());
  for (const number of [1, 2, 3]) makeSession(path, { id: uid(number), ageMs: 60 * DAY_MS }, NOW);
  for (const [relative, content] of Object.entries(files)) write(join(path, relative), content, ageMs);
  return path;
}

function sourcesOf(path: string, processes = otherMachine()): LiveSource[] {
  const root = openDir(path);
  return [runningProcessesSource(root, path, { processes, clock: CLOCK }), claudePinsSource(root, path, CLOCK)];
}

function pruneWith(path: string, processes?: ProcessTable): Promise<PruneReport> {
  return prune(path, { sources: sourcesOf(path, processes), clock: CLOCK });
}

const RECORD = { pid: 4242, sessionId: uid(1), procStart: '500', pidDomain: HERE };
const JOB = { sessionId: uid(1), resumeSessionId: uid(2) };

interface Case {
  readonly what: string;
  readonly files: Readonly<Record<string, unknown>>;
  /** Of the files; as old as the sessions unless it is said. */
  readonly ageMs?: number;
  readonly processes?: ProcessTable;
  /** The sessions that stay; the others go. */
  readonly stay: readonly number[];
  readonly by?: 'running' | 'pinned';
}

const DONE: readonly Case[] = [
  'done',
  'stopped',
  'failed',
  'error',
  'cancelled',
  'completed',
  'DONE',
  'Stopped',
].flatMap((state) => [
  { what: `a job that is ${state}`, files: { 'jobs/00000001/state.json': { state, ...JOB } }, stay: [] },
  {
    what: `a young job that is ${state}, of a directory that is no session's`,
    files: { 'jobs/x/state.json': { state, ...JOB } },
    ageMs: 0,
    stay: [],
  },
]);

const CASES: readonly Case[] = [
  ...DONE,
  {
    what: 'a job at work',
    files: { 'jobs/00000001/state.json': { state: 'working', ...JOB } },
    ageMs: DAY_MS,
    stay: [1, 2],
  },
  {
    what: 'a job at work that nobody has touched for 60 days',
    files: { 'jobs/x/state.json': { state: 'working', ...JOB } },
    stay: [],
  },
  {
    what: 'a job of a state that nobody knows',
    files: { 'jobs/x/state.json': { state: 'dreaming', ...JOB } },
    ageMs: 0,
    stay: [1, 2],
  },
  { what: 'a job whose state is damaged', files: { 'jobs/00000001/state.json': '{"sta' }, ageMs: 0, stay: [1] },
  {
    what: 'a roster of workers that have ended',
    files: { 'daemon/roster.json': { workers: { a: { pid: 99, procStart: '1', sessionId: uid(1) } } } },
    stay: [],
  },
  {
    what: 'a roster whose worker runs',
    files: { 'daemon/roster.json': { workers: [{ pid: 4242, procStart: '500', sessionId: uid(1) }] } },
    processes: LONG_RUNNING,
    stay: [1],
  },
  { what: 'a record of a process that has ended', files: { 'sessions/4242.json': RECORD }, ageMs: 0, stay: [] },
  {
    what: 'a record of a process that runs',
    files: { 'sessions/4242.json': RECORD },
    processes: LONG_RUNNING,
    stay: [1],
  },
  {
    what: 'a record whose pid is another process by now',
    files: { 'sessions/4242.json': { ...RECORD, procStart: '499' } },
    processes: LONG_RUNNING,
    stay: [],
  },
  {
    what: 'an empty record of a process that has ended',
    files: { 'sessions/4242.json': '' },
    ageMs: 40 * DAY_MS,
    stay: [],
  },
  { what: 'half a record of a process that has ended', files: { 'sessions/4242.json': '{"pid":' }, ageMs: 0, stay: [] },
  {
    what: 'a record of another container',
    files: { 'sessions/7.json': { ...RECORD, pidDomain: 'linux::pid:[2]' } },
    ageMs: 10 * DAY_MS,
    stay: [1],
  },
  { what: 'an old record of another container', files: { 'sessions/7.json': { ...RECORD, pidDomain: 'x' } }, stay: [] },
  { what: "Claude's pins", files: { 'jobs/pins.json': ['00000001'] }, stay: [1], by: 'pinned' },
  {
    what: 'pins of all kinds',
    files: { 'jobs/pins.json': [uid(1).toUpperCase(), 7, ['00000002'], null] },
    stay: [1, 2],
    by: 'pinned',
  },
  { what: 'pins that are cut off', files: { 'jobs/pins.json': '["00000003","000' }, stay: [3], by: 'pinned' },
  {
    what: 'a pinned job that has ended, under the id that it goes on with',
    files: { 'jobs/pins.json': ['0000000a'], 'jobs/0000000a/state.json': { state: 'done', sessionId: uid(2) } },
    stay: [2],
    by: 'pinned',
  },
];

describe('a prune beside', () => {
  it.each(CASES)('$what keeps $stay', async ({ files, ageMs, processes, stay, by = 'running' }) => {
    const path = dirWith(files, ageMs);
    const { kept, removed, faults } = await pruneWith(path, processes);
    expect(left(path)).toEqual(stay.map(uid));
    expect({ kept, removed: removed?.sessions, faults }).toEqual({
      kept: stay.length === 0 ? {} : { [by]: stay.length },
      removed: 3 - stay.length,
      faults: [],
    });
  });

  it.each(['', '{"pid":4242,', '[]', '{}', 'null'])(
    'a record that says %j of a process that runs keeps what was written since that began, says so, and takes the rest',
    async (content) => {
      const path = dirWith({ 'sessions/4242.json': content }, 45 * DAY_MS);
      makeSession(path, { id: uid(4), ageMs: 45 * DAY_MS }, NOW);
      const { kept, removed, faults } = await pruneWith(path, LONG_RUNNING);
      expect(left(path)).toEqual([uid(4)]);
      expect({ kept, removed: removed?.sessions }).toEqual({ kept: { running: 1 }, removed: 3 });
      expect(faults).toEqual([{ kind: 'bad-data', message: expect.stringContaining(`${path}/sessions/4242.json`) }]);
    },
  );

  it('a job that has ended takes its directory with its session, which comes back with it', async () => {
    const path = dirWith({
      'jobs/00000001/state.json': { state: 'done', ...JOB },
      'jobs/00000001/tmp/out.log': 'output',
    });
    const before = snapshot(path);
    expect(await pruneWith(path)).toMatchObject({ removed: { sessions: 3, files: 5 }, kept: {} });
    expect(outsideSweeper(snapshot(path)).size).toBe(0);
    const trash = openTrash(openClaudeDir(path));
    for (const number of [1, 2, 3]) trash.restore(uid(number), NOW);
    expect(outsideSweeper(snapshot(path))).toEqual(before);
  });

  it('a job that has just ended leaves its session as young as that', async () => {
    const path = dirWith({ 'jobs/00000001/state.json': { state: 'done', ...JOB } }, 2 * DAY_MS);
    expect(await pruneWith(path)).toMatchObject({ removed: { sessions: 2 }, kept: { 'within-retention': 1 } });
    expect(left(path)).toEqual([uid(1)]);
  });

  it('a job at work keeps all of its session, however old, its directory with it', async () => {
    const path = dirWith({ 'jobs/00000001/tmp/out.log': 'output', [`file-history/${uid(1)}/a@v1`]: 'checkpoint' });
    write(join(path, 'jobs/00000001/state.json'), { state: 'working', ...JOB }, 10 * DAY_MS);
    const before = [...snapshot(path).keys()].filter((file) => file.includes('00000001'));
    expect(await pruneWith(path)).toMatchObject({ removed: { sessions: 1 }, kept: { running: 2 } });
    expect([...outsideSweeper(snapshot(path)).keys()].filter((file) => file.includes('00000001'))).toEqual(before);
  });

  it('stale records counts them', async () => {
    const path = dirWith({ 'sessions/4242.json': RECORD, 'sessions/7.json': '', 'jobs/pins.json': ['x'] });
    expect(await pruneWith(path)).toMatchObject({
      staleRecords: { 'running-processes': 2 },
      malformedIds: { 'claude-pins': 1 },
      liveIds: { 'running-processes': 0, 'claude-pins': 0 },
    });
  });

  it.each([
    ['a pin', 'jobs/pins.json', ['00000002']],
    ['a record', 'sessions/4242.json', { ...RECORD, sessionId: uid(2) }],
    ['a job', 'jobs/00000002/state.json', '{'],
  ])('%s that comes between its plan and its act keeps the session', async (_, relative, content) => {
    const path = dirWith({});
    let isPlanned = false;
    const latecomer = scriptedSource({
      onHold: () => {
        if (!isPlanned) write(join(path, relative), content, 0);
        isPlanned = true;
      },
    });
    const { kept } = await prune(path, { sources: [latecomer, ...sourcesOf(path, LONG_RUNNING)], clock: CLOCK });
    expect(isPlanned).toBe(true);
    expect(left(path)).toEqual([uid(2)]);
    expect(kept).toEqual({ live: 1 });
  });

  it('takes what was pinned once it is no more', async () => {
    const path = dirWith({ 'jobs/pins.json': ['00000001'] });
    await pruneWith(path);
    rmSync(join(path, 'jobs/pins.json'));
    await pruneWith(path);
    expect(left(path)).toEqual([]);
  });

  it('pins among many sessions keeps these alone', async () => {
    const path = makeClaudeDir(tempDir());
    for (let number = 1; number <= 300; number += 1) makeSession(path, { id: uid(number), ageMs: 60 * DAY_MS }, NOW);
    write(join(path, 'jobs/pins.json'), [uid(7).slice(0, 8), uid(299).slice(0, 8)], 0);
    const { kept, removed } = await pruneWith(path);
    expect(left(path)).toEqual([uid(7), uid(299)]);
    expect({ kept, removed: removed?.sessions }).toEqual({ kept: { pinned: 2 }, removed: 298 });
  });
});

describe('a prune of a session store', () => {
  /** Sessions by number, last used so many days ago. */
  async function storeWith(ages: Readonly<Record<number, number>>): Promise<StoredSessions> {
    const path = join(tempDir(), 'entries.db');
    for (const [number, days] of Object.entries(ages)) {
      const store = new SqliteSessionStore(path, {
        clock: new SetClock(NOW - days * DAY_MS),
        foldSessionSummary: (_, { sessionId }) => ({ sessionId, mtime: 0, data: {} }),
      });
      await store.append({ projectKey: '-srv-app', sessionId: uid(Number(number)) }, [{ type: 'user' }]);
      store.close();
    }
    const sessions = StoredSessions.open(path);
    onTestFinished(() => sessions.close());
    return sessions;
  }

  it("keeps what is pinned in Claude's jobs, and what was used since a process began that does not say whose it is", async () => {
    const path = makeClaudeDir(tempDir());
    write(join(path, 'jobs/pins.json'), ['00000001'], 0);
    write(join(path, 'sessions/4242.json'), '', 45 * DAY_MS);
    const store = await storeWith({ 1: 60, 2: 60, 3: 45 });
    const { kept } = await prune(path, { sources: sourcesOf(path, LONG_RUNNING), stores: [store], clock: CLOCK });
    expect(store.sessions().map(({ sessionId }) => sessionId)).toEqual([uid(1), uid(3)]);
    expect(kept).toEqual({ pinned: 1, running: 1 });
  });
});
