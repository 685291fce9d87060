/** What is on disk, seen with independent eyes: plain node:fs, none of the program's own code. */

import { createHash } from 'node:crypto';
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export interface FileState {
  readonly hash: string;
  readonly mtimeNs: bigint;
}

/** By path relative to some directory. */
export type Files = ReadonlyMap<string, FileState>;

/** Every entry below a directory, each directory before what is in it; names are one Latin-1 character a byte where that is asked. */
function walk(
  root: string,
  visit: (path: string, stats: BigIntStats, full: string | Buffer) => void,
  encoding: 'utf8' | 'latin1' = 'utf8',
): void {
  const below = (relative: string) => {
    const directory = fullPath(root, relative, encoding);
    for (const name of readdirSync(directory, { encoding })) {
      const path = relative === '' ? name : `${relative}/${name}`;
      const full = fullPath(root, path, encoding);
      const stats = lstatSync(full, { bigint: true });
      visit(path, stats, full);
      if (stats.isDirectory()) below(path);
    }
  };
  below('');
}

function fullPath(root: string, path: string, encoding: 'utf8' | 'latin1'): string | Buffer {
  return encoding === 'utf8' ? join(root, path) : Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, encoding)]);
}

/** Every file and symlink below a directory. */
export function snapshot(root: string): Map<string, FileState> {
  return statesBelow(root, 'utf8');
}

/** As `snapshot`, by byte-exact path: one Latin-1 character a byte. */
export function byteSnapshot(root: string): Map<string, FileState> {
  return statesBelow(root, 'latin1');
}

function statesBelow(root: string, encoding: 'utf8' | 'latin1'): Map<string, FileState> {
  const files = new Map<string, FileState>();
  walk(
    root,
    (path, stats, full) => {
      if (!stats.isDirectory()) files.set(path, stateWith(full, stats));
    },
    encoding,
  );
  return files;
}

export function stateOf(path: string): FileState {
  return stateWith(path, lstatSync(path, { bigint: true }));
}

function stateWith(path: string | Buffer, stats: BigIntStats): FileState {
  return { hash: contentOf(path, stats), mtimeNs: stats.mtimeNs };
}

/** An empty file is not opened: closing it would give back a lock that this process holds on it. */
function contentOf(path: string | Buffer, stats: BigIntStats): string {
  if (stats.isSymbolicLink()) return `→ ${readlinkSync(path)}`;
  if (!stats.isFile() || stats.size === 0n) return String(stats.mode);
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

const TRASHED = /^session-sweeper\/trash\/[^/]+\/(?!manifest\.jsonl$)(.+)$/s;

/** The files of a Claude directory that lie in its trash, by the path that they came from; each path once. */
export function trashedIn(files: Files): Map<string, FileState> {
  const trashed = new Map<string, FileState>();
  for (const [path, state] of files) {
    const origin = TRASHED.exec(path)?.[1];
    if (origin === undefined) continue;
    if (trashed.has(origin)) throw new Error(`${origin} lies in the trash twice`);
    trashed.set(origin, state);
  }
  return trashed;
}

/** The files of a Claude directory that are Claude's own. */
export function outsideSweeper(files: Files): Map<string, FileState> {
  return new Map([...files].filter(([path]) => !path.startsWith('session-sweeper/')));
}

/** By path: one line for each entry. */
export type Fingerprint = ReadonlyMap<string, string>;

/** Files by content and time, directories by their mode: what a run changes that must change nothing. */
export function looksOf(root: string): Fingerprint {
  const looks = new Map<string, string>();
  walk(root, (path, stats, full) => {
    const { hash, mtimeNs } = stateWith(full, stats);
    looks.set(path, stats.isDirectory() ? `directory ${stats.mode.toString(8)}` : `${hash} ${mtimeNs}`);
  });
  return looks;
}

/** Every entry with all that its inode tells; the change time gives away even what was undone. */
export function fingerprintOf(root: string): Fingerprint {
  const prints = new Map<string, string>();
  walk(root, (path, stats, full) => {
    const { mode, uid, gid, nlink, ino, size, mtimeNs, ctimeNs } = stats;
    const fields = [mode.toString(8), uid, gid, nlink, ino, size, mtimeNs, ctimeNs, contentOf(full, stats)];
    prints.set(path, fields.join(' '));
  });
  return prints;
}

/**
 * One sentence for everything that is not as it was.
 * @param mayDiffer paths of which nothing is said
 */
export function differences(before: Fingerprint, after: Fingerprint, mayDiffer?: RegExp): string[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])];
  return paths.flatMap((path) => {
    const [was, is] = [before.get(path), after.get(path)];
    if (was === is || mayDiffer?.test(path)) return [];
    if (was === undefined) return [`${path} is new`];
    return is === undefined ? [`${path} is gone`] : [`${path} was ${was}, is ${is}`];
  });
}

export interface FileTrace {
  readonly paths: readonly string[];
  readonly mtimeNs: bigint;
  readonly content: string;
}

/** By inode: a rename keeps it. */
export type Traces = ReadonlyMap<bigint, FileTrace>;

/** Every regular file below the directories, wherever it has gone. */
export function tracesOf(directories: readonly string[]): Traces {
  const traces = new Map<bigint, { paths: string[]; mtimeNs: bigint; content: string }>();
  for (const directory of directories) {
    walk(directory, (path, stats, full) => {
      if (!stats.isFile()) return;
      const known = traces.get(stats.ino);
      const paths = [join(directory, path)];
      if (known !== undefined) known.paths.push(...paths);
      else traces.set(stats.ino, { paths, mtimeNs: stats.mtimeNs, content: contentOf(full, stats) });
    });
  }
  return traces;
}
