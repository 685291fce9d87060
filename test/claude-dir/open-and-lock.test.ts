import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockClaudeDirs, openClaudeDirs } from '../../src/claude-dir/open-and-lock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir } from '../support/tree.ts';

describe('The lock on several Claude directories', () => {
  it('is on each of them, or on none', () => {
    const [one, other] = [makeClaudeDir(tempDir()), makeClaudeDir(tempDir())];
    const both = { claudeDir: [one, other] };
    const held = lockClaudeDirs({ claudeDir: [other] });
    expect(() => lockClaudeDirs(both)).toThrow(expect.objectContaining({ kind: 'locked' }));
    lockClaudeDirs({ claudeDir: [one] }).release();
    held.release();
    lockClaudeDirs(both).release();
  });

  it('is not believed of a directory that was put in the place of the locked one: another run may be at work there', () => {
    const root = tempDir();
    const path = makeClaudeDir(join(root, 'claude'));
    const lock = lockClaudeDirs({ claudeDir: [path] });
    renameSync(path, join(root, 'moved'));
    makeClaudeDir(path);
    const close = (opened: { close(): void }) => opened.close();
    expect(() => openClaudeDirs({ claudeDir: [path] }, close, lock.directories)).toThrow(
      expect.objectContaining({ kind: 'unsafe-root' }),
    );
    lock.release();
  });
});

describe('Of several Claude directories', () => {
  const close = (opened: { close(): void }) => opened.close();

  it('one that is gone holds up no other, and is told; where there is no other, that is an error', () => {
    const [here, gone] = [makeClaudeDir(tempDir()), join(tempDir(), 'gone')];
    const told: string[] = [];
    const open = (...claudeDir: string[]) =>
      openClaudeDirs({ claudeDir }, close, undefined, (path) => told.push(path)).map(({ path }) => path);
    expect(open(gone, here)).toEqual([here]);
    expect(told).toEqual([gone]);
    expect(() => open(gone)).toThrow(expect.objectContaining({ kind: 'unsafe-root' }));
    lockClaudeDirs({ claudeDir: [gone, here] }).release();
  });

  it('one that came after the lock is left alone', () => {
    const [here, late] = [makeClaudeDir(tempDir()), join(tempDir(), 'late')];
    const lock = lockClaudeDirs({ claudeDir: [here, late] });
    makeClaudeDir(late);
    const paths = openClaudeDirs({ claudeDir: [here, late] }, close, lock.directories).map(({ path }) => path);
    expect(paths).toEqual([here]);
    lock.release();
  });
});
