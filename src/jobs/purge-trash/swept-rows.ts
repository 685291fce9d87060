/** Ends the time of swept rows in the ledger: those of one sweep together, when the last of them has lain as long as a session may. */

import type { SweptRowTrash } from '../ledger-contracts.ts';

export interface SweptRowRules {
  readonly keepMs: number;
  readonly nowMs: number;
  unwitnessedMs(sinceMs: number): number;
  readonly dryRun: boolean;
}

/** @returns how many rows went, or would go */
export function purgeSweptRows(
  sweptRows: SweptRowTrash,
  { keepMs, nowMs, unwitnessedMs, dryRun }: SweptRowRules,
): number {
  let purged = 0;
  for (const { rows, lastSweptAtMs, ...run } of sweptRows.sweptRuns()) {
    // What a clock of the future has swept stays until that time is over, too.
    if (nowMs - lastSweptAtMs - unwitnessedMs(lastSweptAtMs) <= keepMs) continue;
    purged += dryRun ? rows : sweptRows.purgeSwept(run, nowMs);
  }
  return purged;
}
