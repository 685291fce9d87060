/** Mounts, full disks and other surroundings, in the mount namespace that the cases have to themselves. */

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** This machine does not let a case be set up; that says nothing about the program. */
export class CannotSetUp extends Error {}

/** @throws CannotSetUp where the command fails */
export function setUp(command: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  throw new CannotSetUp(`${command}: ${(error?.message ?? stderr).trim().split('\n').at(-1)}`);
}

export function mountTmpfs(at: string, options = 'size=64m'): void {
  mkdirSync(at, { recursive: true });
  setUp('mount', '-t', 'tmpfs', '-o', `mode=755,${options}`, 'tmpfs', at);
}

/** Over what is there; `from` and `at` are both files or both directories. */
export function bindMount(from: string, at: string = from): void {
  setUp('mount', '--bind', from, at);
}

export function unmount(at: string, ...options: readonly string[]): void {
  setUp('umount', ...options, at);
}

/** Makes one mount read-only, or writable again; what is not a mount becomes one. */
export function makeReadOnly(path: string): () => void {
  bindMount(path);
  setUp('mount', '-o', 'remount,bind,ro', path);
  return () => unmount(path);
}

/** A real disk's file system in a file: with immutable flags, and blocks and inodes that run out. */
export function mountExt4(at: string, image: string, ...options: readonly string[]): void {
  mkdirSync(at, { recursive: true });
  setUp('truncate', '-s', '16M', image);
  setUp('mkfs.ext4', '-q', '-F', '-b', '4096', '-m', '0', ...options, image);
  setUp('mount', '-o', 'loop', image, at);
  rmSync(join(at, 'lost+found'), { recursive: true, force: true });
}

/** @param flags as chattr takes them, e.g. `+i` */
export function changeFlags(flags: string, path: string): void {
  setUp('chattr', flags, path);
}

const PAGE_BYTES = 4_096;

/** Leaves no more than so many pages free. @returns what frees all of it */
export function fill(directory: string, pagesLeft = 0): () => void {
  const path = join(directory, 'filler');
  const fd = openSync(path, 'w');
  for (const bytes of [Buffer.alloc(16 * PAGE_BYTES), Buffer.alloc(PAGE_BYTES)]) while (fits(fd, bytes));
  const pages = Math.floor(fstatSync(fd).size / PAGE_BYTES);
  ftruncateSync(fd, (pages - pagesLeft) * PAGE_BYTES);
  fsyncSync(fd);
  closeSync(fd);
  return () => rmSync(path);
}

function fits(fd: number, bytes: Buffer): boolean {
  try {
    return writeSync(fd, bytes) === bytes.length;
  } catch (error) {
    if (!isNoSpace(error)) throw error;
    return false;
  }
}

/** The same with names instead of bytes. */
export function fillInodes(directory: string, inodesLeft = 0): () => void {
  const filler = join(directory, 'filler');
  mkdirSync(filler);
  let made = 0;
  try {
    for (; ; made += 1) writeFileSync(join(filler, String(made)), '');
  } catch (error) {
    if (!isNoSpace(error)) throw error;
  }
  for (let left = 0; left < inodesLeft; left += 1) rmSync(join(filler, String(made - 1 - left)));
  return () => rmSync(filler, { recursive: true });
}

function isNoSpace(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOSPC';
}
