/** How much of the disk lies below our own directory in a Claude directory, whatever it is: allocated blocks, looked up and not remembered. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { COMPANION_PATHS, SWEEPER_DIRECTORY, TRASH_DIRECTORY } from '../claude-dir/layout.ts';
import { DEPTH_MAX } from '../claude-dir/measure.ts';
import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { factsBelow } from '../files/facts-below.ts';

/** In which the system counts what is allocated. */
const BLOCK_BYTES = 512;
/** Trash, run and the mirrored path lie above what a session nests. */
const LEVELS_MAX = DEPTH_MAX + 8;

/** All of ours, the trash and a reserve among it. What cannot be looked at counts as nothing: it would not be purged either. */
export function sweeperDiskBytes({ root }: ClaudeDir): number {
  return diskBytesAt(root, [SWEEPER_DIRECTORY]);
}

/** The directories that sessions lie in: none is a session's, and each takes blocks of its own. */
export function placesDiskBytes({ root, projects }: ClaudeDir): number {
  const ofPlaces = COMPANION_PATHS.map((path) => factsUnlessElsewhere(root, path));
  const ofProjects = projects.entries().flatMap(({ name, kind }) => (kind === 'directory' ? projects.lstat(name) : []));
  const directories = [...ofPlaces, ...ofProjects].filter((facts) => facts?.isDirectory());
  return (projects.blocks + directories.reduce((sum, facts) => sum + (facts?.blocks ?? 0), 0)) * BLOCK_BYTES;
}

/** Undefined too where a symlink leads out of the Claude directory, or a place is closed. */
function factsUnlessElsewhere(root: AnchoredDir, path: readonly ByteName[]): ReturnType<typeof factsBelow> {
  try {
    return factsBelow(root, path);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || isExhaustion(code)) throw error;
    return undefined;
  }
}

export function trashDiskBytes({ root }: ClaudeDir): number {
  return diskBytesAt(root, [SWEEPER_DIRECTORY, TRASH_DIRECTORY]);
}

function diskBytesAt(parent: AnchoredDir, [name, ...rest]: readonly ByteName[]): number {
  if (name === undefined) return diskBytesBelow(parent, LEVELS_MAX);
  let child: AnchoredDir;
  try {
    child = parent.openChild(name);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return 0;
  }
  try {
    return diskBytesAt(child, rest);
  } finally {
    child.close();
  }
}

function diskBytesBelow(directory: AnchoredDir, levels: number): number {
  let bytes = directory.blocks * BLOCK_BYTES;
  for (const { name, kind } of directory.entries()) {
    if (kind !== 'directory') {
      const facts = directory.lstat(name);
      if (facts !== undefined) bytes += (facts.blocks * BLOCK_BYTES) / facts.nlink;
      continue;
    }
    if (levels === 0) continue;
    try {
      const child = directory.openChild(name);
      try {
        if (child.dev === directory.dev) bytes += diskBytesBelow(child, levels - 1);
      } finally {
        child.close();
      }
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined || isExhaustion(code)) throw error;
    }
  }
  return bytes;
}
