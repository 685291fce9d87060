/** How much of the disk lies below our own directory in a Claude directory, whatever it is: allocated blocks, looked up and not remembered. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { SWEEPER_DIRECTORY } from '../claude-dir/layout.ts';
import { DEPTH_MAX } from '../claude-dir/measure.ts';
import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';

/** In which the system counts what is allocated. */
const BLOCK_BYTES = 512;
/** Trash, run and the mirrored path lie above what a session nests. */
const LEVELS_MAX = DEPTH_MAX + 8;

/** What cannot be looked at counts as nothing: it would not be purged either. */
export function sweeperDiskBytes({ root }: ClaudeDir): number {
  let ours: AnchoredDir;
  try {
    ours = root.openChild(SWEEPER_DIRECTORY);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return 0;
  }
  try {
    return diskBytesBelow(ours, LEVELS_MAX);
  } finally {
    ours.close();
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
