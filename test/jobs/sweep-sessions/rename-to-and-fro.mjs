/** Renames a file from one directory to the other and back, as fast as it can, until it is killed. */

import { renameSync } from 'node:fs';
import { join } from 'node:path';

const [, , left, right, name] = process.argv;
process.send?.('begun');
for (;;) {
  renameSync(join(right, name), join(left, name));
  renameSync(join(left, name), join(right, name));
}
