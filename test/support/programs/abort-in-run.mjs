/** Imported before the program: where it renames a file, it dies as by a fault in native code. */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

fs.renameSync = () => process.abort();
syncBuiltinESMExports();
