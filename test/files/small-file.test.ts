import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixedName } from '../../src/files/byte-name.ts';
import { readSmallFile, type SmallFile } from '../../src/files/small-file.ts';
import { openDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';

const NAME = fixedName('file');
const AS_FILE = { isFile: () => true };

/** @param claimsFile as if it had been a regular file a moment ago */
function read(make: (path: string) => void, { bytesMax = 100, claimsFile = false } = {}): SmallFile {
  const path = tempDir();
  make(join(path, NAME));
  const directory = openDir(path);
  const stats = directory.lstatExact(NAME);
  return readSmallFile(directory, NAME, bytesMax, claimsFile || stats === undefined ? AS_FILE : stats);
}

describe('a small file', () => {
  it('is read whole', () => {
    expect(read((path) => writeFileSync(path, 'größe'))).toEqual({ kind: 'text', text: 'größe', isCut: false });
    expect(read((path) => writeFileSync(path, ''))).toEqual({ kind: 'text', text: '', isCut: false });
  });

  it('is read up to its bound, and says that there is more', () => {
    const write = (path: string) => writeFileSync(path, '0123456789');
    expect(read(write, { bytesMax: 10 })).toEqual({ kind: 'text', text: '0123456789', isCut: false });
    expect(read(write, { bytesMax: 9 })).toEqual({ kind: 'text', text: '012345678', isCut: true });
  });

  it('of four terabytes with nothing in them takes no longer', () => {
    const sparse = (path: string) => {
      writeFileSync(path, '{}');
      truncateSync(path, 2 ** 42);
    };
    expect(read(sparse)).toMatchObject({ kind: 'text', isCut: true });
  });

  it('may not be there', () => {
    expect(read(() => undefined)).toEqual({ kind: 'absent' });
  });

  it.each<[string, (path: string) => void]>([
    ['a symlink', (path) => symlinkSync('/etc/hostname', path)],
    ['a dangling symlink', (path) => symlinkSync('/nonexistent', path)],
    ['a directory', (path) => mkdirSync(path)],
    ['a FIFO', (path) => void execFileSync('mkfifo', [path])],
  ])('that is %s is never read, and nothing waits, not even where it has just become that', (_, make) => {
    expect(read(make)).toEqual({ kind: 'irregular' });
    expect(read(make, { claimsFile: true })).toEqual({ kind: 'irregular' });
  });
});
