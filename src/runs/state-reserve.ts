/** The reserve of the state directory: room for what runs write down, given up before a full disk would fail them. */

import { realpathSync } from 'node:fs';
import { errorCode } from '../errors.ts';
import { AnchoredDir } from '../files/anchored-dir.ts';
import { giveUpReserveIfFull, keepReserve } from '../files/reserve.ts';

/** Before anything is written. */
export function giveUpStateReserveIfFull(stateDir: string): void {
  inStateDir(stateDir, giveUpReserveIfFull);
}

/** Makes it where there is plenty of room. */
export function keepStateReserve(stateDir: string): void {
  inStateDir(stateDir, keepReserve);
}

/** Nothing that goes wrong with it is worth a run. */
function inStateDir(stateDir: string, use: (directory: AnchoredDir) => void): void {
  let directory: AnchoredDir | undefined;
  try {
    directory = AnchoredDir.open(realpathSync(stateDir));
    use(directory);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  } finally {
    directory?.close();
  }
}
