/** What goes wrong for a whole run: a live source that cannot be asked, or a ledger that takes no record. Nothing more is begun then. */

import { OperatingError } from '../errors.ts';

/** Everything else is the trouble of one place, and the run goes on with the others. */
export class WholeRunError extends OperatingError {
  constructor(error: OperatingError) {
    super(error.kind, error.message, { cause: error });
    this.name = 'WholeRunError';
  }
}

/** Calls what the whole run depends on. @throws WholeRunError where it fails as something outside of the program */
export function neededByRun<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw error instanceof OperatingError ? new WholeRunError(error) : error;
  }
}
