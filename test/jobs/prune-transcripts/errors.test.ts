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
import { DAY_MS } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { A, B, C, expiredSessions, left, prune, transcriptOf, trashedIds } from './pruning.ts';

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

  it('keeps and names each session that has a companion on another file system by then, whole', () => {
    const path = expiredSessions();
    rmSync(join(path, `file-history/${C}`), { recursive: true });
    const before = outsideSweeper(snapshot(path));
    const mount = 'mount --bind "$1/file-history" "$1/file-history"';
    const report = runJob(`${PRUNE} '${mount.replaceAll('$1', path)}'`, path);
    expect(report).toMatchObject({
      removed: { sessions: 1 },
      kept: { unmovable: 2 },
      faults: [B, A].map((id) => ({ message: expect.stringContaining(`EXDEV: ${path}/file-history/${id} `) })),
    });
    const after = snapshot(path);
    expect(new Map([...outsideSweeper(after), ...trashedIn(after)])).toEqual(before);
    expect(left(path)).toEqual([A, B]);
  });

  // Of the image, with a directory of its own for one session; then written in the container: the other file system.
  const OVERLAY = `
    mkdir "$2/image" "$2/container" "$2/claude"
    mount -t tmpfs tmpfs "$2/image"; mount -t tmpfs tmpfs "$2/container"; mkdir "$2/container/upper" "$2/container/work"
    cp -a "$1/." "$2/image/"
    mount -t overlay -o "lowerdir=$2/image,upperdir=$2/container/upper,workdir=$2/container/work" overlay "$2/claude"`;
  const PRUNE_OVERLAY = `"$NODE" "$PROGRAM" prune "$2/claude" ${NOW}`;

  it('takes sessions from both layers of an overlay, and keeps the one with a directory that no rename leads from', () => {
    const path = expiredSessions();
    for (const id of [A, C]) rmSync(join(path, `file-history/${id}`), { recursive: true });
    const scratch = tempDir();
    const output = inMountNamespace(
      `${OVERLAY}
       printf more >> "$2/claude/${transcriptOf(C)}"; touch -d @${(NOW - 40 * DAY_MS) / 1_000} "$2/claude/${transcriptOf(C)}"
       ${PRUNE_OVERLAY}; cd "$2/claude"; find projects file-history session-sweeper/trash -name '*.jsonl' -o -name '*@v1'`,
      'run-job',
      path,
      scratch,
    );
    const [json = '', ...files] = output.trimEnd().split('\n');
    expect(JSON.parse(json)).toMatchObject({
      removed: { sessions: 2 },
      kept: { unmovable: 1 },
      faults: [{ message: expect.stringMatching(new RegExp(`EXDEV: .*/file-history/${B} .*, mv `)) }],
    });
    const inPlace = files.filter((file) => !file.startsWith('session-sweeper/'));
    expect(inPlace.sort()).toEqual([`file-history/${B}/a@v1`, transcriptOf(B)]);
    const trashed = files.map((file) => file.replace(/^session-sweeper\/trash\/[^/]+\//, '!'));
    expect(trashed).toEqual(expect.arrayContaining([`!${transcriptOf(A)}`, `!${transcriptOf(C)}`]));
  });

  it('takes nothing of a session that has a mount in it, in an overlay either, and be it a file of the same layer', () => {
    const path = expiredSessions();
    for (const id of [A, B, C]) rmSync(join(path, `file-history/${id}`), { recursive: true });
    const bindLate = 'mount --bind "$2/container/upper/other" "$2/claude/FILE"'.replace('FILE', transcriptOf(A));
    const scratch = tempDir();
    const output = inMountNamespace(
      `${OVERLAY}
       touch -d @${(NOW - 40 * DAY_MS) / 1_000} "$2/container/upper/other"
       ${PRUNE_OVERLAY} '${bindLate.replaceAll('$2', scratch)}'; umount "$2/claude/${transcriptOf(A)}"; ls "$2/claude/projects"/*`,
      'run-job',
      path,
      scratch,
    );
    const [json = '', ...names] = output.trimEnd().split('\n');
    expect(JSON.parse(json)).toMatchObject({ removed: { sessions: 2 }, kept: { 'other-filesystem': 1 } });
    expect(names).toEqual([`${A}.jsonl`]);
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
      what: 'the manifest, neither in blocks nor in names',
      room: 'size=4m,nr_inodes=$(($(find "$1" | wc -l) + 12))',
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
