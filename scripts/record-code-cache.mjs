/** Is a program's process: `record-code-cache.mjs SCRIPT ARGUMENT…` runs it, and writes its code cache when it ends, whatever with. */

import { readFileSync, writeFileSync } from 'node:fs';
import { codeCacheFile, codeCachePath, loadScript, runScript } from '../dist/process/code-cache.js';
import { keepHeapsSmall } from '../dist/process/small-heap.js';

const [path] = process.argv.splice(2, 1);
// As when the program is started: V8 refuses what was made under other flags.
keepHeapsSmall();
const script = loadScript(path);
process.on('exit', () =>
  writeFileSync(codeCachePath(path), codeCacheFile(readFileSync(path), script.createCachedData())),
);
runScript(script, path);
