import { execFileSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AnchoredDir } from '../../src/files/anchored-dir.ts';
import { requireAnchoring } from '../../src/files/anchoring.ts';
import { byteNameFromSystem, fixedName } from '../../src/files/byte-name.ts';
import { canMount, inMountNamespace } from '../support/mount-namespace.ts';
import { openDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';

const FILE = fixedName('file');
const CHILD = fixedName('child');

function withCode(code: string | RegExp): unknown {
  return expect.objectContaining({ code: expect.stringMatching(code) });
}

function makeOutside(): string {
  const outside = tempDir();
  writeFileSync(join(outside, 'file'), 'outside');
  return outside;
}

async function makeSocket(path: string): Promise<void> {
  const server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

describe('opening a directory', () => {
  it.each([
    { what: 'a symlink to a directory', make: (path: string) => symlinkSync(tempDir(), path) },
    { what: 'a dangling symlink', make: (path: string) => symlinkSync('/nonexistent', path) },
    { what: 'a symlink to itself', make: (path: string) => symlinkSync(path, path) },
    { what: 'a file', make: (path: string) => writeFileSync(path, '') },
    { what: 'a FIFO, without waiting for its writer', make: (path: string) => execFileSync('mkfifo', [path]) },
  ])('refuses $what, by its path and as a child', ({ make }) => {
    const path = tempDir();
    make(join(path, 'child'));
    const refusal = withCode(/^(ELOOP|ENOTDIR)$/);
    expect(() => AnchoredDir.open(join(path, 'child'))).toThrow(refusal);
    const directory = openDir(path);
    expect(() => directory.openChild(CHILD)).toThrow(refusal);
    expect(() => directory.openOrMakeChild(CHILD)).toThrow(refusal);
  });

  it('says ENOENT of a child that is not there', () => {
    const directory = openDir(tempDir());
    expect(() => directory.openChild(CHILD)).toThrow(withCode('ENOENT'));
  });

  it('makes a missing child for this user alone, and takes the one that is there', () => {
    const path = tempDir();
    const directory = openDir(path);
    directory.openOrMakeChild(CHILD).close();
    expect(statSync(join(path, 'child')).mode & 0o777).toBe(0o700);
    writeFileSync(join(path, 'child/file'), '');
    const again = directory.openOrMakeChild(CHILD);
    expect(again.has(FILE)).toBe(true);
    again.close();
  });

  it.skipIf(process.getuid?.() !== 0)('makes a child that belongs to whom its parent belongs, even as root', () => {
    const path = tempDir();
    chownSync(path, 1234, 5678);
    const directory = openDir(path);
    directory.openOrMakeChild(CHILD).close();
    expect(statSync(join(path, 'child'))).toMatchObject({ uid: 1234, gid: 5678 });
    chownSync(join(path, 'child'), 0, 0);
    directory.openOrMakeChild(CHILD).close();
    expect(statSync(join(path, 'child'))).toMatchObject({ uid: 0, gid: 0 });
  });

  it.skipIf(process.getuid?.() !== 0)(
    'makes children for whom it is told to, where it is a mount point of another',
    () => {
      const path = tempDir();
      const owner = tempDir();
      chownSync(owner, 1234, 5678);
      const directory = openDir(path);
      directory.giveChildrenTo(openDir(owner));
      directory.openOrMakeChild(CHILD).close();
      expect(statSync(join(path, 'child'))).toMatchObject({ uid: 1234, gid: 5678 });
      expect(statSync(path)).toMatchObject({ uid: 0, gid: 0 });
    },
  );

  it('gives every descriptor back', () => {
    const path = tempDir();
    mkdirSync(join(path, 'child'));
    symlinkSync('child', join(path, 'link'));
    const before = readdirSync('/proc/self/fd').length;
    for (let count = 0; count < 50; count += 1) {
      const directory = AnchoredDir.open(path);
      directory.openChild(CHILD).close();
      expect(() => directory.openChild(fixedName('link'))).toThrow();
      directory.close();
      directory.close();
    }
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });

  it('takes nothing more once it is closed, rather than working in whatever has the descriptor by then', () => {
    const directory = AnchoredDir.open(tempDir());
    directory.close();
    expect(() => directory.lstat(FILE)).toThrow('closed');
    expect(() => directory.makeDirectory(CHILD)).toThrow('closed');
    expect(() => directory.unlink(FILE)).toThrow('closed');
  });
});

describe('a held directory', () => {
  it('stays the one that was opened when its name is given to a symlink', () => {
    const path = tempDir();
    const outside = makeOutside();
    mkdirSync(join(path, 'child'));
    writeFileSync(join(path, 'child/file'), 'inside');
    const parent = openDir(path);
    const child = openDir(join(path, 'child'));
    renameSync(join(path, 'child'), join(path, 'moved'));
    symlinkSync(outside, join(path, 'child'));
    child.renameTo(FILE, child, fixedName('renamed'));
    child.makeDirectory(CHILD);
    child.unlink(fixedName('renamed'));
    expect(readdirSync(join(path, 'moved'))).toEqual(['child']);
    expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('outside');
    expect(readdirSync(outside)).toEqual(['file']);
    expect(parent.holds(CHILD, child)).toBe(false);
    expect(parent.holds(fixedName('moved'), child)).toBe(true);
    expect(child.currentPath()).toBe(join(path, 'moved'));
  });

  it('is not held by its name any more when another directory stands there', () => {
    const path = tempDir();
    mkdirSync(join(path, 'child'));
    const parent = openDir(path);
    const child = openDir(join(path, 'child'));
    expect(parent.holds(CHILD, child)).toBe(true);
    rmSync(join(path, 'child'), { recursive: true });
    expect(parent.holds(CHILD, child)).toBe(false);
    mkdirSync(join(path, 'child'));
    expect(parent.holds(CHILD, child)).toBe(false);
  });

  it('looks at a symlink in it, never through it', () => {
    const path = tempDir();
    const outside = makeOutside();
    symlinkSync(join(outside, 'file'), join(path, 'file'));
    symlinkSync('/nonexistent', join(path, 'child'));
    const directory = openDir(path);
    expect(directory.lstat(FILE)?.isSymbolicLink()).toBe(true);
    expect(directory.lstatExact(FILE)?.isSymbolicLink()).toBe(true);
    expect(directory.has(CHILD)).toBe(true);
    expect(directory.has(fixedName('other'))).toBe(false);
    expect(() => directory.openFile(FILE, constants.O_RDONLY)).toThrow(withCode('ELOOP'));
    expect(() => directory.openFile(FILE, constants.O_WRONLY | constants.O_TRUNC)).toThrow(withCode('ELOOP'));
    directory.unlink(FILE);
    expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('outside');
  });

  it('opens a FIFO without waiting for its writer', () => {
    const path = tempDir();
    execFileSync('mkfifo', [join(path, 'file')]);
    closeSync(openDir(path).openFile(FILE, constants.O_RDONLY));
  });

  it('gives a file a second name, but never one that is taken', () => {
    const path = tempDir();
    writeFileSync(join(path, 'file'), 'new');
    mkdirSync(join(path, 'child'));
    writeFileSync(join(path, 'child/file'), 'old');
    const directory = openDir(path);
    const child = openDir(join(path, 'child'));
    expect(() => directory.linkTo(FILE, child)).toThrow(withCode('EEXIST'));
    expect(readFileSync(join(path, 'child/file'), 'utf8')).toBe('old');
    directory.linkTo(FILE, child, fixedName('second'));
    expect(readFileSync(join(path, 'child/second'), 'utf8')).toBe('new');
  });

  it('removes no directory that holds something', () => {
    const path = tempDir();
    mkdirSync(join(path, 'child'));
    writeFileSync(join(path, 'child/file'), '');
    expect(() => openDir(path).removeDirectory(CHILD)).toThrow(withCode('ENOTEMPTY'));
  });

  it('tells files and directories from everything else', async () => {
    const path = tempDir();
    mkdirSync(join(path, 'directory'));
    writeFileSync(join(path, 'file'), '');
    symlinkSync('file', join(path, 'link-to-file'));
    symlinkSync('directory', join(path, 'link-to-directory'));
    execFileSync('mkfifo', [join(path, 'fifo')]);
    await makeSocket(join(path, 'socket'));
    const kinds = Object.fromEntries(
      openDir(path)
        .entries()
        .map(({ name, kind }) => [name, kind]),
    );
    expect(kinds).toEqual({
      directory: 'directory',
      file: 'file',
      'link-to-file': 'other',
      'link-to-directory': 'other',
      fifo: 'other',
      socket: 'other',
    });
  });

  it.each([
    { what: 'bytes that are no UTF-8', bytes: Buffer.from([0xff, 0xfe, 0x80, 0x41]) },
    { what: 'UTF-8', bytes: Buffer.from('é漢😀') },
    { what: 'a newline', bytes: Buffer.from('a\nb') },
    { what: 'a leading dash', bytes: Buffer.from('-rf') },
    { what: 'a backslash and quotes', bytes: Buffer.from('\\"\'') },
    { what: '255 bytes', bytes: Buffer.alloc(255, 'x') },
    { what: '255 bytes that are no UTF-8', bytes: Buffer.alloc(255, 0xff) },
  ])('works with a name of $what, byte for byte', ({ bytes }) => {
    const path = tempDir();
    const at = (...parts: readonly Buffer[]) =>
      Buffer.concat([Buffer.from(path), ...parts.flatMap((part) => [Buffer.from('/'), part])]);
    writeFileSync(at(bytes), 'content');
    const directory = openDir(path);
    const [entry] = directory.entries();
    const name = byteNameFromSystem(bytes.toString('latin1'));
    expect(entry).toEqual({ name, kind: 'file' });
    expect(directory.lstat(name)?.size).toBe(7);
    directory.makeDirectory(CHILD);
    const child = directory.openChild(CHILD);
    directory.renameTo(name, child);
    expect(readFileSync(at(Buffer.from('child'), bytes), 'utf8')).toBe('content');
    child.unlink(name);
    child.makeDirectory(name);
    child.openChild(name).close();
    child.removeDirectory(name);
    expect(child.entries()).toEqual([]);
    child.close();
  });
});

describe('without /proc', () => {
  it('can hold directories here', () => {
    expect(requireAnchoring).not.toThrow();
  });

  it.skipIf(!canMount)('refuses to start', () => {
    const output = inMountNamespace('mount -t tmpfs tmpfs /proc; "$NODE" "$PROGRAM"', 'require-anchoring');
    expect(output).toBe('unsafe-root\n');
  });
});
