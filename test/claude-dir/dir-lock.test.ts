import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { acquireDirLock, acquireDirLocks, type DirLock, type LockName } from '../../src/claude-dir/dir-lock.ts';
import { AnchoredDir } from '../../src/files/anchored-dir.ts';
import { snapshot } from '../support/disk.ts';
import { forkProgram } from '../support/forked.ts';
import { openClaudeDir } from '../support/opened.ts';
import type { Forked } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir } from '../support/tree.ts';

const LOCKED = expect.objectContaining({ kind: 'locked', exitCode: 75 });
const LOCK_PROCESS = new URL('./lock-process.mjs', import.meta.url);

function made(): string {
  return makeClaudeDir(tempDir());
}

/** Taken by this very process, through a directory opened anew. */
function take(path: string, name: LockName = 'run'): DirLock {
  const lock = acquireDirLock(openClaudeDir(path), name);
  onTestFinished(() => lock.release());
  return lock;
}

/** Taken by a process of its own, which says what came of it and keeps what it has. */
async function takeInProcess(path: string): Promise<{ said: string; pid: number; exit: Forked['exit'] }> {
  const { message, exit } = forkProgram(LOCK_PROCESS, [path, 'run']);
  return { ...((await message()) as { said: string; pid: number }), exit };
}

describe('the lock of a Claude directory', () => {
  it('is refused to a second holder in the same process, until the first releases it', () => {
    const path = made();
    const lock = take(path);
    expect(() => take(path)).toThrow(LOCKED);
    expect(() => take(path)).toThrow(LOCKED);
    lock.release();
    lock.release();
    take(path).release();
  });

  it('is refused to another process, until the first releases it', async () => {
    const path = made();
    const lock = take(path);
    expect((await takeInProcess(path)).said).toBe('locked');
    // Not even a refused try in this process may give it away.
    expect(() => take(path)).toThrow(LOCKED);
    expect((await takeInProcess(path)).said).toBe('locked');
    lock.release();
    expect((await takeInProcess(path)).said).toBe('held');
  });

  it('dies with its holder, even by SIGKILL', async () => {
    const path = made();
    const { said, pid, exit } = await takeInProcess(path);
    expect(said).toBe('held');
    expect(() => take(path)).toThrow(LOCKED);
    process.kill(pid, 'SIGKILL');
    expect(await exit).toMatchObject({ signal: 'SIGKILL' });
    take(path).release();
  });

  it('is refused where a symlink on the way to its file is swapped in, and leaves what that leads to alone', () => {
    const path = made();
    take(path).release();
    const elsewhere = tempDir();
    const database = new Database(join(elsewhere, 'run.lock'));
    database.exec('PRAGMA journal_mode = WAL; CREATE TABLE other (value)');
    database.close();
    const before = snapshot(elsewhere);
    const claudeDir = openClaudeDir(path);
    const redirected = vi.spyOn(AnchoredDir.prototype, 'currentPath').mockReturnValue(elsewhere);
    onTestFinished(() => redirected.mockRestore());
    expect(() => acquireDirLock(claudeDir, 'run')).toThrow(expect.objectContaining({ kind: 'unsafe-root' }));
    expect(snapshot(elsewhere)).toEqual(before);
    redirected.mockRestore();
    take(path);
  });

  it('is another one for every directory and every purpose', () => {
    const [one, other] = [made(), made()];
    take(one, 'run');
    take(one, 'worker');
    take(other, 'run');
    expect(() => take(one, 'worker')).toThrow(LOCKED);
  });

  it('leaves two empty private files at the most, and nothing comes and goes beside them', () => {
    const path = made();
    const locks = [take(path, 'run'), take(path, 'worker')];
    const ours = join(path, 'session-sweeper');
    expect(readdirSync(ours).toSorted()).toEqual(['run.lock', 'worker.lock']);
    for (const lock of locks) lock.release();
    for (const name of readdirSync(ours)) {
      expect(lstatSync(join(ours, name))).toMatchObject({ size: 0 });
      expect(lstatSync(join(ours, name)).mode & 0o777).toBe(0o600);
    }
    expect(readdirSync(ours)).toHaveLength(2);
    expect(lstatSync(ours).mode & 0o777).toBe(0o700);
  });

  it.each([
    { what: 'spaces and quotes', name: 'a "b" \'c\' ?mode=memory#d %41' },
    { what: 'UTF-8', name: 'é漢😀' },
    { what: 'a newline', name: 'a\nb' },
  ])('works in a directory whose name has $what', ({ name }) => {
    const path = makeClaudeDir(join(tempDir(), name));
    take(path);
    expect(() => take(path)).toThrow(LOCKED);
    expect(existsSync(join(path, 'session-sweeper/run.lock'))).toBe(true);
  });

  it('is never taken behind a symlink that is called session-sweeper', () => {
    const path = made();
    const outside = tempDir();
    symlinkSync(outside, join(path, 'session-sweeper'));
    expect(() => take(path)).toThrow(expect.objectContaining({ kind: 'io' }));
    expect(readdirSync(outside)).toEqual([]);
  });

  it('follows no symlink that is called like its file: a database behind it stays as it is', () => {
    const path = made();
    const outside = join(tempDir(), 'host.db');
    const host = new Database(outside);
    host.pragma('journal_mode = WAL');
    host.exec('CREATE TABLE t (x)');
    host.close();
    const before = readFileSync(outside);
    mkdirSync(join(path, 'session-sweeper'));
    symlinkSync(outside, join(path, 'session-sweeper/run.lock'));
    expect(() => take(path)).toThrow();
    expect(readFileSync(outside)).toEqual(before);
  });

  it('is refused, with the directory named, where its file is no lock file', () => {
    const path = made();
    mkdirSync(join(path, 'session-sweeper'));
    const file = join(path, 'session-sweeper/run.lock');
    writeFileSync(file, 'precious notes of somebody who called them run.lock');
    const before = readFileSync(file);
    expect(() => take(path)).toThrow(path);
    expect(readFileSync(file)).toEqual(before);
  });

  it('is refused where session-sweeper is a file', () => {
    const path = made();
    writeFileSync(join(path, 'session-sweeper'), '');
    expect(() => take(path)).toThrow(expect.objectContaining({ kind: 'io' }));
  });
});

describe('the locks of several Claude directories', () => {
  const open = (...paths: readonly string[]) => paths.map(openClaudeDir);

  it('are taken all together and given back all together', () => {
    const [one, other] = [made(), made()];
    const locks = acquireDirLocks(open(one, other), 'run');
    expect(() => take(one)).toThrow(LOCKED);
    expect(() => take(other)).toThrow(LOCKED);
    locks.release();
    take(one);
    take(other);
  });

  it('are none where one of them is held by another', () => {
    const [one, two, three] = [made(), made(), made()];
    const held = take(two);
    expect(() => acquireDirLocks(open(one, two, three), 'run')).toThrow(LOCKED);
    take(one).release();
    take(three).release();
    held.release();
    acquireDirLocks(open(one, two, three), 'run').release();
  });

  it('are none where one directory cannot be locked at all', () => {
    const [one, two] = [made(), made()];
    writeFileSync(join(two, 'session-sweeper'), '');
    expect(() => acquireDirLocks(open(one, two), 'run')).toThrow(expect.objectContaining({ kind: 'io' }));
    take(one);
  });
});
