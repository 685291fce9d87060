/** Opens the ledger for a process that runs jobs: a damaged one does not stop the work. */

import { throwIfUnsafeStateDir } from '../files/state-dir-safety.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { Logger } from '../log.ts';
import type { Requester } from '../process/actor.ts';
import { giveUpStateReserveIfFull } from './state-reserve.ts';

/** @throws OperatingError where it can be neither opened nor begun anew, or where its directory is not one to write in */
export function openLedger(stateDir: string, log: Logger, requester?: Requester): Ledger {
  throwIfUnsafeStateDir(stateDir);
  giveUpStateReserveIfFull(stateDir);
  const onSetAside = (keptAs: string) => {
    log.warn({ stateDir, keptAs }, 'ledger damaged: a new one is begun, and filled from the trash by the next prune');
  };
  return Ledger.openOrBegin(stateDir, onSetAside, requester);
}
