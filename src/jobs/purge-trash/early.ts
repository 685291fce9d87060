/** Asks the disk of one place whether anything is to go from its trash early, by the limits that an operator has set; mostly nothing is. */

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

export const NOTHING_EARLY: EarlyPlan = { sessionIds: new Set(), missingBytes: 0 };

export async function earlyPlanOf(
  trash: Pick<OpenTrash, 'diskUse'>,
  { limits, keepMs, live, nowMs, unwitnessedMs, shouldStop }: EarlyQuestion,
): Promise<EarlyPlan> {
  const { maxTotalBytes, minFreeBytes, keepAtLeastMs } = limits;
  if (maxTotalBytes === 'off' && minFreeBytes === 'off') return NOTHING_EARLY;
  const { takenBytes, freeBytes, trashed } = await trash.diskUse(shouldStop);
  const overBytes = maxTotalBytes === 'off' ? 0 : takenBytes - maxTotalBytes;
  const lackingBytes = minFreeBytes === 'off' || freeBytes === undefined ? 0 : minFreeBytes - freeBytes;
  const neededBytes = Math.max(overBytes, lackingBytes);
  if (neededBytes <= 0 || (await shouldStop())) return NOTHING_EARLY;
  return planEarly(trashed, live, { keepMs, keepAtLeastMs, neededBytes }, nowMs, unwitnessedMs);
}
