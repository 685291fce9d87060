/** Starts the program proper, which is in one file with its code cache beside it. */

import { fileURLToPath } from 'node:url';
import { loadScript, runScript } from '../process/code-cache.ts';
import { keepHeapsSmall } from '../process/small-heap.ts';

const path = fileURLToPath(new URL('./process.js', import.meta.url));
// V8 takes a code cache only under the flags that it was made under: they come first.
keepHeapsSmall();
runScript(loadScript(path), path);
