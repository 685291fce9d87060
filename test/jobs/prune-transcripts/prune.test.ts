import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { acquireDirLock } from '../../../src/claude-dir/dir-lock.ts';
import type { SessionId } from '../../../src/claude-dir/session-id.ts';
import type { JobContext } from '../../../src/jobs/job.ts';
import type { PruneReport } from '../../../src/jobs/report.ts';
import { Ledger } from '../../../src/ledger/ledger.ts';
import { KeepList } from '../../../src/live-sources/keep-list.ts';
import { resumeMapSource } from '../../../src/live-sources/resume-map-source.ts';
import { runningProcessesSource } from '../../../src/live-sources/running-processes.ts';
import { SqliteResumeMap } from '../../../src/resume-map/sqlite.ts';
import { outsideSweeper, snapshot, trashedIn } from '../../support/disk.ts';
import { openClaudeDir } from '../../support/opened.ts';
import { HERE, otherMachine } from '../../support/other-machine.ts';
import { scriptedSource } from '../../support/scripted-source.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { trashSessions } from '../../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, makeTree, sessionIdOf, writeAged } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { A, B, C, expiredSessions, insertRows, left, MAX_AGE_MS, openMap, prune, transcriptOf } from './pruning.ts';

describe('A prune of transcripts', () => {
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
      const record = { sessionId, procStart: '7', pidDomain: HERE };
      writeAged(join(path, `sessions/${index + 1}.json`), JSON.stringify(record), NOW);
    }
    const before = snapshot(path);
    const claudeDir = openClaudeDir(path);
    const processes = otherMachine({ running: Object.fromEntries(running.map((_, index) => [index + 1, '7'])) });
    const sources = [
      resumeMapSource(map),
      keepList.asLiveSource(),
      runningProcessesSource(claudeDir.root, path, { processes }),
    ];
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

  it('makes no folder in the trash where nothing goes', async () => {
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

  it('keeps sessions whose times make no sense', async () => {
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

  it('removes the oldest over the size cap, by what they take of the disk, and left-over companions as orphans', async () => {
    const path = makeClaudeDir(tempDir());
    makeSession(path, { id: A, ageMs: 5 * DAY_MS, content: 'x'.repeat(600) }, NOW);
    makeSession(path, { id: B, ageMs: 4 * DAY_MS, content: 'x'.repeat(600) }, NOW);
    const orphan = { hasTranscript: false, elsewhere: [`debug/${C}.txt`], content: 'x'.repeat(10) };
    makeSession(path, { id: C, ageMs: 50 * DAY_MS, ...orphan }, NOW);
    expect(await prune(path, { settings: { maxTotalBytes: 10_000 } })).toMatchObject({
      observed: { sessions: 3, orphans: 1, bytes: 1_210 },
      removed: {
        byReason: { expired: 0, 'over-size': 1, orphan: 1 },
        bytesByReason: { expired: 0, 'over-size': 600, orphan: 10 },
      },
    });
    expect(left(path)).toEqual([B]);
  });

  it('tells what each project holds, and which sessions are largest and oldest', async () => {
    const path = makeClaudeDir(tempDir());
    for (let number = 1; number <= 8; number += 1) {
      const project = number <= 6 ? '-srv-a' : '-srv-b';
      const shape = { id: sessionIdOf(number), project, ageMs: number * DAY_MS, content: 'x'.repeat(number) };
      makeSession(path, shape, NOW);
    }
    const { projects, largest, oldest } = await prune(path);
    expect(projects?.toSorted((one, other) => one.bytes - other.bytes)).toMatchObject([
      { project: '-srv-b', sessions: 2, bytes: 15, lastUsedMs: NOW - 7 * DAY_MS },
      { project: '-srv-a', sessions: 6, bytes: 21, lastUsedMs: NOW - DAY_MS },
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

/** As a kill leaves it that comes after so many lines. */
function cutManifest(trashRun: string, lines: number): void {
  const manifest = join(trashRun, 'manifest.jsonl');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').split('\n').slice(0, lines).join('\n'));
}

function restoring(sessionId: SessionId): string {
  return `${JSON.stringify({ type: 'restoring', at: new Date(NOW).toISOString(), sessionId })}\n`;
}

describe('A dry run of a prune', () => {
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

  it('leaves what a killed run left half-moved as it is', async () => {
    const path = expiredSessions();
    const run = trashSessions(path, [B], NOW - DAY_MS);
    const manifest = join(path, 'session-sweeper/trash', run, 'manifest.jsonl');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').split('\n').slice(0, 2).join('\n'));
    const before = snapshot(path);
    expect(await prune(path, { context: { dryRun: true } })).toMatchObject({ removed: { sessions: 2 } });
    expect(snapshot(path)).toEqual(before);
  });

  it.each<{ what: string; leave: (trashRun: string, path: string) => void }>([
    {
      what: 'a run in the trash that cannot be read',
      leave: (trashRun) => rmSync(join(trashRun, 'manifest.jsonl')),
    },
    {
      what: 'a session that a killed run had moved in part',
      leave: (trashRun, path) => {
        cutManifest(trashRun, 2);
        renameSync(join(trashRun, `file-history/${B}`), join(path, `file-history/${B}`));
      },
    },
    { what: 'a session that a killed run had moved whole', leave: (trashRun) => cutManifest(trashRun, 2) },
    {
      what: 'a restore that was killed before it moved anything',
      leave: (trashRun) => appendFileSync(join(trashRun, 'manifest.jsonl'), restoring(B)),
    },
    {
      what: 'a restore that was killed in the midst, while another took the name of its transcript',
      leave: (trashRun, path) => {
        appendFileSync(join(trashRun, 'manifest.jsonl'), restoring(B));
        renameSync(join(trashRun, `file-history/${B}`), join(path, `file-history/${B}`));
        writeAged(join(path, transcriptOf(B)), 'written anew', NOW - 2 * DAY_MS);
      },
    },
    {
      what: 'a run that was killed before its manifest was there',
      leave: (trashRun) => mkdirSync(join(dirname(trashRun), '20250101T000000Z/projects'), { recursive: true }),
    },
  ])('plans as the run does beside $what', async ({ leave }) => {
    const path = expiredSessions();
    writeAged(join(path, `file-history/${sessionIdOf(9)}/a@v1`), 'left over', NOW - 40 * DAY_MS);
    leave(join(path, 'session-sweeper/trash', trashSessions(path, [B], NOW - DAY_MS)), path);
    const before = snapshot(path);
    const planned = await prune(path, { context: { dryRun: true } });
    expect(snapshot(path)).toEqual(before);
    const done = await prune(path);
    const told = ({ observed, removed, kept, reconciled, faults, projects }: PruneReport) => {
      return {
        observed,
        removed,
        kept,
        reconciled,
        faults,
        projects: projects?.toSorted((one, other) => one.bytes - other.bytes),
      };
    };
    expect(told(planned)).toEqual(told(done));
  });

  it('names exactly the sessions that the run then removes', async () => {
    const path = tempDir();
    const made = makeTree(path, { sessions: 100, seed: 13, nowMs: NOW });
    const options = {
      sources: [scriptedSource({ planned: made.slice(0, 20).map(({ id }) => id) })],
      settings: { keepLast: 3, maxTotalBytes: 30_000, projects: [{ match: '*-1', maxAge: 'never' as const }] },
    };
    const planned = await prune(path, { ...options, context: { dryRun: true } });
    const done = await prune(path, options);
    expect(planned.removedSessions?.length).toBeGreaterThan(10);
    const byId = (report: PruneReport) =>
      report.removedSessions?.toSorted((one, other) => (one.sessionId < other.sessionId ? -1 : 1));
    expect(byId(planned)).toEqual(byId(done));
    expect(planned.removed).toEqual(done.removed);
    expect(planned.kept).toEqual(done.kept);
  });
});
