/** Imported before the program: where it renames a file of a session, it dies as by a fault in native code. */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

// The native part makes its own calls.
process.env.SESSION_SWEEPER_NATIVE = 'off';
const { renameSync } = fs;

fs.renameSync = (...paths) => (String(paths[0]).endsWith('.json.new') ? renameSync(...paths) : process.abort());
syncBuiltinESMExports();
