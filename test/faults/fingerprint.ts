/** What whole directories look like, so exactly that nothing can be done in them unseen; and where single files have gone. */

import { createHash } from 'node:crypto';
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** By path below the directory. */
export type Fingerprint = ReadonlyMap<string, string>;

export interface FileTrace {
  readonly paths: readonly string[];
  readonly content: string;
}

/** By inode: a rename keeps it. */
export type Traces = ReadonlyMap<bigint, FileTrace>;

/** Every entry below a directory with all that its inode tells; the change time gives away even what was undone. */
export function fingerprintOf(directory: string): Fingerprint {
  const prints = new Map<string, string>();
  walk(directory, '', (path, stats) => {
    const { mode, uid, gid, nlink, ino, size, mtimeNs, ctimeNs } = stats;
    const fields = [
      mode.toString(8),
      uid,
      gid,
      nlink,
      ino,
      size,
      mtimeNs,
      ctimeNs,
      contentOf(join(directory, path), stats),
    ];
    prints.set(path, fields.join(' '));
  });
  return prints;
}

/** One sentence for everything that is not as it was. */
export function differences(name: string, before: Fingerprint, after: Fingerprint): string[] {
  const faults: string[] = [];
  for (const [path, print] of before) {
    const now = after.get(path);
    if (now === undefined) faults.push(`${name}: ${path} is gone`);
    else if (now !== print) faults.push(`${name}: ${path} was ${print}, is ${now}`);
  }
  for (const path of after.keys()) if (!before.has(path)) faults.push(`${name}: ${path} is new`);
  return faults;
}

/** Every regular file below the directories. */
export function tracesOf(directories: readonly string[]): Traces {
  const traces = new Map<bigint, { paths: string[]; content: string }>();
  for (const directory of directories) {
    walk(directory, '', (path, stats) => {
      if (!stats.isFile()) return;
      const full = join(directory, path);
      const known = traces.get(stats.ino);
      if (known === undefined)
        traces.set(stats.ino, { paths: [full], content: `${stats.mtimeNs} ${contentOf(full, stats)}` });
      else known.paths.push(full);
    });
  }
  return traces;
}

function walk(directory: string, relative: string, visit: (path: string, stats: BigIntStats) => void): void {
  for (const name of readdirSync(join(directory, relative))) {
    const path = relative === '' ? name : `${relative}/${name}`;
    const stats = lstatSync(join(directory, path), { bigint: true });
    visit(path, stats);
    if (stats.isDirectory()) walk(directory, path, visit);
  }
}

/** An empty file is not opened: closing it would give back a lock that this process holds on it. */
function contentOf(path: string, stats: BigIntStats): string {
  if (stats.isSymbolicLink()) return readlinkSync(path);
  if (!stats.isFile() || stats.size === 0n) return '-';
  return createHash('sha1').update(readFileSync(path)).digest('hex');
}
