import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ClaudeDir } from '../../src/claude-dir/claude-dir.ts';
import { acquireDirLock } from '../../src/claude-dir/dir-lock.ts';
import { WorkerLocks } from '../../src/daemon/worker-locks.ts';
import { Trash } from '../../src/trash/trash.ts';
import { cli } from '../cli/cli-here.ts';
import { canMount, inMountNamespace } from '../support/mount-namespace.ts';
import { openClaudeDir } from '../support/opened.ts';
import { scanned } from '../support/scanned.ts';
import { takeUnit } from '../support/taken.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';

const [OLD, YOUNG] = [sessionIdOf(1), sessionIdOf(2)];

/** A directory whose `projects/` leads to `disk/transcripts`, with an old session and a young one. */
function linked() {
  const directory = tempDir();
  const [disk, target] = [join(directory, 'disk'), join(directory, 'disk/transcripts')];
  mkdirSync(target, { recursive: true });
  const home = linkTo(target, join(directory, 'home'));
  makeSession(home, { id: OLD, ageMs: 60 * DAY_MS });
  makeSession(home, { id: YOUNG, ageMs: DAY_MS });
  return { directory, disk, target, home, own: join(disk, 'transcripts.session-sweeper') };
}

function linkTo(target: string, home: string): string {
  mkdirSync(home);
  symlinkSync(target, join(home, 'projects'));
  return home;
}

const transcript = (id: string) => `-srv-app/${id}.jsonl`;
const flags = (directory: string, ...homes: string[]) => [
  ...homes.flatMap((home) => ['--claude-dir', home]),
  '--state-dir',
  join(directory, 'state'),
];
const PRUNE = ['--run-now', '--job', 'prune-transcripts', '--json', '--shield', 'off'];

/** Says that this very process is at work on a session. */
function beAtWork(home: string, sessionId: string): void {
  mkdirSync(join(home, 'sessions'), { recursive: true });
  writeFileSync(join(home, `sessions/${process.pid}.json`), JSON.stringify({ pid: process.pid, sessionId }));
}

describe('a projects/ that is a symlink', () => {
  it('is pruned where it leads, into a trash beside that, and restored from there', async () => {
    const { directory, disk, target, home, own } = linked();
    const pruned = await cli([...flags(directory, home), ...PRUNE]);
    expect(JSON.parse(pruned.stdout).jobs[0]).toMatchObject({ outcome: 'ok', removed: { sessions: 1 } });
    expect(readdirSync(join(target, '-srv-app'))).toEqual([`${YOUNG}.jsonl`]);
    expect(readdirSync(disk).sort()).toEqual(['transcripts', 'transcripts.session-sweeper']);
    expect(readdirSync(join(own, 'trash'))).toHaveLength(1);
    expect(readdirSync(home)).toEqual(['projects']);
    const restored = await cli([...flags(directory, home), 'trash', 'restore', OLD]);
    expect({ code: restored.code, isBack: existsSync(join(target, transcript(OLD))) }).toEqual({
      code: 0,
      isBack: true,
    });
  });

  it('leaves alone what else lies beside the place that it leads to, and what sessions have beside projects/', async () => {
    const { directory, disk, home } = linked();
    const strange = [join(disk, 'uploads', OLD), join(disk, 'tasks', OLD), join(home, 'file-history', OLD)];
    for (const path of strange) mkdirSync(path, { recursive: true });
    for (const path of strange) writeFileSync(join(path, 'a'), '');
    const { code } = await cli([...flags(directory, home), ...PRUNE]);
    expect({ code, left: strange.filter((path) => existsSync(join(path, 'a'))) }).toEqual({ code: 0, left: strange });
  });

  it('is shown with its real place by doctor and status', async () => {
    const { directory, target, home, own } = linked();
    const status = JSON.parse((await cli([...flags(directory, home), 'status', '--json'])).stdout);
    expect(status.links).toEqual([{ claudeDir: home, projects: target, own }]);
    expect((await cli([...flags(directory, home), 'status'])).stdout).toContain(`${home}/projects is ${target}`);
    expect((await cli([...flags(directory, home), 'doctor'])).stdout).toContain(`leads to ${target}`);
  });

  it('is one place with all others that lead there: counted once, locked together, whoever is at work stays', async () => {
    const { directory, target, home } = linked();
    const other = linkTo(target, join(directory, 'other'));
    beAtWork(other, OLD);
    const { stdout } = await cli([...flags(directory, home, other), ...PRUNE]);
    expect(JSON.parse(stdout).jobs[0]).toMatchObject({
      outcome: 'ok',
      kept: { running: 1 },
      observed: { sessions: 2 },
    });
    acquireDirLock(openClaudeDir(home), 'run');
    expect(() => acquireDirLock(openClaudeDir(other), 'run')).toThrow(/another run is at work/);
    const doctor = await cli([...flags(directory, home, other), 'doctor']);
    expect(doctor.stdout).not.toContain('could not be looked at');
  });

  it('keeps what a process of another directory is at work on, of which only an earlier run of its own worker told', async () => {
    const { directory, target, home } = linked();
    const other = linkTo(target, join(directory, 'other'));
    beAtWork(other, OLD);
    await cli(['--claude-dir', other, '--state-dir', join(directory, 'other-state'), ...PRUNE]);
    const { stdout } = await cli([...flags(directory, home), ...PRUNE]);
    expect(JSON.parse(stdout).jobs[0]).toMatchObject({ outcome: 'ok', kept: { running: 1 } });
    rmSync(other, { recursive: true });
    const later = await cli([...flags(directory, home), ...PRUNE]);
    expect(JSON.parse(later.stdout).jobs[0]).toMatchObject({ outcome: 'ok', removed: { sessions: 1 } });
  });

  it('removes nothing while a directory that shares it cannot be looked into', async () => {
    const { directory, target, home } = linked();
    const other = linkTo(target, join(directory, 'other'));
    await cli([...flags(directory, other), ...PRUNE]);
    makeSession(home, { id: sessionIdOf(3), ageMs: 60 * DAY_MS });
    rmSync(other, { recursive: true });
    writeFileSync(other, '');
    const { code, stdout } = await cli([...flags(directory, home), ...PRUNE]);
    expect({ code, message: stdout }).toMatchObject({
      code: 73,
      message: expect.stringMatching(/shares its projects\/, and who is at work there cannot be told until 20/),
    });
    expect(existsSync(join(target, transcript(sessionIdOf(3))))).toBe(true);
  });

  it('removes nothing either where that directory is one of those to be looked after', async () => {
    const { directory, target, home } = linked();
    const other = linkTo(target, join(directory, 'other'));
    await cli([...flags(directory, other), ...PRUNE]);
    makeSession(home, { id: sessionIdOf(3), ageMs: 60 * DAY_MS });
    beAtWork(other, sessionIdOf(3));
    chmodSync(other, 0o777);
    const { code } = await cli([...flags(directory, home, other), ...PRUNE]);
    expect(code).toBe(73);
    expect(existsSync(join(target, transcript(sessionIdOf(3))))).toBe(true);
  });

  it('has one lock of a daemon, whoever of those that lead there is named, and each place beside another its own', () => {
    const { directory, disk, target, home } = linked();
    const other = linkTo(target, join(directory, 'other'));
    mkdirSync(join(disk, 'second'));
    const second = linkTo(join(disk, 'second'), join(directory, 'elsewhere'));
    const locks = new WorkerLocks();
    const dirs = [home, other, second].map(openClaudeDir);
    expect(locks.take(dirs)).toHaveLength(2);
    expect(() => acquireDirLock(openClaudeDir(second), 'worker')).toThrow(/another worker/);
    locks.keepOnly(dirs.slice(0, 1));
    acquireDirLock(openClaudeDir(second), 'worker').release();
    expect(() => acquireDirLock(openClaudeDir(other), 'worker')).toThrow(/another worker/);
    locks.keepOnly([]);
  });

  it('shares lock, trash and processes with the Claude directory whose projects/ it leads to', async () => {
    const directory = tempDir();
    const real = makeClaudeDir(join(directory, 'real'));
    const home = linkTo(join(real, 'projects'), join(directory, 'home'));
    makeSession(real, { id: OLD, ageMs: 60 * DAY_MS, elsewhere: [`file-history/${OLD}/a@v1`] });
    beAtWork(real, OLD);
    const busy = await cli([...flags(directory, home), ...PRUNE]);
    expect(JSON.parse(busy.stdout).jobs[0]).toMatchObject({ outcome: 'ok', kept: { running: 1 } });
    rmSync(join(real, 'sessions'), { recursive: true });
    const lock = acquireDirLock(openClaudeDir(real), 'run');
    expect((await cli([...flags(directory, home), ...PRUNE])).code).toBe(75);
    lock.release();
    await cli([...flags(directory, home, real), ...PRUNE]);
    const listed = await cli([...flags(directory, home, real), 'trash', 'list', '--json']);
    expect(JSON.parse(listed.stdout).sessions).toMatchObject([{ sessionId: OLD, files: 2 }]);
    // What lies beside that projects/ cannot come back through the link: then nothing does.
    expect((await cli([...flags(directory, home), 'trash', 'restore', OLD])).code).toBe(74);
    expect((await cli([...flags(directory, real), 'trash', 'restore', OLD])).code).toBe(0);
    expect(existsSync(join(real, `file-history/${OLD}/a@v1`))).toBe(true);
  });

  it('goes on where it was opened when another link takes its name: nothing at the end of that is touched', () => {
    const { directory, target, home, own } = linked();
    const decoy = join(directory, 'decoy/transcripts');
    mkdirSync(join(decoy, '-srv-app'), { recursive: true });
    const claudeDir = openClaudeDir(home);
    const trash = Trash.openOrMake(claudeDir);
    const { units } = scanned(claudeDir);
    unlinkSync(join(home, 'projects'));
    symlinkSync(decoy, join(home, 'projects'));
    makeSession(home, { id: OLD, ageMs: 60 * DAY_MS });
    const run = trash.beginFolder(Date.now());
    const unit = units.find(({ sessionId }) => sessionId === OLD);
    if (unit === undefined) throw new Error('not found');
    run.intend([{ unit, reason: 'expired' }], Date.now());
    expect(takeUnit(run, unit, Date.now()).kind).toBe('trashed');
    run.close();
    trash.close();
    expect([existsSync(join(decoy, transcript(OLD))), existsSync(join(target, transcript(OLD)))]).toEqual([
      true,
      false,
    ]);
    expect(readdirSync(join(own, 'trash'))).toHaveLength(1);
  });

  it('takes nothing out of a directory that has been put in the place of the one that it led to', () => {
    const { target, home } = linked();
    const claudeDir = openClaudeDir(home);
    const trash = Trash.openOrMake(claudeDir);
    const { units } = scanned(claudeDir);
    renameSync(target, `${target}-away`);
    mkdirSync(target);
    makeSession(home, { id: OLD, ageMs: 60 * DAY_MS });
    const run = trash.beginFolder(Date.now());
    for (const unit of units) {
      run.intend([{ unit, reason: 'expired' }], Date.now());
      expect(takeUnit(run, unit, Date.now()).kind).not.toBe('trashed');
    }
    run.close();
    trash.close();
    expect(existsSync(join(target, transcript(OLD)))).toBe(true);
  });

  it.each<{ what: string; make: (place: ReturnType<typeof linked>) => void; says: RegExp }>([
    {
      what: 'leads to another symlink',
      make: relinked(({ disk, target }) => {
        symlinkSync(target, join(disk, 'again'));
        return join(disk, 'again');
      }),
      says: /is a symlink or not a directory/,
    },
    { what: 'leads to the root', make: relinked(() => '/'), says: /root of the file system/ },
    {
      what: 'leads to what the Claude directory lies in',
      make: relinked(({ directory }) => directory),
      says: /lie in one another/,
    },
    {
      what: 'leads to a directory in the Claude directory',
      make: relinked(({ home }) => {
        mkdirSync(join(home, 'here'));
        return join(home, 'here');
      }),
      says: /lie in one another/,
    },
    {
      what: 'leads to a directory that all can write to',
      make: ({ target }) => chmodSync(target, 0o777),
      says: /can be written by others/,
    },
    {
      what: 'leads into one that all can write to',
      make: ({ disk }) => chmodSync(disk, 0o1777),
      says: /can be written by others/,
    },
    {
      what: 'finds a file where its trash would be',
      make: ({ own }) => writeFileSync(own, ''),
      says: /is no directory/,
    },
    {
      what: 'finds a link where its trash would be',
      make: ({ own, disk }) => symlinkSync(disk, own),
      says: /is no directory/,
    },
    {
      what: 'leads nowhere',
      make: ({ target }) => renameSync(target, `${target}-away`),
      says: /is its file system mounted/,
    },
  ])('is not followed where it $what', ({ make, says }) => {
    const place = linked();
    make(place);
    expect(() => ClaudeDir.open(place.home)).toThrow(says);
  });

  it.skipIf(process.getuid?.() !== 0).each<{ what: string; make: (place: ReturnType<typeof linked>) => void }>([
    { what: "is a stranger's", make: ({ home }) => lchownSync(join(home, 'projects'), 4_343, 4_343) },
    { what: "leads to a stranger's directory", make: ({ target }) => chownSync(target, 4_343, 4_343) },
    { what: "leads into a stranger's directory", make: ({ disk }) => chownSync(disk, 4_343, 4_343) },
    {
      what: "is its user's, and leads to what is root's",
      make: ({ home }) => {
        chownSync(home, 4_242, 4_242);
        lchownSync(join(home, 'projects'), 4_242, 4_242);
      },
    },
    {
      what: 'finds a directory of a stranger where its trash would be',
      make: ({ own }) => {
        mkdirSync(own);
        chownSync(own, 4_343, 4_343);
      },
    },
  ])('is not followed by root where it $what', ({ make }) => {
    const place = linked();
    make(place);
    expect(() => ClaudeDir.open(place.home)).toThrow(expect.objectContaining({ kind: 'unsafe-root' }));
  });

  it.skipIf(!canMount)(
    'is not followed to a mount of its own, from which nothing can be renamed into a trash beside it',
    () => {
      const { target, home } = linked();
      const output = inMountNamespace(`mount -t tmpfs tmpfs "$2"; "$NODE" "$PROGRAM" "$1"`, 'scan', home, target);
      expect(JSON.parse(output)).toEqual({ error: 'unsafe-root' });
    },
  );
});

function relinked(targetOf: (place: ReturnType<typeof linked>) => string): (place: ReturnType<typeof linked>) => void {
  return (place) => {
    const target = targetOf(place);
    unlinkSync(join(place.home, 'projects'));
    symlinkSync(target, join(place.home, 'projects'));
  };
}
