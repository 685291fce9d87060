import { appendFileSync, existsSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BusyError, OperatingError } from '../../../src/errors.ts';
import type { RemovalRecorder } from '../../../src/jobs/ledger-contracts.ts';
import type { LiveSource } from '../../../src/live-sources/live-source.ts';
import { resumeMapSource } from '../../../src/live-sources/resume-map-source.ts';
import { outsideSweeper, snapshot, trashedIn } from '../../support/disk.ts';
import { pacerOf } from '../../support/hold-pacers.ts';
import { stopAfter } from '../../support/job-context.ts';
import { type Script, scriptedSource } from '../../support/scripted-source.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { DAY_MS, writeAged } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { A, B, C, expiredSessions, left, openMap, prune, transcriptOf, trashedIds } from './pruning.ts';

describe('Applying the plan of a prune', () => {
  const duringHold = (change: (path: string) => void) => (path: string) => {
    let changed = false;
    return scriptedSource({
      onHold: () => {
        if (!changed) change(path);
        changed = true;
      },
    });
  };

  it('keeps a transcript whose row appears between plan and apply', async () => {
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

  it('keeps a session that any source names by then', async () => {
    const path = expiredSessions();
    const sources = [scriptedSource({ atTheAct: [A] }), scriptedSource({ protection: 'pinned', atTheAct: [C] })];
    expect(await prune(path, { sources })).toMatchObject({ removed: { sessions: 1 }, kept: { live: 2 } });
    expect(left(path)).toEqual([A, C]);
  });

  it('keeps a session that no source names any more until the next run', async () => {
    const path = expiredSessions();
    const source = scriptedSource({ planned: [B], atTheAct: [] });
    expect(await prune(path, { sources: [source] })).toMatchObject({ kept: { live: 1 } });
    expect(left(path)).toEqual([B]);
  });

  it('keeps a session whose transcript grows between plan and apply', async () => {
    const path = expiredSessions();
    const source = duringHold((at) => appendFileSync(join(at, transcriptOf(B)), 'more'))(path);
    expect(await prune(path, { sources: [source] })).toMatchObject({ removed: { sessions: 2 }, kept: { changed: 1 } });
    expect(left(path)).toEqual([B]);
  });

  it('keeps a session of which a companion grows between plan and apply', async () => {
    const path = expiredSessions();
    const source = duringHold((at) => appendFileSync(join(at, `file-history/${B}/a@v1`), 'more'))(path);
    expect(await prune(path, { sources: [source] })).toMatchObject({ removed: { sessions: 2 }, kept: { changed: 1 } });
    expect(left(path)).toEqual([B]);
  });

  it('passes over a session that vanishes between plan and apply', async () => {
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
  ])('keeps the sessions of a project directory that becomes $what, and takes the others', async ({ make }) => {
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

  it('removes nothing and fails where one live source cannot be read any more at the act', async () => {
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

  it('stops where the ledger fails, and what was moved by then can be restored', async () => {
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
});

describe('Holding the writers of the map back during a prune', () => {
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
  ])(
    'skips and counts the batches of a busy map, and ends the run after three in a row: $batches',
    async (expected) => {
      const path = expiredSessions(expected.batches.length * 16);
      const script = withBatches(expected.batches);
      const report = await prune(path, { sources: [scriptedSource(script)] });
      expect(report).toMatchObject({ removed: { sessions: expected.removed }, kept: { busy: expected.busy } });
      expect(report.failure?.kind).toBe(expected.failed ? 'unavailable' : undefined);
      expect(script.holds()).toBe(expected.holds);
      expect(left(path)).toHaveLength(expected.busy);
      expect(trashedIds(path)).toHaveLength(expected.removed);
    },
  );

  it('takes fewer sessions at a time on a slow disk, and loses none of them', async () => {
    const path = expiredSessions(20);
    const batches: number[] = [];
    const source = scriptedSource({ onHold: (ids) => batches.push(ids.length) });
    expect(await prune(path, { sources: [source], pacer: pacerOf(2) })).toMatchObject({
      removed: { sessions: 20 },
      faults: [],
    });
    // How many fit is another number where the native part moves a few in one call.
    expect(batches[0]).toBe(16);
    expect(batches.length).toBeGreaterThan(2);
    expect(batches).toEqual(batches.toSorted((left, right) => right - left));
    expect(trashedIds(path)).toHaveLength(20);
  });

  it('takes as many sessions at a time on a fast disk as the time allows', async () => {
    const path = expiredSessions(120);
    const batches: number[] = [];
    const source = scriptedSource({ onHold: (ids) => batches.push(ids.length) });
    expect(await prune(path, { sources: [source], pacer: pacerOf(1 / 64) })).toMatchObject({
      removed: { sessions: 120 },
      faults: [],
    });
    expect(batches.slice(0, 3)).toEqual([16, 32, 64]);
    expect(trashedIds(path)).toHaveLength(120);
  });
});

describe('Stopping a prune', () => {
  it('leaves everything as it is while looking', async () => {
    const path = expiredSessions();
    const before = outsideSweeper(snapshot(path));
    expect(await prune(path, { context: { shouldStop: stopAfter(1) } })).toMatchObject({ stopped: true });
    expect(outsideSweeper(snapshot(path))).toEqual(before);
    expect(readdirSync(join(path, 'session-sweeper/trash'))).toEqual([]);
  });

  it('ends the batch in hand while moving, keeps count, and the next run goes on', async () => {
    const path = expiredSessions(50);
    let stop = false;
    const source = scriptedSource({
      onHold: () => {
        stop = true;
      },
    });
    const stopped = await prune(path, { sources: [source], context: { shouldStop: async () => stop } });
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
    await prune(paths, { sources: [source], context: { shouldStop: async () => stop } });
    expect(readdirSync(paths[1])).not.toContain('session-sweeper');
  });
});
