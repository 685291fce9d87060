/**
 * Imported before the program as `hang-in-run.mjs?pipe=PATH`: where it renames a file of a session for the first time, it hangs in a
 * system call, as on a disk that does not answer, until something comes out of the pipe. `PATH.reached` is there from then on.
 */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

// The native part makes its own calls.
process.env.SESSION_SWEEPER_NATIVE = 'off';
const { renameSync } = fs;
const pipe = new URL(import.meta.url).searchParams.get('pipe');

fs.renameSync = (...paths) => {
  if (String(paths[0]).endsWith('.json.new')) return renameSync(...paths);
  fs.renameSync = renameSync;
  syncBuiltinESMExports();
  const fd = fs.openSync(pipe, 'r+');
  fs.writeFileSync(`${pipe}.reached`, '');
  fs.readSync(fd, Buffer.alloc(1));
  fs.closeSync(fd);
  renameSync(...paths);
};
syncBuiltinESMExports();
