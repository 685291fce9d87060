/** The reserve of the state directory: room for what runs write down, given up before a full disk would fail them. */

import { realpathSync } from 'node:fs';
import { errorCode } from '../errors.ts';
import { AnchoredDir } from '../files/anchored-dir.ts';
import { tendReserve } from '../files/reserve.ts';

/** Gives it up where hardly anything is left, and makes it where there is plenty; nothing that goes wrong with it is worth a run. */
export function tendStateReserve(stateDir: string): void {
  let directory: AnchoredDir | undefined;
  try {
    directory = AnchoredDir.open(realpathSync(stateDir));
    tendReserve(directory);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  } finally {
    directory?.close();
  }
}
