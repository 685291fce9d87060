import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OperatingError } from '../../../src/errors.ts';
import type { RemovalRecord, RemovalRecorder } from '../../../src/jobs/ledger-contracts.ts';
import { Ledger } from '../../../src/ledger/ledger.ts';
import { runningProcessesSource } from '../../../src/live-sources/running-processes.ts';
import { outsideSweeper, snapshot, trashedIn } from '../../support/disk.ts';
import { openClaudeDir, openTrash } from '../../support/opened.ts';
import { scriptedSource } from '../../support/scripted-source.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { trashSessions } from '../../support/trashed.ts';
import { DAY_MS, sessionIdOf, writeAged } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { A, B, C, expiredSessions, left, prune } from './pruning.ts';

describe('What a prune looks at first', () => {
  it('keeps a session in all Claude directories that is live in one of them', async () => {
    const paths = [expiredSessions(), expiredSessions()];
    writeAged(join(paths[0] ?? '', 'sessions/1.json'), JSON.stringify({ sessionId: B }), NOW);
    const sources = paths.map((path) => runningProcessesSource(openClaudeDir(path).root, path));
    expect(await prune(paths, { sources })).toMatchObject({ kept: { running: 2 }, removed: { sessions: 4 } });
    expect(paths.map(left)).toEqual([[B], [B]]);
  });

  it.each(['live', 'running', 'pinned'] as const)('keeps a session that a source names as %s', async (protection) => {
    const path = expiredSessions();
    const report = await prune(path, { sources: [scriptedSource({ protection, planned: [B] })] });
    expect(report).toMatchObject({ kept: { [protection]: 1 }, transcripts: { live: { sessions: 1 } } });
    expect(left(path)).toEqual([B]);
  });

  it('removes nothing and fails where one live source cannot be read', async () => {
    const path = expiredSessions();
    const before = snapshot(path);
    const onRead = () => {
      throw new OperatingError('unavailable', 'read live ids: the disk is on fire');
    };
    const sources = [scriptedSource({ name: 'bot', planned: [A] }), scriptedSource({ name: 'other', onRead })];
    expect(await prune(path, { sources })).toEqual({
      job: 'prune-transcripts',
      sources: { bot: { isUp: true, ids: 1, answeredAtMs: NOW }, other: { isUp: false, ids: 0 } },
      faults: [],
      failure: { kind: 'unavailable', message: 'read live ids: the disk is on fire' },
    });
    expect(snapshot(path)).toEqual(before);
  });

  it('is stopped, and has not failed, where it was told to stop while a source was asked', async () => {
    const path = expiredSessions();
    const onRead = () => {
      throw new OperatingError('unavailable', 'the run is to stop');
    };
    const context = { shouldStop: async () => true };
    const report = await prune(path, { sources: [scriptedSource({ onRead })], context });
    expect(report).toEqual({ job: 'prune-transcripts', faults: [], stopped: true });
  });

  it('makes a session whole that a killed run left half-moved, and then takes it as a whole', async () => {
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

  it('makes a session whole that a killed run left half-moved, and keeps it where it is live by now', async () => {
    const path = expiredSessions();
    const before = outsideSweeper(snapshot(path));
    const run = trashSessions(path, [B], NOW - DAY_MS);
    const manifest = join(path, 'session-sweeper/trash', run, 'manifest.jsonl');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').split('\n').slice(0, 2).join('\n'));
    renameSync(join(dirname(manifest), `file-history/${B}`), join(path, `file-history/${B}`));
    await prune(path, { sources: [scriptedSource({ planned: [A, B, C] })] });
    expect(outsideSweeper(snapshot(path))).toEqual(before);
  });

  it('tells what cannot be read once a kind, with a few names', async () => {
    const path = expiredSessions(6);
    for (let number = 1; number <= 5; number += 1) symlinkSync(tempDir(), join(path, `place-${number}`));
    for (const [index, place] of ['session-env', 'tasks', 'image-cache', 'uploads', 'debug'].entries()) {
      symlinkSync(join(path, `place-${index + 1}`), join(path, place));
    }
    const { faults, removed, kept } = await prune(path);
    expect(faults).toEqual([
      { kind: 'io', message: expect.stringMatching(/^read session-env, tasks, image-cache and 2 more: /) },
    ]);
    expect({ removed: removed?.sessions, kept }).toEqual({ removed: 6, kept: {} });
  });

  it('tells of a trash folder that cannot be read, and removes all the same', async () => {
    const path = expiredSessions();
    writeAged(join(path, 'session-sweeper/trash/20260101T000000Z/stray'), 'precious', NOW);
    const report = await prune(path);
    expect(report).toMatchObject({ removed: { sessions: 3 } });
    expect(report.faults).toEqual([{ kind: 'io', message: 'read the trash folder 20260101T000000Z: ENOENT' }]);
    expect(readFileSync(join(path, 'session-sweeper/trash/20260101T000000Z/stray'), 'utf8')).toBe('precious');
  });

  it('tells of a trash folder that cannot be read any more as it is counted at the end', async () => {
    const path = expiredSessions();
    const run = trashSessions(path, [B], NOW - DAY_MS);
    const recorder: RemovalRecorder = {
      recordRemovals: () => rmSync(join(path, 'session-sweeper/trash', run, 'manifest.jsonl'), { force: true }),
    };
    const report = await prune(path, { recorder });
    expect(report.removed?.sessions).toBe(2);
    expect(report.faults).toEqual([{ kind: 'io', message: `read the trash folder ${run}: ENOENT` }]);
  });

  it('keeps what looks left over while a trash folder, which may hold its transcript, cannot be read', async () => {
    const path = expiredSessions();
    const orphan = sessionIdOf(9);
    writeAged(join(path, `file-history/${orphan}/a@v1`), 'kept', NOW - 40 * DAY_MS);
    writeAged(join(path, 'session-sweeper/trash/20260101T000000Z/stray'), 'precious', NOW);
    expect(await prune(path)).toMatchObject({ removed: { sessions: 3 }, kept: { 'projects-unreadable': 1 } });
    rmSync(join(path, 'session-sweeper/trash/20260101T000000Z'), { recursive: true });
    expect(await prune(path)).toMatchObject({ removed: { sessions: 1, byReason: { orphan: 1 } } });
  });
});

describe('Folders that lie in the trash before a prune', () => {
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
    return { ledger, options: { recorder, trashCache: ledger }, recorded };
  };
  const IN_TRASH = { sessions: 3, bytes: 720 };

  it('are not read and recorded once more by the next prune', async () => {
    const path = expiredSessions();
    const { options, recorded } = withMemory();
    expect((await prune(path, options)).trash).toEqual(IN_TRASH);
    expect(recorded.splice(0).toSorted()).toEqual([A, B, C]);
    expect((await prune(path, options)).trash).toEqual(IN_TRASH);
    expect(recorded).toEqual([]);
  });

  it('are read where the ledger was lost, and not again then', async () => {
    const path = expiredSessions();
    await prune(path);
    const { options, recorded } = withMemory();
    for (let run = 0; run < 2; run += 1) expect((await prune(path, options)).trash).toEqual(IN_TRASH);
    expect(recorded.toSorted()).toEqual([A, B, C]);
  });

  it('are read again where their manifest has changed', async () => {
    const path = expiredSessions();
    const { options, recorded } = withMemory();
    await prune(path, options);
    recorded.splice(0);
    openTrash(openClaudeDir(path)).restore(B, NOW);
    const settings = { maxAge: 'never' } as const;
    expect((await prune(path, { ...options, settings })).trash).toEqual({ sessions: 2, bytes: 480 });
    expect(recorded.toSorted()).toEqual([A, C]);
  });

  it('are forgotten where they are gone', async () => {
    const path = expiredSessions();
    const { options, ledger } = withMemory();
    await prune(path, options);
    expect(ledger.knownFolders(path).size).toBe(1);
    rmSync(join(path, 'session-sweeper/trash'), { recursive: true });
    expect((await prune(path, options)).trash).toEqual({ sessions: 0, bytes: 0 });
    expect(ledger.knownFolders(path).size).toBe(0);
  });

  it('are not called known where not all of them was recorded', async () => {
    const path = expiredSessions();
    const { ledger, options } = withMemory();
    const recorder: RemovalRecorder = {
      recordRemovals: () => {
        throw new OperatingError('io', 'record removals: the disk is full');
      },
    };
    await prune(path, { ...options, recorder });
    expect(ledger.knownFolders(path)).toEqual(new Map());
    expect((await prune(path, options)).trash).toEqual(IN_TRASH);
  });
});
