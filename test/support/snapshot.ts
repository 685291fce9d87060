/** What is on disk, seen with independent eyes: plain node:fs, none of the program's own code. */

import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export interface FileState {
  readonly hash: string;
  readonly mtimeNs: bigint;
}

/** Every file and symlink below a directory, by relative path. */
export function snapshot(root: string): Map<string, FileState> {
  const files = new Map<string, FileState>();
  const walk = (relative: string) => {
    for (const entry of readdirSync(join(root, relative), { withFileTypes: true })) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else files.set(path, stateOf(join(root, path)));
    }
  };
  walk('');
  return files;
}

export function stateOf(path: string): FileState {
  const stats = lstatSync(path, { bigint: true });
  const content = stats.isSymbolicLink()
    ? readlinkSync(path)
    : stats.isFile()
      ? readFileSync(path)
      : String(stats.mode);
  return { hash: createHash('sha256').update(content).digest('hex'), mtimeNs: stats.mtimeNs };
}

const TRASHED = /^session-sweeper\/trash\/[^/]+\/(?!manifest\.jsonl$)(.+)$/;

/** The files of a snapshot that lie in the trash, by the path that they came from; each path once. */
export function trashedIn(files: ReadonlyMap<string, FileState>): Map<string, FileState> {
  const trashed = new Map<string, FileState>();
  for (const [path, state] of files) {
    const origin = TRASHED.exec(path)?.[1];
    if (origin === undefined) continue;
    if (trashed.has(origin)) throw new Error(`${origin} lies in the trash twice`);
    trashed.set(origin, state);
  }
  return trashed;
}

/** The files of a snapshot that are Claude's own. */
export function outsideSweeper(files: ReadonlyMap<string, FileState>): Map<string, FileState> {
  return new Map([...files].filter(([path]) => !path.startsWith('session-sweeper/')));
}
