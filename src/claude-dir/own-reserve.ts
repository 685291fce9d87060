/** The reserve of a Claude directory: room on the file system of its trash, for the record of what is removed. */

import { errorCode } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { giveUpReserve, keepReserve, reservedRoom } from '../files/reserve.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { SWEEPER_DIRECTORY } from './layout.ts';

/** What giving it up would free. */
export function reservedRoomOf(claudeDir: ClaudeDir): { readonly bytes: number; readonly inodes: number } {
  return inOurs(claudeDir, { bytes: 0, inodes: 0 }, reservedRoom);
}

/** The caller holds the lock. @returns how many bytes it was */
export function giveUpReserveOf(claudeDir: ClaudeDir): number {
  return inOurs(claudeDir, 0, giveUpReserve);
}

/** Makes it where there is plenty of room. The caller holds the lock. */
export function keepReserveOf(claudeDir: ClaudeDir): void {
  inOurs(claudeDir, undefined, keepReserve);
}

/** Without a reserve, there is as much room as there is: nothing that goes wrong with it is worth a run. */
function inOurs<T>(claudeDir: ClaudeDir, none: T, use: (ours: AnchoredDir) => T): T {
  let ours: AnchoredDir | undefined;
  try {
    ours = claudeDir.root.openChild(SWEEPER_DIRECTORY);
    return use(ours);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return none;
  } finally {
    ours?.close();
  }
}
