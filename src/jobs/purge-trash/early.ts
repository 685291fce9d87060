/** Asks the disk of one place whether anything is to go from its trash early, by the limits that an operator has set; mostly nothing is. */

import { RESERVE_BYTES, RESERVE_INODES, ROOM_FOR_RESERVE_BYTES } from '../../files/reserve.ts';
import { hasRoom } from '../../files/room.ts';
import type { OpenTrash } from './place.ts';
import { type EarlyLimits, type EarlyPlan, type LiveNames, planEarly } from './plan.ts';

/** What the disk is to be, where anybody has said so. */
export interface DiskLimits {
  readonly maxTotalBytes: number | 'off';
  readonly minFreeBytes: number | 'off';
  readonly keepAtLeastMs: number;
}

export interface EarlyQuestion extends Pick<EarlyLimits, 'keepMs'> {
  readonly limits: DiskLimits;
  readonly live: LiveNames;
  readonly nowMs: number;
  unwitnessedMs(sinceMs: number): number;
  shouldStop(): Promise<boolean>;
}

export const NOTHING_EARLY: EarlyPlan = { sessionIds: new Set(), keepAtLeastMs: 0, missingBytes: 0 };

/**
 * Where the disk is full, nobody can write there any more, Claude included: then what has lain longest goes without any limit and however
 * short its time was, until there is room for the reserve again.
 */
export async function earlyPlanOf(
  trash: Pick<OpenTrash, 'room' | 'diskUse'>,
  { limits, keepMs, live, nowMs, unwitnessedMs, shouldStop }: EarlyQuestion,
): Promise<EarlyPlan> {
  const { maxTotalBytes, minFreeBytes } = limits;
  const isFull = !hasRoom(trash.room(), RESERVE_BYTES, RESERVE_INODES);
  if (maxTotalBytes === 'off' && minFreeBytes === 'off' && !isFull) return NOTHING_EARLY;
  const { takenBytes, freeBytes, trashed } = await trash.diskUse(shouldStop);
  const lackingOf = (wantedBytes: number | 'off') => {
    return wantedBytes === 'off' || freeBytes === undefined ? 0 : wantedBytes - freeBytes;
  };
  const overBytes = maxTotalBytes === 'off' ? 0 : takenBytes - maxTotalBytes;
  const neededBytes = Math.max(overBytes, lackingOf(minFreeBytes));
  if (await shouldStop()) return NOTHING_EARLY;
  const plan = (needed: number, keepAtLeastMs: number) => {
    const early = { keepMs, keepAtLeastMs, neededBytes: needed };
    return planEarly(trashed, live, early, nowMs, unwitnessedMs);
  };
  const byLimits = neededBytes > 0 ? plan(neededBytes, limits.keepAtLeastMs) : NOTHING_EARLY;
  // Of one that is full of files, any session frees some.
  const urgentBytes = isFull ? Math.max(1, lackingOf(ROOM_FOR_RESERVE_BYTES)) : 0;
  // Where the limits alone bring as much, nothing goes that they would spare.
  if (urgentBytes <= Math.max(0, neededBytes) - byLimits.missingBytes) return byLimits;
  const urgent = plan(urgentBytes, Number.NEGATIVE_INFINITY);
  // All of a small trash would be lost, and the disk as full as before.
  return urgent.missingBytes > 0 ? byLimits : urgent;
}
