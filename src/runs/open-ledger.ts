/** Opens the ledger for a process that runs jobs: a damaged one does not stop the work. */

import { Ledger } from '../ledger/ledger.ts';
import type { Logger } from '../log.ts';
import { giveUpStateReserveIfFull } from './state-reserve.ts';

/** @throws OperatingError where it can be neither opened nor begun anew */
export function openLedger(stateDir: string, log: Logger): Ledger {
  giveUpStateReserveIfFull(stateDir);
  return Ledger.openOrBegin(stateDir, (keptAs) => {
    log.warn({ stateDir, keptAs }, 'ledger damaged: a new one is begun, and filled from the trash by the next prune');
  });
}
