/** Looks in the trash for further names of files: what lies there is the Claude directory's still. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { SWEEPER_DIRECTORY, TRASH_DIRECTORY } from '../claude-dir/layout.ts';
import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';

/** As deep as a part of a session may be, in the mirror of its place. */
const DEPTH_MAX = 40;

/**
 * Comes to rest after each folder of the trash. What cannot be read is passed over: a name that is not seen keeps its session.
 * @param places names of directories of the Claude directory: those that the files lie in
 * @param wanted inodes
 * @param onLink called for each name of one of them
 */
export function* trashedLinks(
  { root }: ClaudeDir,
  places: ReadonlySet<ByteName>,
  wanted: ReadonlySet<number>,
  onLink: (inode: number, names: number) => void,
): Generator<undefined> {
  const visit = (directory: AnchoredDir, depth: number) => {
    for (const { name, kind } of directory.entries()) {
      if (kind === 'directory' && depth < DEPTH_MAX) inChild(directory, name, (child) => visit(child, depth + 1));
      if (kind !== 'file') continue;
      const facts = directory.lstat(name);
      if (facts !== undefined && facts.nlink > 1 && wanted.has(facts.ino)) onLink(facts.ino, facts.nlink);
    }
  };
  for (const folder of foldersIn(root)) {
    yield;
    const path = [SWEEPER_DIRECTORY, TRASH_DIRECTORY, folder];
    for (const place of places) inDirectory(root, [...path, place], (directory) => visit(directory, 0));
  }
}

function foldersIn(root: AnchoredDir): ByteName[] {
  let folders: ByteName[] = [];
  inDirectory(root, [SWEEPER_DIRECTORY, TRASH_DIRECTORY], (trash) => {
    folders = trash.entries().map(({ name }) => name);
  });
  return folders;
}

function inDirectory(parent: AnchoredDir, path: readonly ByteName[], use: (directory: AnchoredDir) => void): void {
  const [name, ...rest] = path;
  if (name === undefined) use(parent);
  else inChild(parent, name, (child) => inDirectory(child, rest, use));
}

function inChild(parent: AnchoredDir, name: ByteName, use: (directory: AnchoredDir) => void): void {
  try {
    const child = parent.openChild(name);
    try {
      // Inodes of another file system are other files.
      if (child.dev === parent.dev) use(child);
    } finally {
      child.close();
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || isExhaustion(code)) throw error;
  }
}
