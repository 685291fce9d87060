import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import { BusyError, OperatingError } from '../../../src/errors.ts';
import { allowAll, type Guards } from '../../../src/jobs/guards/guards.ts';
import { guardsBy } from '../../../src/jobs/guards/removals.ts';
import type { JobContext } from '../../../src/jobs/job.ts';
import type { DiskLimits } from '../../../src/jobs/purge-trash/early.ts';
import { purgeTrashJob } from '../../../src/jobs/purge-trash/index.ts';
import type { PurgeReport } from '../../../src/jobs/report.ts';
import { claudePinsSource } from '../../../src/live-sources/claude-pins.ts';
import type { LiveSource } from '../../../src/live-sources/live-source.ts';
import { resumeMapSource } from '../../../src/live-sources/resume-map-source.ts';
import { SqliteResumeMap } from '../../../src/resume-map/sqlite.ts';
import { ShortHolds } from '../../../src/sqlite/short-holds.ts';
import { outsideSweeper, snapshot, trashedIn } from '../../support/disk.ts';
import { canFreeze, freeze } from '../../support/freeze.ts';
import { SetPacer } from '../../support/hold-pacers.ts';
import { contextOf, stopAfter } from '../../support/job-context.ts';
import { canMount, inMountNamespace } from '../../support/mount-namespace.ts';
import { openClaudeDir, openTrash } from '../../support/opened.ts';
import { scriptedSource } from '../../support/scripted-source.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { trashSessions } from '../../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf, writeAged } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

const KEEP_MS = 7 * DAY_MS;
const NO_LIMITS: DiskLimits = { maxTotalBytes: 'off', minFreeBytes: 'off', keepAtLeastMs: DAY_MS };
const [A, B, C, D, E] = [1, 2, 3, 4, 5].map(sessionIdOf) as [SessionId, SessionId, SessionId, SessionId, SessionId];

interface PurgeOptions {
  readonly sources?: readonly LiveSource[];
  readonly nowMs?: number;
  readonly guards?: Guards;
  readonly limits?: Partial<DiskLimits>;
  readonly context?: Partial<JobContext>;
}

function purge(paths: string | readonly string[], options: PurgeOptions = {}): Promise<PurgeReport> {
  return purgeTrashJob({
    sweptRows: undefined,
    claudeDirs: [paths].flat().map(openClaudeDir),
    stores: [],
    refusedStores: [],
    sources: options.sources ?? [],
    unwitnessedMs: () => 0,
    keepMs: KEEP_MS,
    limits: { ...NO_LIMITS, ...options.limits },
    guards: options.guards ?? allowAll,
    holds: new ShortHolds(new SetPacer()),
    storeHolds: new ShortHolds(new SetPacer()),
    clock: new SetClock(options.nowMs ?? NOW),
  }).run(contextOf(options.context));
}

/** Sessions A, B, C and D of 100 bytes and two files each; A and B trashed eight days ago, C six days ago, D not at all. */
function made(): string {
  const path = makeClaudeDir(tempDir());
  for (const id of [A, B, C, D]) {
    makeSession(path, { id, ageMs: 50 * DAY_MS, companions: ['tool-results/1.txt'], content: 'x'.repeat(50) }, NOW);
  }
  trashSessions(path, [A, B], NOW - 8 * DAY_MS);
  trashSessions(path, [C], NOW - 6 * DAY_MS);
  return path;
}

function trashOf(path: string): string {
  return join(path, 'session-sweeper/trash');
}

function runsOf(path: string): string[] {
  return readdirSync(trashOf(path)).toSorted();
}

function oldestManifest(path: string): string {
  return join(trashOf(path), runsOf(path)[0] ?? '', 'manifest.jsonl');
}

function trashedIds(path: string): string[] {
  const transcripts = [...trashedIn(snapshot(path)).keys()].filter((file) => file.endsWith('.jsonl'));
  return transcripts.map((file) => file.slice(-'.jsonl'.length - 36, -'.jsonl'.length)).toSorted();
}

function event(type: string, sessionId: SessionId): string {
  return `${JSON.stringify({ type, at: new Date(NOW - 8 * DAY_MS).toISOString(), sessionId })}\n`;
}

describe('a purge', () => {
  it('destroys the older part of a session no sooner than its newer one, so that it can come back whole', async () => {
    const path = made();
    makeSession(path, { id: A, ageMs: 40 * DAY_MS, content: 'y'.repeat(50) }, NOW);
    trashSessions(path, [A], NOW - 2 * DAY_MS);
    expect(await purge(path)).toMatchObject({ purged: { sessions: 1 }, kept: { 'within-keep': 3 } });
    const holding = runsOf(path).filter((run) => existsSync(join(trashOf(path), run, `projects/-srv-app/${A}.jsonl`)));
    expect(holding).toHaveLength(2);
    expect(await purge(path, { nowMs: NOW + 6 * DAY_MS })).toMatchObject({ purged: { sessions: 3 }, kept: {} });
    expect(runsOf(path)).toEqual([]);
  });

  it('destroys what has lain longer than its time, and nothing else', async () => {
    const path = made();
    const before = snapshot(path);
    expect(await purge(path)).toEqual({
      job: 'purge-trash',
      sources: {},
      purged: { sessions: 2, bytes: 200 },
      kept: { 'within-keep': 1 },
      trash: { sessions: 1, bytes: 100 },
      faults: [],
    });
    const after = snapshot(path);
    expect(trashedIds(path)).toEqual([C]);
    expect(outsideSweeper(after)).toEqual(outsideSweeper(before));
    expect(runsOf(path)).toHaveLength(1);
  });

  it('purges early what a limit of the disk needs the room of, the oldest first, and says so', async () => {
    const path = made();
    makeSession(path, { id: E, ageMs: 50 * DAY_MS, content: 'y'.repeat(100_000) }, NOW);
    trashSessions(path, [E], NOW - 5 * DAY_MS);
    const report = await purge(path, { limits: { maxTotalBytes: 90_000 } });
    expect(report).toMatchObject({ purged: { sessions: 4 }, purgedEarly: { sessions: 2 }, trash: { sessions: 0 } });
    expect(report.overLimit).toBeUndefined();
  });

  it('purges nothing early while the disk is within its limits', async () => {
    const path = made();
    const report = await purge(path, { limits: { maxTotalBytes: 2 ** 30, minFreeBytes: 1 } });
    expect(report).toMatchObject({ purged: { sessions: 2 }, kept: { 'within-keep': 1 } });
    expect(report.purgedEarly).toBeUndefined();
  });

  it('never purges early what has lain in the trash for less than it has to, and says what is missing', async () => {
    const path = made();
    const report = await purge(path, { limits: { maxTotalBytes: 1, keepAtLeastMs: 6.5 * DAY_MS } });
    expect(report).toMatchObject({ purged: { sessions: 2 }, kept: { 'within-keep': 1 } });
    expect(report.overLimit).toBeGreaterThan(0);
  });

  it('has no limit reach what is live again', async () => {
    const path = made();
    const sources = [scriptedSource({ planned: [C] })];
    expect(await purge(path, { sources, limits: { maxTotalBytes: 1 } })).toMatchObject({ kept: { live: 1 } });
    expect(trashedIds(path)).toEqual([C]);
  });

  it('has a file of mostly nothing trigger no limit', async () => {
    const path = made();
    truncateSync(join(path, `projects/-srv-app/${D}.jsonl`), 2 ** 42);
    const report = await purge(path, { limits: { maxTotalBytes: 2 ** 24 } });
    expect(report).toMatchObject({ purged: { sessions: 2 } });
    expect(report.purgedEarly).toBeUndefined();
  });

  it('frees as much of the file system as is to be free', async () => {
    const path = made();
    const report = await purge(path, { limits: { minFreeBytes: 2 ** 60 } });
    expect(report).toMatchObject({ purgedEarly: { sessions: 1 } });
    expect(report.overLimit).toBeGreaterThan(0);
  });

  it('finds nothing more to do right after, and the rest when its time has come', async () => {
    const path = made();
    await purge(path);
    expect(await purge(path)).toMatchObject({ purged: { sessions: 0, bytes: 0 } });
    expect(await purge(path, { nowMs: NOW + 2 * DAY_MS })).toMatchObject({ purged: { sessions: 1 } });
    expect(runsOf(path)).toEqual([]);
  });

  it('destroys nothing while the clock stands before the time of the trash', async () => {
    const path = made();
    expect(await purge(path, { nowMs: NOW - 40 * DAY_MS })).toMatchObject({
      purged: { sessions: 0 },
      kept: { 'senseless-time': 3 },
    });
    expect(trashedIds(path)).toEqual([A, B, C]);
  });

  it('makes no trash where there is none', async () => {
    const path = makeClaudeDir(tempDir());
    expect(await purge(path)).toMatchObject({ purged: { sessions: 0, bytes: 0 }, trash: { sessions: 0, bytes: 0 } });
    expect(readdirSync(path)).toEqual(['projects']);
  });

  it('tells how far it is', async () => {
    const progress: unknown[] = [];
    await purge(made(), { context: { onProgress: (step) => progress.push(step) } });
    expect(progress).toEqual([
      { phase: 'purge', done: 0, total: 0 },
      { phase: 'purge', done: 2, total: 2 },
    ]);
  });

  it('removes runs of which nothing is left: all restored, or all kept where they were', async () => {
    const path = made();
    const claudeDir = openClaudeDir(path);
    for (const id of [A, B, C]) openTrash(claudeDir).restore(id, NOW);
    expect(await purge(path)).toMatchObject({ purged: { sessions: 0 }, faults: [] });
    expect(runsOf(path)).toEqual([]);
    expect([...outsideSweeper(snapshot(path)).keys()].filter((file) => file.endsWith('.jsonl'))).toHaveLength(4);
  });
});

describe('a session in the trash that is live again', () => {
  it("is spared where it is pinned in Claude's jobs, by the beginning of its id", async () => {
    const path = made();
    writeAged(join(path, 'jobs/pins.json'), JSON.stringify([A.slice(0, 8)]), NOW);
    const sources = [claudePinsSource(openClaudeDir(path).root, path)];
    expect(await purge(path, { sources })).toMatchObject({ purged: { sessions: 0 }, kept: { live: 3 } });
    expect(trashedIds(path)).toEqual([A, B, C]);
  });

  it('is spared, by any row that names it', async () => {
    const path = made();
    const map = SqliteResumeMap.openOwn(join(tempDir(), 'sessions.db'), { clock: new SetClock(NOW) });
    onTestFinished(() => map.close());
    await map.setSession('forgejo:architect:acme/app:1', A);
    expect(await purge(path, { sources: [resumeMapSource(map)] })).toMatchObject({
      purged: { sessions: 1 },
      kept: { live: 1, 'within-keep': 1 },
    });
    expect(trashedIds(path)).toEqual([A, C]);
  });

  it.each(['live', 'running', 'pinned'] as const)('is spared where it is %s', async (protection) => {
    const path = made();
    await purge(path, { sources: [scriptedSource({ protection, planned: [B] })] });
    expect(trashedIds(path)).toEqual([B, C]);
  });

  it('is spared where that happens between plan and apply', async () => {
    const path = made();
    const sources = [scriptedSource({ planned: [], atTheAct: [A] })];
    expect(await purge(path, { sources })).toMatchObject({ purged: { sessions: 1 }, kept: { live: 1 } });
    expect(trashedIds(path)).toEqual([A, C]);
  });
});

describe('what goes wrong', () => {
  it('with a live source: nothing is destroyed, and the job fails', async () => {
    const path = made();
    const before = snapshot(path);
    const onRead = () => {
      throw new OperatingError('unavailable', 'read live ids: the disk is on fire');
    };
    expect(await purge(path, { sources: [scriptedSource({ onRead })] })).toEqual({
      job: 'purge-trash',
      sources: { 'running-processes': { isUp: false, ids: 0 } },
      faults: [],
      failure: { kind: 'unavailable', message: 'read live ids: the disk is on fire' },
    });
    expect(snapshot(path)).toEqual(before);
  });

  it('with a live source at the act: nothing is destroyed', async () => {
    const path = made();
    const before = trashedIn(snapshot(path));
    const onHold = () => {
      throw new BusyError('hold writers: database is locked');
    };
    const report = await purge(path, { sources: [scriptedSource({ onHold })] });
    expect(report).toMatchObject({ purged: { sessions: 0 }, kept: { busy: 2 } });
    expect(trashedIn(snapshot(path))).toEqual(before);
  });

  it('with a live source in the midst does not hide what was destroyed until then', async () => {
    const paths = [made(), made()];
    let holds = 0;
    const onHold = () => {
      holds += 1;
      if (holds > 1) throw new OperatingError('unavailable', 'read live ids: the disk is on fire');
    };
    const report = await purge(paths, { sources: [scriptedSource({ onHold })] });
    expect(trashedIds(paths[0] ?? '')).toEqual([C]);
    expect(report).toMatchObject({ purged: { sessions: 2, bytes: 200 }, failure: { kind: 'unavailable' } });
  });

  it('with a run is told once, and the other runs are purged', async () => {
    const path = made();
    writeAged(join(trashOf(path), '20250101T000000Z/stray'), 'precious', NOW);
    const report = await purge(path);
    expect(report).toMatchObject({ purged: { sessions: 2 } });
    expect(report.faults).toEqual([{ kind: 'io', message: expect.stringContaining('20250101T000000Z: ENOENT') }]);
    expect(readFileSync(join(trashOf(path), '20250101T000000Z/stray'), 'utf8')).toBe('precious');
  });

  it.skipIf(!canFreeze)('with one session is told, and the others of its run are purged', async () => {
    const path = made();
    freeze(join(oldestManifest(path), `../projects/-srv-app/${A}.jsonl`));
    const report = await purge(path);
    expect(report).toMatchObject({ purged: { sessions: 1, bytes: 100 }, trash: { sessions: 2 } });
    expect(report.faults).toEqual([{ kind: 'io', message: expect.stringContaining('EPERM') }]);
    expect(trashedIds(path)).toEqual([A, C]);
  });

  it('with what is not a run is nothing: it is left alone', async () => {
    const path = made();
    writeFileSync(join(trashOf(path), 'README'), 'precious');
    expect(await purge(path)).toMatchObject({ purged: { sessions: 2 }, faults: [] });
    expect(readFileSync(join(trashOf(path), 'README'), 'utf8')).toBe('precious');
  });
});

describe('what a killed run left behind', () => {
  it('is destroyed where its purge had begun, even before its bytes', async () => {
    const path = made();
    appendFileSync(oldestManifest(path), event('purging', A));
    expect(await purge(path, { sources: [scriptedSource({ planned: [B] })] })).toMatchObject({
      purged: { sessions: 1 },
    });
    expect(trashedIds(path)).toEqual([B, C]);
  });

  it('is spared where it has become live before any of it was destroyed', async () => {
    const path = made();
    appendFileSync(oldestManifest(path), event('purging', A));
    const report = await purge(path, { sources: [scriptedSource({ planned: [A] })] });
    expect(report).toMatchObject({ purged: { sessions: 1 }, kept: { live: 1 } });
    expect(trashedIds(path)).toEqual([A, C]);
    expect(await purge(path)).toMatchObject({ purged: { sessions: 1 } });
  });

  it.each([
    { what: 'its time is not over', nowMs: NOW - 3 * DAY_MS, reason: 'within-keep' },
    { what: 'it lies there since later', nowMs: NOW - 9 * DAY_MS, reason: 'senseless-time' },
  ])('is spared where, by clock and settings of today, $what', async ({ nowMs, reason }) => {
    const path = made();
    appendFileSync(oldestManifest(path), event('purging', A));
    const planned = await purge(path, { nowMs, context: { dryRun: true } });
    expect(planned).toMatchObject({ purged: { sessions: 0 } });
    const report = await purge(path, { nowMs });
    expect(report).toMatchObject({ purged: { sessions: 0 } });
    expect(report.kept).toEqual(planned.kept);
    expect(report.kept?.[reason]).toBeGreaterThanOrEqual(2);
    expect(trashedIds(path)).toEqual([A, B, C]);
    expect(await purge(path)).toMatchObject({ purged: { sessions: 2 } });
  });

  it('is put back, not destroyed, where a prune had moved only a part of it', async () => {
    const path = made();
    const manifest = oldestManifest(path);
    const lines = readFileSync(manifest, 'utf8').split('\n');
    writeFileSync(manifest, lines.filter((line) => !line.includes('"trashed"') || !line.includes(A)).join('\n'));
    renameSync(join(manifest, `../projects/-srv-app/${A}`), join(path, `projects/-srv-app/${A}`));
    expect(await purge(path)).toMatchObject({ purged: { sessions: 1 } });
    expect(existsSync(join(path, `projects/-srv-app/${A}.jsonl`))).toBe(true);
    expect(existsSync(join(path, `projects/-srv-app/${A}/tool-results/1.txt`))).toBe(true);
  });

  it('is counted from when it is found in the trash whole, not from long ago', async () => {
    const path = made();
    const manifest = oldestManifest(path);
    const lines = readFileSync(manifest, 'utf8').split('\n');
    writeFileSync(manifest, lines.filter((line) => !line.includes('"trashed"') || !line.includes(A)).join('\n'));
    expect(await purge(path)).toMatchObject({ purged: { sessions: 1 }, kept: { 'within-keep': 2 } });
    expect(trashedIds(path)).toEqual([A, C]);
  });
});

describe('a session that was written anew under its old name', () => {
  it('keeps its older part in the trash for as long as the newer one stands', async () => {
    const path = made();
    writeAged(join(path, `projects/-srv-app/${A}.jsonl`), 'the tail alone', NOW);
    const before = trashedIn(snapshot(path));
    expect(await purge(path, { context: { dryRun: true } })).toMatchObject({
      purged: { sessions: 1 },
      kept: { recreated: 1 },
    });
    expect(await purge(path)).toMatchObject({ purged: { sessions: 1 }, kept: { recreated: 1 } });
    const after = trashedIn(snapshot(path));
    for (const [file, state] of before) if (file.includes(A)) expect(after.get(file)).toEqual(state);
  });
});

describe('a stop', () => {
  it('ends the session in hand and leaves the others for the next time', async () => {
    const path = made();
    const options = { nowMs: NOW + 30 * DAY_MS };
    expect(await purge(path, { ...options, context: { shouldStop: stopAfter(2) } })).toMatchObject({
      stopped: true,
      purged: { sessions: 1 },
      trash: { sessions: 2 },
    });
    expect(await purge(path, options)).toMatchObject({ purged: { sessions: 2 } });
  });
});

describe('a dry run', () => {
  it('names what the purge then destroys, and changes no byte', async () => {
    const path = made();
    appendFileSync(oldestManifest(path), event('purging', B));
    const before = snapshot(path);
    const sources = [scriptedSource({ planned: [A] })];
    const planned = await purge(path, { sources, context: { dryRun: true } });
    expect(snapshot(path)).toEqual(before);
    const done = await purge(path, { sources });
    expect(planned).toMatchObject({ purged: { sessions: 1, bytes: 100 }, kept: { live: 1, 'within-keep': 1 } });
    expect({ purged: planned.purged, kept: planned.kept }).toEqual({ purged: done.purged, kept: done.kept });
  });

  it('counts what a killed prune left as the purge will find it', async () => {
    const path = made();
    const manifest = oldestManifest(path);
    const lines = readFileSync(manifest, 'utf8').split('\n');
    writeFileSync(manifest, lines.filter((line) => !line.includes('"trashed"') || !line.includes(A)).join('\n'));
    const before = snapshot(path);
    const planned = await purge(path, { context: { dryRun: true } });
    expect(snapshot(path)).toEqual(before);
    const done = await purge(path);
    expect({ purged: planned.purged, kept: planned.kept }).toEqual({ purged: done.purged, kept: done.kept });
  });

  it.each([0, 1])(
    'purges one Claude directory where the trash of another fails, in whatever order (%i)',
    async (ill) => {
      const paths = [made(), made()];
      const sweeper = join(paths[ill] ?? '', 'session-sweeper');
      rmSync(sweeper, { recursive: true });
      writeFileSync(sweeper, '');
      const report = await purge(paths);
      expect(trashedIds(paths[1 - ill] ?? '')).toEqual([C]);
      expect(report).toMatchObject({ purged: { sessions: 2 }, incomplete: true });
      expect(report.failure).toBeUndefined();
      expect(report.faults).toEqual([{ kind: 'io', message: expect.stringContaining(paths[ill] ?? '') }]);
    },
  );

  it('leaves what a killed run left behind as it is', async () => {
    const path = made();
    appendFileSync(oldestManifest(path), event('restoring', A));
    const before = snapshot(path);
    await purge(path, { context: { dryRun: true } });
    expect(snapshot(path)).toEqual(before);
  });
});

describe.skipIf(!canMount)('what is mounted in the trash', () => {
  it.each([
    { what: 'a directory of the same file system', mount: 'mount --bind "$2" "$3"' },
    { what: 'another file system', mount: 'mount -t tmpfs tmpfs "$3"; cp "$2/precious" "$3/precious"' },
  ])('is not entered: $what', ({ mount }) => {
    const path = made();
    const outside = tempDir();
    writeFileSync(join(outside, 'precious'), 'precious');
    const point = join(trashOf(path), runsOf(path)[0] ?? '', `projects/-srv-app/${A}/tool-results`);
    const script = `${mount}; "$NODE" "$PROGRAM" purge "$1" ${NOW}; ls "$3"`;
    const output = inMountNamespace(script, 'run-job', path, outside, point);
    expect(output.split('\n').slice(1)).toEqual(['precious', '']);
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('precious');
  });
});

describe('a live source that names hardly anybody any more', () => {
  const knownIds = (source: string) =>
    source === 'resume-map' ? { ids: 100, droppedOnPurpose: 0, readAtMs: 0 } : undefined;
  const guards = guardsBy(
    { knownSessions: () => undefined, massNoticedAtMs: () => undefined, knownIds },
    { mapIdentity: undefined, massPortion: 1, clock: new SetClock(NOW) },
  );
  const emptied = [scriptedSource({ name: 'resume-map' })];

  it('is not believed: what it had named may lie here', async () => {
    const path = made();
    const before = snapshot(path);
    const report = await purge(path, { sources: emptied, guards });
    expect(report).toEqual({
      job: 'purge-trash',
      sources: { 'resume-map': { isUp: true, ids: 0, answeredAtMs: NOW } },
      faults: [],
      held: [expect.objectContaining({ guard: 'emptied-source' })],
    });
    expect(trashedIn(snapshot(path))).toEqual(trashedIn(before));
  });

  it('is told in a dry run, which shows what would go all the same', async () => {
    const report = await purge(made(), { sources: emptied, guards, context: { dryRun: true } });
    expect(report).toMatchObject({ purged: { sessions: 2 }, held: [{ guard: 'emptied-source' }], faults: [] });
  });

  it('is believed where an operator has said so', async () => {
    expect(await purge(made(), { sources: emptied })).toMatchObject({ purged: { sessions: 2 }, faults: [] });
  });
});

describe('a session of which only a part lay in the trash when a killed purge had marked it', () => {
  it('is spared when it is live again: nothing of it has been destroyed', async () => {
    const path = made();
    const trash = openTrash(openClaudeDir(path));
    const [session] = trash.contents().sessions.filter(({ sessionId }) => sessionId === A);
    if (session === undefined) throw new Error('not in the trash');
    const inRun = (relative: string) => join(path, 'session-sweeper/trash', session.run, relative);
    // Its companions had to stay where they were.
    renameSync(inRun(`projects/-srv-app/${A}`), join(path, `projects/-srv-app/${A}`));
    const run = trash.openForPurge(session.run, NOW, { dryRun: false });
    run?.mark(run.find([session]), [], NOW);
    run?.close();
    const report = await purge(path, { sources: [scriptedSource({ planned: [A] })] });
    expect(report.kept).toMatchObject({ live: 1 });
    expect(readFileSync(inRun(`projects/-srv-app/${A}.jsonl`), 'utf8')).toBe('x'.repeat(50));
  });
});

describe.skipIf(!canMount)('on a disk that is full to the last byte', () => {
  it('frees space all the same', () => {
    const path = made();
    const full = tempDir();
    // A full page: without a new one there is no room for a mark.
    const pad = `m="$2/session-sweeper/trash/${runsOf(path)[0]}/manifest.jsonl"; while [ $(($(stat -c %s "$m") % 4096)) != 0 ]; do echo >> "$m"; done`;
    const output = inMountNamespace(
      `mount -t tmpfs -o size=4m tmpfs "$2"; cp -a "$1/." "$2/"; ${pad}
       dd if=/dev/zero of="$2/fill" bs=4k status=none 2>/dev/null || true
       "$NODE" "$PROGRAM" purge "$2" ${NOW}; ls "$2/session-sweeper/trash"`,
      'run-job',
      path,
      full,
    );
    const [report, ...runs] = output.trimEnd().split('\n');
    expect(JSON.parse(report ?? '')).toMatchObject({ purged: { sessions: 2, bytes: 200 }, faults: [] });
    expect(runs).toEqual(runsOf(path).slice(1));
  });
});
