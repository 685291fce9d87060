/** Keeps a prune from running out of space half-way, which is the worst place: then nothing is begun. */

import { formatBytes } from '../../format/byte-size.ts';
import type { Held } from './guards.ts';

/** What a session may need for its lines in the manifest and the ledger, and for directories in the trash. */
const SPACE_PER_SESSION_BYTES = 1_024;
const SPACE_MIN_BYTES = 2 ** 16;

/** @param freeBytes undefined where it cannot be told */
export function freeSpace(place: string, removals: number, freeBytes: number | undefined): Held | undefined {
  const neededBytes = SPACE_MIN_BYTES + removals * SPACE_PER_SESSION_BYTES;
  if (removals === 0 || freeBytes === undefined || freeBytes >= neededBytes) return undefined;
  return {
    guard: 'free-space',
    message: `${formatBytes(freeBytes)} are free where ${place} is, and the record of ${removals} sessions may need ${formatBytes(neededBytes)}: nothing is removed; purge the trash or free some space first`,
  };
}
