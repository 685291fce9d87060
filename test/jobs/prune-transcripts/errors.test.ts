import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { OperatingError } from '../../../src/errors.ts';
import type { PruneReport } from '../../../src/jobs/report.ts';
import { outsideSweeper, snapshot, trashedIn } from '../../support/disk.ts';
import { canFreeze, freeze } from '../../support/freeze.ts';
import { canMount, inMountNamespace, programPath } from '../../support/mount-namespace.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { NOW } from '../../support/units.ts';
import { B, expiredSessions, left, prune, transcriptOf, trashedIds } from './pruning.ts';

describe('A prune that meets with an error', () => {
  it.skipIf(!canFreeze)('takes the other sessions where one cannot be moved', async () => {
    const path = expiredSessions();
    freeze(join(path, transcriptOf(B)));
    const report = await prune(path);
    expect(report).toMatchObject({ removed: { sessions: 2 }, kept: { unmovable: 1 } });
    expect(report.faults).toEqual([{ kind: 'io', message: expect.stringMatching(new RegExp(`${B}.*EPERM`)) }]);
    expect(report.failure).toBeUndefined();
    expect(left(path)).toEqual([B]);
    expect(existsSync(join(path, `file-history/${B}/a@v1`))).toBe(true);
  });

  it('takes the other sessions where one is in doubt, and leaves that one', async () => {
    const path = expiredSessions();
    rmSync(join(path, transcriptOf(B)));
    symlinkSync('/nonexistent', join(path, transcriptOf(B)));
    expect(await prune(path)).toMatchObject({ removed: { sessions: 2 }, kept: { unrecognised: 1 } });
    expect(existsSync(join(path, `file-history/${B}/a@v1`))).toBe(true);
  });

  it.each([0, 1])(
    'prunes one Claude directory where the trash of another fails, in whatever order (%i)',
    async (ill) => {
      const paths = [expiredSessions(), expiredSessions()];
      writeFileSync(join(paths[ill] ?? '', 'session-sweeper'), '');
      const report = await prune(paths);
      expect(trashedIds(paths[1 - ill] ?? '')).toHaveLength(3);
      expect(report).toMatchObject({ removed: { sessions: 3 }, incomplete: true });
      expect(report.failure).toBeUndefined();
      expect(report.faults).toEqual([{ kind: 'io', message: expect.stringContaining(paths[ill] ?? '') }]);
    },
  );

  it('fails where no Claude directory can be worked in', async () => {
    const paths = [expiredSessions(), expiredSessions()];
    for (const path of paths) writeFileSync(join(path, 'session-sweeper'), '');
    expect(await prune(paths)).toMatchObject({
      removed: { sessions: 0 },
      failure: { kind: 'io', message: expect.stringContaining(paths[0] ?? '') },
      faults: [{ kind: 'io', message: expect.stringContaining(paths[1] ?? '') }],
    });
  });

  it('ends the whole run where the ledger takes no record, and begins no other directory', async () => {
    const paths = [expiredSessions(), expiredSessions()] as const;
    const recordRemovals = () => {
      throw new OperatingError('io', 'record removals: the disk is full');
    };
    const report = await prune(paths, { recorder: { recordRemovals } });
    expect(report.failure).toEqual({ kind: 'io', message: 'record removals: the disk is full' });
    expect(trashedIds(paths[0])).toHaveLength(3);
    expect(left(paths[1])).toHaveLength(3);
  });

  it.skipIf(spawnSync('prlimit', ['--version']).status !== 0)(
    'leaves each session whole, and tells of it if it is gone, wherever the descriptors run out',
    async () => {
      const failures = new Set<unknown>();
      const pruneWith = async (descriptors: number) => {
        const path = expiredSessions();
        const before = outsideSweeper(snapshot(path));
        const limit = `prlimit --pid $PPID --nofile=${descriptors}`;
        const args = [programPath('run-job'), 'prune', path, String(NOW), limit];
        const { stdout } = await promisify(execFile)(process.execPath, args);
        const report = JSON.parse(stdout) as PruneReport & { rejected?: string };
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
});

describe.skipIf(!canMount)('A prune on a file system in trouble', () => {
  const runJob = (script: string, ...args: readonly string[]) =>
    JSON.parse(inMountNamespace(script, 'run-job', ...args)) as PruneReport & { rejected?: string };
  const PRUNE = `"$NODE" "$PROGRAM" prune "$1" ${NOW}`;

  it('ends the run where the trash is on another file system, and copies and unlinks nothing', () => {
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

  it('ends the run where a companion is on another file system by then, and leaves the session whole', () => {
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

  it('fails on a read-only file system and leaves it as it was', () => {
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
      room: 'size=4m,nr_inodes=$(($(find "$1" | wc -l) + 6))',
      fill: 'true',
      end: { held: [{ guard: 'free-space', message: expect.stringContaining('inodes are free') }] },
    },
    {
      what: 'the manifest',
      room: 'size=4m',
      fill: 'dd if=/dev/zero of="$2/fill" bs=4k status=none 2>/dev/null || true',
      end: {
        held: [{ guard: 'free-space', message: expect.stringContaining('purge the trash or free some space first') }],
      },
    },
  ])('ends the run where there is no room for $what, and leaves all where it was', ({ room, fill, end }) => {
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
    expect(JSON.parse(report ?? '')).toMatchObject({ removed: { sessions: 0 }, ...end });
    const before = execFileSync('sh', [
      '-c',
      `cd "$1"; find projects file-history -type f -printf '%p %s %T@\\n' | sort`,
      'sh',
      path,
    ]);
    expect(files).toEqual(String(before).trimEnd().split('\n'));
  });
});
