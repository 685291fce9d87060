/** A ledger as of a host that has lived through it all: nothing is unwitnessed, and the clock has never jumped. */

import type { ClockGap } from '../../src/jobs/ledger-contracts.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { systemUptime } from '../../src/process/machine-clock.ts';

/**
 * @param nowMs what the clock of the host says now, Unix epoch ms
 * @param gaps what it has not lived through
 */
export function witnessAll(stateDir: string, nowMs: number, gaps: readonly ClockGap[] = []): void {
  const ledger = Ledger.open(stateDir);
  try {
    const last = { ...systemUptime(), wallMs: nowMs };
    ledger.recordClockHistory({ sinceMs: 0, last, jumpMs: 0, absenceMs: 0, stoodMs: 0, gaps });
  } finally {
    ledger.close();
  }
}
