import { existsSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makePrivateDirectory } from '../../src/files/private-directory.ts';
import { tempDir } from '../support/temp-dir.ts';

describe('a directory of our own', () => {
  it('is made with those above it, for its owner alone', () => {
    const base = tempDir();
    const path = join(base, 'state/claude/pins');
    makePrivateDirectory(path);
    for (const made of [path, join(base, 'state')]) expect(statSync(made).mode & 0o777).toBe(0o700);
  });

  it('is left as it is where it is there', () => {
    const path = tempDir();
    writeFileSync(join(path, 'kept'), '');
    makePrivateDirectory(path);
    expect(readdirSync(path)).toEqual(['kept']);
  });

  it('is refused where something else stands in the way', () => {
    const base = tempDir();
    writeFileSync(join(base, 'file'), '');
    symlinkSync(join(base, 'nowhere/at/all'), join(base, 'link'));
    expect(() => makePrivateDirectory(join(base, 'file'))).toThrow('ENOTDIR');
    expect(() => makePrivateDirectory(join(base, 'file/below'))).toThrow('ENOTDIR');
    expect(() => makePrivateDirectory(join(base, 'link/below'))).toThrow('ENOENT');
    expect(existsSync(join(base, 'nowhere'))).toBe(false);
  });
});
