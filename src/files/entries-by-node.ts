/** Lists a directory and reads a symlink by Node's own calls, whatever names are and whether or not the file system tells kinds with them. */

import { type Dirent, readdirSync, readlinkSync } from 'node:fs';
import { errorCode } from '../errors.ts';
import { type ByteName, byteNameFromSystem } from './byte-name.ts';
import type { DirEntry, EntryKind, FileFacts } from './native-calls.ts';

/** @param path with a slash at its end @param lstat of an entry; undefined for one that is gone @throws the system's error */
export function entriesByNode(path: string, lstat: (name: ByteName) => FileFacts | undefined): DirEntry[] {
  try {
    return readdirSync(path, { encoding: 'latin1', withFileTypes: true }).map((entry) => {
      return { name: byteNameFromSystem(entry.name), kind: kindOf(entry) };
    });
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  // Where the file system tells no kinds, Node looks at each entry by its own idea of the name, and fails where that is not UTF-8.
  return readdirSync(path, 'latin1').flatMap((text) => {
    const name = byteNameFromSystem(text);
    const facts = lstat(name);
    return facts === undefined ? [] : [{ name, kind: kindOf(facts) }];
  });
}

/** Those of the entries that are to be seen, as they are called here. */
export function seenAmong(entries: readonly DirEntry[], seen: ReadonlyMap<ByteName, ByteName>): DirEntry[] {
  return [...seen].flatMap(([name, onDisk]) => {
    const entry = entries.find((one) => one.name === onDisk);
    return entry === undefined ? [] : [{ ...entry, name }];
  });
}

/** Undefined where it is no symlink, or is gone. */
export function linkTargetAt(path: string | Buffer): string | undefined {
  try {
    return readlinkSync(path, { encoding: 'latin1' });
  } catch (error) {
    if (errorCode(error) === 'EINVAL' || errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function kindOf(entry: Pick<Dirent, 'isFile' | 'isDirectory'>): EntryKind {
  if (entry.isFile()) return 'file';
  return entry.isDirectory() ? 'directory' : 'other';
}
