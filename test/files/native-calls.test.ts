import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ByteName, byteNameFromSystem, fixedName } from '../../src/files/byte-name.ts';
import { callsOf, type FileFacts, type NativeCalls } from '../../src/files/native-calls.ts';
import { builtNativePart } from '../support/native.ts';
import { tempDir } from '../support/temp-dir.ts';

const loaded = (): NativeCalls => callsOf(builtNativePart());

function opened(path: string): number {
  const fd = openSync(path, 'r');
  onTestFinished(() => closeSync(fd));
  return fd;
}

function makeOneOfEach(): string {
  const path = tempDir();
  writeFileSync(join(path, 'file'), 'text');
  writeFileSync(join(path, 'old'), '');
  utimesSync(join(path, 'old'), 1.5, -12_345.678);
  writeFileSync(join(path, 'future'), '');
  utimesSync(join(path, 'future'), 1, 2 ** 33 + 0.25);
  writeFileSync(join(path, 'large'), '');
  truncateSync(join(path, 'large'), 2 ** 33 + 7);
  mkdirSync(join(path, 'directory', 'child'), { recursive: true });
  symlinkSync('nowhere', join(path, 'symlink'));
  linkSync(join(path, 'file'), join(path, 'hard link'));
  execFileSync('mkfifo', [join(path, 'fifo')]);
  writeFileSync(join(path, 'ü\nline'), '');
  writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0xfe, 0x01])]), '');
  writeFileSync(join(path, 'n'.repeat(255)), '');
  writeFileSync(join(path, '..three'), '');
  return path;
}

function plain(
  { dev, ino, uid, gid, mode, nlink, size, mtimeMs, ctimeMs, ...methods }: FileFacts,
  of: FileFacts,
): object {
  void methods;
  return {
    dev,
    ino,
    uid,
    gid,
    mode,
    nlink,
    size,
    mtimeMs,
    ctimeMs,
    isFile: of.isFile(),
    isDirectory: of.isDirectory(),
    isLink: of.isSymbolicLink(),
  };
}

function namesIn(path: string): ByteName[] {
  return readdirSync(path, { encoding: 'latin1' }).map(byteNameFromSystem);
}

function pathOf(directory: string, name: ByteName): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')]);
}

describe('native calls', () => {
  it('say of an open file what Node says', () => {
    const fd = opened(makeOneOfEach());
    const [facts, stats] = [loaded().fstat(fd), fstatSync(fd)];
    expect(facts).toBeDefined();
    if (facts !== undefined) expect(plain(facts, facts)).toEqual(plain(stats, stats));
    expect(loaded().fstat(1_000_000)).toBeUndefined();
  });

  it('say of every kind of file what Node says', () => {
    const path = makeOneOfEach();
    const fd = opened(path);
    const native = loaded();
    for (const name of namesIn(path)) {
      const facts = native.lstat(fd, name);
      const stats = lstatSync(pathOf(path, name));
      expect(facts, name).toBeTruthy();
      if (facts) expect(plain(facts, facts)).toEqual(plain(stats, stats));
    }
  });

  it.each(['/proc', '/dev', '/sys', '/tmp'])('tell the device of %s as Node does', (path) => {
    const facts = loaded().lstat(opened('/'), fixedName(path.slice(1)));
    expect(facts?.dev).toBe(lstatSync(path).dev);
  });

  it('list every entry with its kind, again and again', () => {
    const path = makeOneOfEach();
    const fd = opened(path);
    const expected = readdirSync(path, { encoding: 'latin1', withFileTypes: true }).map((entry) => {
      return { name: entry.name, kind: entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : 'other' };
    });
    for (let time = 0; time < 2; time += 1) {
      expect(loaded().rewind(fd)).toBe(true);
      const entries = loaded().entries(fd) ?? [];
      expect(entries.toSorted((left, right) => (left.name < right.name ? -1 : 1))).toEqual(
        expected.toSorted((left, right) => (left.name < right.name ? -1 : 1)),
      );
    }
  });

  it('list a directory that no buffer holds at once', () => {
    const path = tempDir();
    for (let index = 0; index < 3_000; index += 1) writeFileSync(join(path, `${'x'.repeat(100)}-${index}`), '');
    const names = (loaded().entries(opened(path)) ?? []).map(({ name }) => name);
    expect(new Set(names)).toEqual(new Set(namesIn(path)));
    expect(names).toHaveLength(3_000);
  });

  it('open a directory, and nothing else', () => {
    const path = makeOneOfEach();
    symlinkSync('directory', join(path, 'symlink to a directory'));
    const fd = opened(path);
    const native = loaded();
    const child = native.openDirectory(fd, fixedName('directory'));
    expect(child).toBeDefined();
    if (child === undefined) return;
    onTestFinished(() => native.close(child));
    expect(native.entries(child)).toEqual([{ name: 'child', kind: 'directory' }]);
    for (const name of ['file', 'fifo', 'symlink', 'symlink to a directory', 'absent']) {
      expect(native.openDirectory(fd, fixedName(name)), name).toBeUndefined();
    }
  });

  it('tell what is not there from what cannot be looked at', () => {
    const path = makeOneOfEach();
    const native = loaded();
    expect(native.lstat(opened(path), fixedName('absent'))).toBeNull();
    expect(native.lstat(opened(join(path, 'file')), fixedName('absent'))).toBeUndefined();
    expect(native.lstat(opened(path), byteNameFromSystem('n'.repeat(256)))).toBeUndefined();
    expect(native.entries(opened(join(path, 'file')))).toBeUndefined();
  });

  it.each(['a/b', '/etc', 'a\0b', ''])('take %j for no name', (name) => {
    const path = makeOneOfEach();
    const native = loaded();
    expect(native.lstat(opened(path), byteNameFromSystem(name))).toBeUndefined();
    expect(native.openDirectory(opened(path), byteNameFromSystem(name))).toBeUndefined();
  });

  it('make no file, and write to none', () => {
    const fd = opened(makeOneOfEach());
    for (const flags of [constants.O_WRONLY, constants.O_RDWR, constants.O_CREAT, constants.O_TRUNC]) {
      expect(() => builtNativePart().openAt(fd, 'file', flags)).toThrow('no arguments for a call of the system');
    }
  });
});
