import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { acquireDirLock } from '../../../src/claude-dir/dir-lock.ts';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import type { Clock } from '../../../src/clock.ts';
import { BusyError, OperatingError } from '../../../src/errors.ts';
import type { JobContext, JobReport } from '../../../src/jobs/job.ts';
import type { RemovalRecord, RemovalRecorder } from '../../../src/jobs/prune-transcripts/apply.ts';
import { pruneTranscriptsJob } from '../../../src/jobs/prune-transcripts/index.ts';
import { prunePolicy, type RetentionSettings } from '../../../src/jobs/prune-transcripts/policy.ts';
import type { ShieldMemory } from '../../../src/jobs/prune-transcripts/shield.ts';
import { Ledger } from '../../../src/ledger/ledger.ts';
import { KeepList } from '../../../src/live-sources/keep-list.ts';
import type { LiveSource } from '../../../src/live-sources/live-source.ts';
import { resumeMapSource } from '../../../src/live-sources/resume-map-source.ts';
import { runningProcessesSource } from '../../../src/live-sources/running-processes.ts';
import { SqliteResumeMap } from '../../../src/resume-map/sqlite.ts';
import { canFreeze, freeze } from '../../support/freeze.ts';
import { contextOf, stopAfter } from '../../support/job-context.ts';
import { canMount, inMountNamespace, programPath } from '../../support/mount-namespace.ts';
import { openClaudeDir, openTrash } from '../../support/opened.ts';
import { type Script, scriptedSource } from '../../support/scripted-source.ts';
import { SetClock } from '../../support/set-clock.ts';
import { outsideSweeper, snapshot, trashedIn } from '../../support/snapshot.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { trashSessions } from '../../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, makeTree, sessionIdOf, writeAged } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

const MAX_AGE_MS = 30 * DAY_MS;
const SETTINGS: RetentionSettings = {
  maxAge: MAX_AGE_MS,
  minAge: DAY_MS,
  maxTotalBytes: 'off',
  keepLast: 0,
  projects: [],
};
const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;
const NO_RECORDER: RemovalRecorder = { recordRemovals() {} };

interface PruneOptions {
  readonly sources?: readonly LiveSource[];
  readonly settings?: Partial<RetentionSettings>;
  readonly recorder?: RemovalRecorder;
  readonly trashMemory?: Ledger;
  readonly keepNamed?: boolean;
  readonly context?: Partial<JobContext>;
  readonly clock?: Clock;
  readonly shieldMemory?: ShieldMemory;
  readonly shieldPeriodMs?: (claudeDir: string) => number | undefined;
}

function prune(paths: string | readonly string[], options: PruneOptions = {}): Promise<JobReport> {
  return pruneTranscriptsJob({
    claudeDirs: [paths].flat().map(openClaudeDir),
    stores: [],
    sources: options.sources ?? [],
    policy: prunePolicy({ ...SETTINGS, ...options.settings }),
    keepNamed: options.keepNamed ?? false,
    recorder: options.recorder ?? NO_RECORDER,
    trashMemory: options.trashMemory,
    memory: undefined,
    mapIdentity: undefined,
    shieldPeriodMs: options.shieldPeriodMs,
    shieldMemory: options.shieldMemory,
    clock: options.clock ?? new SetClock(NOW),
  }).run(contextOf(options.context));
}

/** Expired sessions 1…n, each with a companion, n being three unless it is said. */
function expiredSessions(count = 3, project?: (number: number) => string): string {
  const path = makeClaudeDir(tempDir());
  for (let number = 1; number <= count; number += 1) {
    const id = sessionIdOf(number);
    makeSession(
      path,
      {
        id,
        ageMs: (40 + number / 100) * DAY_MS,
        elsewhere: [`file-history/${id}/a@v1`],
        ...(project === undefined ? {} : { project: project(number) }),
      },
      NOW,
    );
  }
  return path;
}

function transcriptOf(id: SessionId, project = '-srv-app'): string {
  return `projects/${project}/${id}.jsonl`;
}

/** The ids of the sessions whose transcripts are where they belong. */
function left(path: string): string[] {
  const transcripts = [...outsideSweeper(snapshot(path)).keys()].filter((file) => file.endsWith('.jsonl'));
  return transcripts.map((file) => file.slice(-'.jsonl'.length - 36, -'.jsonl'.length)).toSorted();
}

function trashedIds(path: string): string[] {
  const transcripts = [...trashedIn(snapshot(path)).keys()].filter((file) => file.endsWith('.jsonl'));
  return transcripts.map((file) => file.slice(-'.jsonl'.length - 36, -'.jsonl'.length)).toSorted();
}

function openMap(stateDir: string): SqliteResumeMap {
  const map = SqliteResumeMap.openOwn(join(stateDir, 'sessions.db'), { clock: new SetClock(NOW) });
  onTestFinished(() => map.close());
  return map;
}

function insertRows(
  stateDir: string,
  rows: readonly (readonly [key: string, id: string, lastUsedAtMs: number])[],
): void {
  const database = new Database(join(stateDir, 'sessions.db'));
  const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
  for (const [key, id, lastUsedAtMs] of rows) insert.run(key, id, lastUsedAtMs, lastUsedAtMs);
  database.close();
}

describe('a prune', () => {
  it('moves exactly what is expired and not live to the trash, byte for byte, and touches nothing else', async () => {
    const path = tempDir();
    const stateDir = tempDir();
    const made = makeTree(path, { sessions: 150, seed: 11, nowMs: NOW });
    const map = openMap(stateDir);
    const live = made.filter((_, index) => index % 7 === 0).map(({ id }) => id);
    const pinned = made.filter((_, index) => index % 31 === 0).map(({ id }) => id);
    insertRows(
      stateDir,
      live.map((id, index) => [`forgejo:a:acme/app:${index}`, id, NOW - 90 * DAY_MS]),
    );
    const keepList = new KeepList(stateDir);
    for (const id of pinned) keepList.pin(id);
    const running = made.filter((_, index) => index % 43 === 0).map(({ id }) => id);
    for (const [index, sessionId] of running.entries()) {
      writeAged(join(path, `sessions/${index + 1}.json`), JSON.stringify({ sessionId, pidDomain: 'elsewhere' }), NOW);
    }
    const before = snapshot(path);
    const claudeDir = openClaudeDir(path);
    const sources = [resumeMapSource(map), keepList.asLiveSource(), runningProcessesSource(claudeDir.root, path)];
    const report = await prune(path, { sources });

    const kept = new Set([...live, ...pinned, ...running]);
    const expired = made.filter(({ id, mtimeMs }) => NOW - mtimeMs > MAX_AGE_MS && !kept.has(id));
    const gone = new Set(expired.flatMap(({ files }) => files));
    const after = snapshot(path);
    expect(gone.size).toBeGreaterThan(40);
    expect(trashedIn(after)).toEqual(new Map([...before].filter(([file]) => gone.has(file))));
    expect(outsideSweeper(after)).toEqual(new Map([...before].filter(([file]) => !gone.has(file))));

    const removedIds = report.removedSessions?.map(({ sessionId }) => sessionId);
    expect(removedIds?.toSorted()).toEqual(expired.map(({ id }) => id).toSorted());
    expect(report.removed).toMatchObject({ sessions: expired.length, files: gone.size });
    expect(report.observed).toMatchObject({ sessions: made.length });
    const { sessions = 0, byReason = {} } = report.removed ?? {};
    expect(Object.values(byReason).reduce((sum, count) => sum + count, 0)).toBe(sessions);
    expect(Object.values(report.kept ?? {}).reduce((sum, count) => sum + count, 0)).toBe(made.length - sessions);
    expect(report.trash).toMatchObject({ sessions });
    expect(report.liveIds).toEqual({
      'resume-map': live.length,
      'keep-list': pinned.length,
      'running-processes': running.length,
    });
    expect(report.faults).toEqual([]);
  });

  it('writes each removal into the ledger', async () => {
    const stateDir = tempDir();
    const ledger = Ledger.open(stateDir);
    const path = expiredSessions();
    await prune(path, { recorder: ledger });
    ledger.close();
    const database = new Database(join(stateDir, 'ledger.db'), { readonly: true });
    const rows = database.prepare('SELECT session_id, trash_run, project, reason, files FROM removals').all();
    database.close();
    const [run] = readdirSync(join(path, 'session-sweeper/trash'));
    expect(rows).toHaveLength(3);
    expect(rows).toContainEqual({ session_id: A, trash_run: run, project: '-srv-app', reason: 'expired', files: 2 });
  });

  it('makes no trash run where nothing goes', async () => {
    const path = makeClaudeDir(tempDir());
    makeSession(path, { id: A, ageMs: 2 * DAY_MS }, NOW);
    expect(await prune(path)).toMatchObject({ removed: { sessions: 0 }, kept: { 'within-retention': 1 }, faults: [] });
    expect(readdirSync(join(path, 'session-sweeper/trash'))).toEqual([]);
  });

  it.skipIf(process.getuid?.() !== 0)("makes nothing in a user's directory that is not his, even as root", async () => {
    const path = expiredSessions();
    execFileSync('chown', ['-R', '1234:5678', path]);
    await prune(path);
    acquireDirLock(openClaudeDir(path), 'run').release();
    expect(String(execFileSync('find', [path, '-not', '-user', '1234']))).toBe('');
  });

  it('finds nothing more to do right after', async () => {
    const path = expiredSessions();
    await prune(path);
    const before = snapshot(path);
    expect(await prune(path)).toMatchObject({ removed: { sessions: 0 }, trash: { sessions: 3 }, faults: [] });
    expect(snapshot(path)).toEqual(before);
  });

  it('keeps the files whose times make no sense', async () => {
    const path = makeClaudeDir(tempDir());
    makeSession(path, { id: A, ageMs: -DAY_MS }, NOW);
    makeSession(path, { id: B, ageMs: NOW }, NOW);
    expect(await prune(path)).toMatchObject({
      removed: { sessions: 0 },
      kept: { 'future-mtime': 1, 'senseless-mtime': 1 },
      transcripts: { doubtful: { sessions: 2 } },
    });
    expect(left(path)).toEqual([A, B]);
  });

  it('removes the oldest over the size cap, and left-over companions as orphans', async () => {
    const path = makeClaudeDir(tempDir());
    makeSession(path, { id: A, ageMs: 5 * DAY_MS, content: 'x'.repeat(600) }, NOW);
    makeSession(path, { id: B, ageMs: 4 * DAY_MS, content: 'x'.repeat(600) }, NOW);
    const orphan = { hasTranscript: false, elsewhere: [`debug/${C}.txt`], content: 'x'.repeat(10) };
    makeSession(path, { id: C, ageMs: 50 * DAY_MS, ...orphan }, NOW);
    expect(await prune(path, { settings: { maxTotalBytes: 1_000 } })).toMatchObject({
      observed: { sessions: 3, orphans: 1, bytes: 1_210 },
      removed: {
        byReason: { expired: 0, 'over-size': 1, orphan: 1 },
        bytesByReason: { expired: 0, 'over-size': 600, orphan: 10 },
      },
    });
    expect(left(path)).toEqual([B]);
  });

  it('tells what each project holds, and what is largest and oldest', async () => {
    const path = makeClaudeDir(tempDir());
    for (let number = 1; number <= 8; number += 1) {
      const project = number <= 6 ? '-srv-a' : '-srv-b';
      const shape = { id: sessionIdOf(number), project, ageMs: number * DAY_MS, content: 'x'.repeat(number) };
      makeSession(path, shape, NOW);
    }
    const { projects, largest, oldest } = await prune(path);
    expect(projects?.toSorted((one, other) => one.bytes - other.bytes)).toMatchObject([
      { project: '-srv-b', sessions: 2, bytes: 15, newestMtimeMs: NOW - 7 * DAY_MS },
      { project: '-srv-a', sessions: 6, bytes: 21, newestMtimeMs: NOW - DAY_MS },
    ]);
    expect(largest?.map(({ sessionId }) => sessionId)).toEqual([8, 7, 6, 5, 4].map(sessionIdOf));
    expect(oldest?.map(({ sessionId }) => sessionId)).toEqual([8, 7, 6, 5, 4].map(sessionIdOf));
  });

  it('tells how far it is', async () => {
    const phases: string[] = [];
    const onProgress: JobContext['onProgress'] = ({ phase, done, total }) => phases.push(`${phase} ${done}/${total}`);
    await prune(expiredSessions(), { context: { onProgress } });
    expect(phases).toEqual(['scan 3/undefined', 'remove 3/3']);
  });
});

describe('what is live', () => {
  it('in one Claude directory is live in all of them', async () => {
    const paths = [expiredSessions(), expiredSessions()];
    writeAged(join(paths[0] ?? '', 'sessions/1.json'), JSON.stringify({ sessionId: B }), NOW);
    const sources = paths.map((path) => runningProcessesSource(openClaudeDir(path).root, path));
    expect(await prune(paths, { sources })).toMatchObject({ kept: { running: 2 }, removed: { sessions: 4 } });
    expect(paths.map(left)).toEqual([[B], [B]]);
  });

  it.each(['live', 'running', 'pinned'] as const)('is kept as %s', async (protection) => {
    const path = expiredSessions();
    const report = await prune(path, { sources: [scriptedSource({ protection, planned: [B] })] });
    expect(report).toMatchObject({ kept: { [protection]: 1 }, transcripts: { live: { sessions: 1 } } });
    expect(left(path)).toEqual([B]);
  });

  it('removes nothing and fails where one source cannot be read', async () => {
    const path = expiredSessions();
    const before = snapshot(path);
    const onRead = () => {
      throw new OperatingError('unavailable', 'read live ids: the disk is on fire');
    };
    const sources = [scriptedSource(), scriptedSource({ onRead })];
    await expect(prune(path, { sources })).rejects.toThrow('the disk is on fire');
    expect(snapshot(path)).toEqual(before);
  });

  it('removes nothing and fails where one source cannot be read any more at the act', async () => {
    const path = expiredSessions();
    const before = outsideSweeper(snapshot(path));
    const onHold = () => {
      throw new OperatingError('unavailable', 'read live ids: the disk is on fire');
    };
    const report = await prune(path, { sources: [scriptedSource({ onHold }), scriptedSource()] });
    expect(report).toMatchObject({
      failure: { kind: 'unavailable', message: 'read live ids: the disk is on fire' },
      removed: { sessions: 0 },
    });
    expect(outsideSweeper(snapshot(path))).toEqual(before);
  });
});

describe('between plan and apply', () => {
  const duringHold = (change: (path: string) => void) => (path: string) => {
    let changed = false;
    return scriptedSource({
      onHold: () => {
        if (!changed) change(path);
        changed = true;
      },
    });
  };

  it('a row that appears in the map protects its transcript', async () => {
    const path = expiredSessions();
    const map = openMap(tempDir());
    const inner = resumeMapSource(map);
    const source: LiveSource = {
      ...inner,
      read: async () => {
        const reading = await inner.read();
        await map.setSession('forgejo:architect:acme/app:1', B);
        return reading;
      },
    };
    expect(await prune(path, { sources: [source] })).toMatchObject({ removed: { sessions: 2 }, kept: { live: 1 } });
    expect(left(path)).toEqual([B]);
    expect(trashedIds(path)).toEqual([A, C]);
  });

  it('a session that any source names by then is kept', async () => {
    const path = expiredSessions();
    const sources = [scriptedSource({ atTheAct: [A] }), scriptedSource({ protection: 'pinned', atTheAct: [C] })];
    expect(await prune(path, { sources })).toMatchObject({ removed: { sessions: 1 }, kept: { live: 2 } });
    expect(left(path)).toEqual([A, C]);
  });

  it('a session that no source names any more is kept until the next run', async () => {
    const path = expiredSessions();
    const source = scriptedSource({ planned: [B], atTheAct: [] });
    expect(await prune(path, { sources: [source] })).toMatchObject({ kept: { live: 1 } });
    expect(left(path)).toEqual([B]);
  });

  it('a file that grows keeps its session', async () => {
    const path = expiredSessions();
    const source = duringHold((at) => appendFileSync(join(at, transcriptOf(B)), 'more'))(path);
    expect(await prune(path, { sources: [source] })).toMatchObject({ removed: { sessions: 2 }, kept: { changed: 1 } });
    expect(left(path)).toEqual([B]);
  });

  it('a companion that grows keeps its session', async () => {
    const path = expiredSessions();
    const source = duringHold((at) => appendFileSync(join(at, `file-history/${B}/a@v1`), 'more'))(path);
    expect(await prune(path, { sources: [source] })).toMatchObject({ removed: { sessions: 2 }, kept: { changed: 1 } });
    expect(left(path)).toEqual([B]);
  });

  it('a session that vanishes is no fault', async () => {
    const path = expiredSessions();
    const source = duringHold((at) => {
      rmSync(join(at, transcriptOf(B)));
      rmSync(join(at, `file-history/${B}`), { recursive: true });
    })(path);
    const report = await prune(path, { sources: [source] });
    expect(report).toMatchObject({ removed: { sessions: 2 }, kept: { vanished: 1 }, faults: [] });
    expect(report.failure).toBeUndefined();
  });

  it.each<{ what: string; make: (at: string, outside: string) => void }>([
    { what: 'a symlink', make: (at, outside) => symlinkSync(outside, at) },
    { what: 'a file', make: (at) => writeFileSync(at, '') },
  ])('a project directory that becomes $what keeps its sessions, and the others go', async ({ make }) => {
    const path = expiredSessions(3, (number) => (number === 2 ? '-srv-swapped' : `-srv-${number}`));
    const outside = tempDir();
    writeAged(join(outside, `${B}.jsonl`), 'outside', NOW - 400 * DAY_MS);
    const before = snapshot(outside);
    const source = duringHold((at) => {
      renameSync(join(at, 'projects/-srv-swapped'), join(at, 'swapped'));
      make(join(at, 'projects/-srv-swapped'), outside);
    })(path);
    const report = await prune(path, { sources: [source] });
    expect(snapshot(outside)).toEqual(before);
    expect(existsSync(join(path, 'swapped', `${B}.jsonl`))).toBe(true);
    expect(existsSync(join(path, `file-history/${B}/a@v1`))).toBe(true);
    expect(report).toMatchObject({ removed: { sessions: 2 }, kept: { changed: 1 } });
    expect(report.failure).toBeUndefined();
  });
});

describe('what goes wrong', () => {
  it.skipIf(!canFreeze)('with one unit does not stop the others', async () => {
    const path = expiredSessions();
    freeze(join(path, transcriptOf(B)));
    const report = await prune(path);
    expect(report).toMatchObject({ removed: { sessions: 2 }, kept: { unmovable: 1 } });
    expect(report.faults).toEqual([{ kind: 'io', message: expect.stringMatching(new RegExp(`${B}.*EPERM`)) }]);
    expect(report.failure).toBeUndefined();
    expect(left(path)).toEqual([B]);
    expect(existsSync(join(path, `file-history/${B}/a@v1`))).toBe(true);
  });

  it('with one unit in doubt does not stop the others, nor is it moved', async () => {
    const path = expiredSessions();
    rmSync(join(path, transcriptOf(B)));
    symlinkSync('/nonexistent', join(path, transcriptOf(B)));
    expect(await prune(path)).toMatchObject({ removed: { sessions: 2 }, kept: { unrecognised: 1 } });
    expect(existsSync(join(path, `file-history/${B}/a@v1`))).toBe(true);
  });

  it('while looking is told once a kind, with a few names', async () => {
    const path = expiredSessions(6);
    for (let number = 1; number <= 5; number += 1) symlinkSync(tempDir(), join(path, `place-${number}`));
    for (const [index, place] of ['session-env', 'tasks', 'image-cache', 'uploads', 'debug'].entries()) {
      symlinkSync(join(path, `place-${index + 1}`), join(path, place));
    }
    const { faults, removed, kept } = await prune(path);
    expect(faults).toEqual([
      { kind: 'io', message: expect.stringMatching(/^read session-env, tasks, image-cache and 2 more: /) },
    ]);
    expect({ removed: removed?.sessions, kept }).toEqual({ removed: 0, kept: { unreadable: 6 } });
  });

  it('in the ledger stops the run, and what was moved by then can be restored', async () => {
    const path = expiredSessions(40);
    const before = outsideSweeper(snapshot(path));
    const recorder: RemovalRecorder = {
      recordRemovals: () => {
        throw new OperatingError('io', 'record removals: the disk is full');
      },
    };
    const report = await prune(path, { recorder });
    expect(report).toMatchObject({ failure: { kind: 'io', message: 'record removals: the disk is full' } });
    const after = snapshot(path);
    expect(new Map([...outsideSweeper(after), ...trashedIn(after)])).toEqual(before);
    expect(report.removed?.sessions).toBe(trashedIds(path).length);
  });

  it('in the trash of one Claude directory does not hide what was removed from another', async () => {
    const paths = [expiredSessions(), expiredSessions()] as const;
    writeFileSync(join(paths[1], 'session-sweeper'), '');
    const report = await prune(paths);
    expect(trashedIds(paths[0])).toHaveLength(3);
    expect(report).toMatchObject({ removed: { sessions: 3 }, failure: { kind: 'io' } });
  });

  it('with a run in the trash is told, and new ones go on', async () => {
    const path = expiredSessions();
    writeAged(join(path, 'session-sweeper/trash/20260101T000000Z/stray'), 'precious', NOW);
    const report = await prune(path);
    expect(report).toMatchObject({ removed: { sessions: 3 } });
    expect(report.faults).toEqual([{ kind: 'io', message: 'read the trash run 20260101T000000Z: ENOENT' }]);
    expect(readFileSync(join(path, 'session-sweeper/trash/20260101T000000Z/stray'), 'utf8')).toBe('precious');
  });

  it('with a run in the trash, which may hold their transcripts, keeps what looks left over', async () => {
    const path = expiredSessions();
    const orphan = sessionIdOf(9);
    writeAged(join(path, `file-history/${orphan}/a@v1`), 'kept', NOW - 40 * DAY_MS);
    writeAged(join(path, 'session-sweeper/trash/20260101T000000Z/stray'), 'precious', NOW);
    expect(await prune(path)).toMatchObject({ removed: { sessions: 3 }, kept: { 'projects-unreadable': 1 } });
    rmSync(join(path, 'session-sweeper/trash/20260101T000000Z'), { recursive: true });
    expect(await prune(path)).toMatchObject({ removed: { sessions: 1, byReason: { orphan: 1 } } });
  });

  it.skipIf(spawnSync('prlimit', ['--version']).status !== 0)(
    'with descriptors, which run out at any point, ends the run: each unit is whole, and told if it is gone',
    async () => {
      const failures = new Set<unknown>();
      const pruneWith = async (descriptors: number) => {
        const path = expiredSessions();
        const before = outsideSweeper(snapshot(path));
        const limit = `prlimit --pid $PPID --nofile=${descriptors}`;
        const args = [programPath('run-job'), 'prune', path, String(NOW), limit];
        const { stdout } = await promisify(execFile)(process.execPath, args);
        const report = JSON.parse(stdout) as JobReport & { rejected?: string };
        const { inPlace, inTrash } = { inPlace: left(path), inTrash: trashedIds(path) };
        const after = snapshot(path);
        expect(new Map([...outsideSweeper(after), ...trashedIn(after)])).toEqual(before);
        for (const id of inPlace) expect(after.has(`file-history/${id}/a@v1`)).toBe(true);
        expect({ descriptors, removed: report.removed?.sessions ?? 0 }).toEqual({
          descriptors,
          removed: inTrash.length,
        });
        failures.add(report.rejected ?? report.failure?.kind);
      };
      // From what Node itself needs to what a whole run needs.
      for (let descriptors = 18; descriptors <= 40; descriptors += 2) {
        await Promise.all([pruneWith(descriptors), pruneWith(descriptors + 1)]);
      }
      expect(failures).toEqual(new Set(['io', undefined]));
    },
  );

  describe.skipIf(!canMount)('with the whole file system', () => {
    const runJob = (script: string, ...args: readonly string[]) =>
      JSON.parse(inMountNamespace(script, 'run-job', ...args)) as JobReport & { rejected?: string };
    const PRUNE = `"$NODE" "$PROGRAM" prune "$1" ${NOW}`;

    it('ends the run where the trash is another one: nothing is copied, nothing unlinked', () => {
      const path = expiredSessions();
      mkdirSync(join(path, 'session-sweeper/trash'), { recursive: true });
      const before = snapshot(path);
      const report = runJob(`mount -t tmpfs tmpfs "$1/session-sweeper/trash"; ${PRUNE}`, path);
      expect(report).toMatchObject({
        removed: { sessions: 0 },
        failure: { kind: 'io', message: expect.stringContaining('EXDEV') },
      });
      expect(snapshot(path)).toEqual(before);
    });

    it('ends the run where a companion is on another one by then: the unit stays whole', () => {
      const path = expiredSessions();
      const before = outsideSweeper(snapshot(path));
      const mount = 'mount --bind "$1/file-history" "$1/file-history"';
      const report = runJob(`${PRUNE} '${mount.replaceAll('$1', path)}'`, path);
      expect(report).toMatchObject({
        removed: { sessions: 0 },
        failure: { kind: 'io', message: expect.stringContaining('EXDEV') },
      });
      const after = snapshot(path);
      expect(outsideSweeper(after)).toEqual(before);
      expect(trashedIn(after)).toEqual(new Map());
    });

    it('fails where it is read-only, and is as it was', () => {
      const path = expiredSessions();
      const before = snapshot(path);
      const report = runJob(`mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; ${PRUNE}`, path);
      expect(report.rejected ?? report.failure?.kind).toBe('io');
      expect(snapshot(path)).toEqual(before);
    });

    it.each([
      // Enough for the trash, the run and its manifest, but not for the directories that the sessions go to.
      {
        what: 'directories',
        room: 'size=4m,nr_inodes=$(($(find "$1" | wc -l) + 5))',
        fill: 'true',
        message: 'ENOSPC',
      },
      // By then the transcript is in the trash, and there is no room for a second name on its way back.
      {
        what: 'the directory of a companion',
        room: 'size=4m,nr_inodes=$(($(find "$1" | wc -l) + 6))',
        fill: 'true',
        message: 'ENOSPC',
      },
      {
        what: 'the manifest',
        room: 'size=4m',
        fill: 'dd if=/dev/zero of="$2/fill" bs=4k status=none 2>/dev/null || true',
        message: 'nothing is removed; purge the trash or free some space first',
      },
    ])('ends the run where it has no room for $what, and all is where it was', ({ room, fill, message }) => {
      const path = expiredSessions();
      const full = tempDir();
      const output = inMountNamespace(
        `mount -t tmpfs -o ${room} tmpfs "$2"; cp -a "$1/." "$2/"; ${fill}
         "$NODE" "$PROGRAM" prune "$2" ${NOW}; cd "$2"; find projects file-history -type f -printf '%p %s %T@\\n' | sort`,
        'run-job',
        path,
        full,
      );
      const [report, ...files] = output.trimEnd().split('\n');
      expect(JSON.parse(report ?? '')).toMatchObject({
        removed: { sessions: 0 },
        failure: { kind: 'io', message: expect.stringContaining(message) },
      });
      const before = execFileSync('sh', [
        '-c',
        `cd "$1"; find projects file-history -type f -printf '%p %s %T@\\n' | sort`,
        'sh',
        path,
      ]);
      expect(files).toEqual(String(before).trimEnd().split('\n'));
    });
  });
});

describe('a busy map', () => {
  /** `B` stands for a batch during which the map is busy. The next one has 16 sessions then, and up to twice as many as the last otherwise. */
  const withBatches = (busy: string): Script & { holds(): number } => {
    let batch = 0;
    return {
      holds: () => batch,
      onHold: () => {
        if (busy[batch++] === 'B') throw new BusyError('hold writers: database is locked');
      },
    };
  };

  it.each([
    { batches: 'B..', removed: 32, busy: 16, holds: 3, failed: false },
    { batches: 'BB.', removed: 16, busy: 32, holds: 3, failed: false },
    { batches: 'BB.BB.', removed: 16, busy: 80, holds: 5, failed: false },
    { batches: 'BBB...', removed: 0, busy: 96, holds: 3, failed: true },
    { batches: '.BBB..', removed: 16, busy: 80, holds: 4, failed: true },
  ])('has its batch skipped and counted, and ends the run after three in a row: $batches', async (expected) => {
    const path = expiredSessions(expected.batches.length * 16);
    const script = withBatches(expected.batches);
    const report = await prune(path, { sources: [scriptedSource(script)] });
    expect(report).toMatchObject({ removed: { sessions: expected.removed }, kept: { busy: expected.busy } });
    expect(report.failure?.kind).toBe(expected.failed ? 'unavailable' : undefined);
    expect(script.holds()).toBe(expected.holds);
    expect(left(path)).toHaveLength(expected.busy);
    expect(trashedIds(path)).toHaveLength(expected.removed);
  });
});

describe('a slow disk', () => {
  it('holds the writers back for a few units at a time, and loses none of them', async () => {
    const path = expiredSessions(20);
    const batches: number[] = [];
    let looks = 0;
    const clock = { now: () => NOW + 2 * looks++ };
    const source = scriptedSource({ onHold: (ids) => batches.push(ids.length) });
    expect(await prune(path, { sources: [source], clock })).toMatchObject({ removed: { sessions: 20 }, faults: [] });
    expect(batches).toEqual([16, 16, 14, 11, 8, 5, 2]);
    expect(trashedIds(path)).toHaveLength(20);
  });
});

describe('what lies in the trash already', () => {
  const withMemory = () => {
    const ledger = Ledger.open(tempDir());
    onTestFinished(() => ledger.close());
    const recorded: string[] = [];
    const recorder: RemovalRecorder = {
      recordRemovals: (removals: readonly RemovalRecord[]) => {
        recorded.push(...removals.map(({ sessionId }) => sessionId));
        ledger.recordRemovals(removals);
      },
    };
    return { ledger, options: { recorder, trashMemory: ledger }, recorded };
  };
  const IN_TRASH = { sessions: 3, bytes: 720 };

  it('is not read and recorded once more by the next prune', async () => {
    const path = expiredSessions();
    const { options, recorded } = withMemory();
    expect((await prune(path, options)).trash).toEqual(IN_TRASH);
    expect(recorded.splice(0).toSorted()).toEqual([A, B, C]);
    expect((await prune(path, options)).trash).toEqual(IN_TRASH);
    expect(recorded).toEqual([]);
  });

  it('is read where the ledger was lost, and not again then', async () => {
    const path = expiredSessions();
    await prune(path);
    const { options, recorded } = withMemory();
    for (let run = 0; run < 2; run += 1) expect((await prune(path, options)).trash).toEqual(IN_TRASH);
    expect(recorded.toSorted()).toEqual([A, B, C]);
  });

  it('is read again where a manifest has changed', async () => {
    const path = expiredSessions();
    const { options, recorded } = withMemory();
    await prune(path, options);
    recorded.splice(0);
    openTrash(openClaudeDir(path)).restore(B, NOW);
    const settings = { maxAge: 'never' } as const;
    expect((await prune(path, { ...options, settings })).trash).toEqual({ sessions: 2, bytes: 480 });
    expect(recorded.toSorted()).toEqual([A, C]);
  });

  it('is forgotten where its run is gone', async () => {
    const path = expiredSessions();
    const { options, ledger } = withMemory();
    await prune(path, options);
    expect(ledger.knownRuns(path).size).toBe(1);
    rmSync(join(path, 'session-sweeper/trash'), { recursive: true });
    expect((await prune(path, options)).trash).toEqual({ sessions: 0, bytes: 0 });
    expect(ledger.knownRuns(path).size).toBe(0);
  });

  it('is not called known where a run was not all recorded', async () => {
    const path = expiredSessions();
    const { ledger, options } = withMemory();
    const recorder: RemovalRecorder = {
      recordRemovals: () => {
        throw new OperatingError('io', 'record removals: the disk is full');
      },
    };
    await prune(path, { ...options, recorder });
    expect(ledger.knownRuns(path)).toEqual(new Map());
    expect((await prune(path, options)).trash).toEqual(IN_TRASH);
  });
});

describe('a fast disk', () => {
  it('holds the writers back for as many units as the time allows', async () => {
    const path = expiredSessions(120);
    const batches: number[] = [];
    let looks = 0;
    const clock = { now: () => NOW + Math.floor(looks++ / 16) };
    const source = scriptedSource({ onHold: (ids) => batches.push(ids.length) });
    expect(await prune(path, { sources: [source], clock })).toMatchObject({ removed: { sessions: 120 }, faults: [] });
    expect(batches.slice(0, 3)).toEqual([16, 32, 64]);
    expect(trashedIds(path)).toHaveLength(120);
  });
});

describe('a stop', () => {
  it('while looking leaves everything as it is', async () => {
    const path = expiredSessions();
    const before = outsideSweeper(snapshot(path));
    expect(await prune(path, { context: { shouldStop: stopAfter(1) } })).toMatchObject({ stopped: true });
    expect(outsideSweeper(snapshot(path))).toEqual(before);
    expect(readdirSync(join(path, 'session-sweeper/trash'))).toEqual([]);
  });

  it('while moving ends the batch in hand, keeps count, and the next run goes on', async () => {
    const path = expiredSessions(50);
    let stop = false;
    const source = scriptedSource({
      onHold: () => {
        stop = true;
      },
    });
    const stopped = await prune(path, { sources: [source], context: { shouldStop: () => stop } });
    expect(stopped).toMatchObject({ stopped: true, removed: { sessions: 16 }, kept: { busy: 34 } });
    expect(trashedIds(path)).toHaveLength(16);
    const next = await prune(path);
    expect(next).toMatchObject({ removed: { sessions: 34 }, trash: { sessions: 50 }, faults: [] });
    expect(next.reconciled).toBeUndefined();
  });

  it('begins no other Claude directory', async () => {
    const paths = [expiredSessions(20), expiredSessions(20)] as const;
    let stop = false;
    const source = scriptedSource({
      onHold: () => {
        stop = true;
      },
    });
    await prune(paths, { sources: [source], context: { shouldStop: () => stop } });
    expect(readdirSync(paths[1])).not.toContain('session-sweeper');
  });
});

describe('what a killed run left half-moved', () => {
  it('is whole again first, and then goes as a whole', async () => {
    const path = expiredSessions();
    const before = outsideSweeper(snapshot(path));
    const run = trashSessions(path, [B], NOW - DAY_MS);
    const manifest = join(path, 'session-sweeper/trash', run, 'manifest.jsonl');
    const lines = readFileSync(manifest, 'utf8').split('\n');
    writeFileSync(manifest, lines.slice(0, 2).join('\n'));
    renameSync(join(dirname(manifest), `file-history/${B}`), join(path, `file-history/${B}`));
    expect(await prune(path)).toMatchObject({ removed: { sessions: 3 }, trash: { sessions: 3 }, faults: [] });
    expect(trashedIn(snapshot(path))).toEqual(before);
  });

  it('is whole again and stays if it is live by now', async () => {
    const path = expiredSessions();
    const before = outsideSweeper(snapshot(path));
    const run = trashSessions(path, [B], NOW - DAY_MS);
    const manifest = join(path, 'session-sweeper/trash', run, 'manifest.jsonl');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').split('\n').slice(0, 2).join('\n'));
    renameSync(join(dirname(manifest), `file-history/${B}`), join(path, `file-history/${B}`));
    await prune(path, { sources: [scriptedSource({ planned: [A, B, C] })] });
    expect(outsideSweeper(snapshot(path))).toEqual(before);
  });
});

describe('a dry run', () => {
  const everythingIn = (path: string) => readdirSync(path, { recursive: true }).map(String).toSorted();

  it('changes no byte and makes no file, in the Claude directory or the state directory', async () => {
    const path = tempDir();
    const stateDir = tempDir();
    const made = makeTree(path, { sessions: 60, seed: 12, nowMs: NOW });
    const writer = openMap(stateDir);
    await writer.setSession('forgejo:a:acme/app:1', made[0]?.id ?? A);
    new KeepList(stateDir).pin(made[1]?.id ?? B);
    await writer.close();
    const before = [snapshot(path), everythingIn(path), snapshot(stateDir), everythingIn(stateDir)];
    const map = SqliteResumeMap.openForReading(join(stateDir, 'sessions.db'));
    const sources = [resumeMapSource(map), new KeepList(stateDir).asLiveSource()];
    const report = await prune(path, { sources, context: { dryRun: true } });
    await map.close();
    expect(report.removed?.sessions).toBeGreaterThan(10);
    expect([snapshot(path), everythingIn(path), snapshot(stateDir), everythingIn(stateDir)]).toEqual(before);
  });

  it('leaves what a killed run left behind as it is', async () => {
    const path = expiredSessions();
    const run = trashSessions(path, [B], NOW - DAY_MS);
    const manifest = join(path, 'session-sweeper/trash', run, 'manifest.jsonl');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').split('\n').slice(0, 2).join('\n'));
    const before = snapshot(path);
    expect(await prune(path, { context: { dryRun: true } })).toMatchObject({ removed: { sessions: 2 } });
    expect(snapshot(path)).toEqual(before);
  });

  it('names what the run then removes', async () => {
    const path = tempDir();
    const made = makeTree(path, { sessions: 100, seed: 13, nowMs: NOW });
    const options = {
      sources: [scriptedSource({ planned: made.slice(0, 20).map(({ id }) => id) })],
      settings: { keepLast: 3, maxTotalBytes: 30_000, projects: [{ match: '*-1', maxAge: 'never' as const }] },
    };
    const planned = await prune(path, { ...options, context: { dryRun: true } });
    const done = await prune(path, options);
    expect(planned.removedSessions?.length).toBeGreaterThan(10);
    const byId = (report: JobReport) =>
      report.removedSessions?.toSorted((one, other) => (one.sessionId < other.sessionId ? -1 : 1));
    expect(byId(planned)).toEqual(byId(done));
    expect(planned.removed).toEqual(done.removed);
    expect(planned.kept).toEqual(done.kept);
  });
});
