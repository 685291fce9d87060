/** open-process STATE_DIR: opens the ledger, and writes what came of it. */

import { Ledger } from '../../dist/ledger/ledger.js';

try {
  Ledger.open(process.argv[2]).close();
  process.stdout.write('opened');
} catch (error) {
  process.stdout.write(String(error.kind));
}
