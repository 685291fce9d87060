/** exit-in-scan DIRECTORY CODE: has the native part look at a directory a million times, and exits while it does. */

import { openSync, statSync } from 'node:fs';
import { exitAtOnce } from '../../../dist/files/exit-at-once.js';
import { callNatively, nativePart } from '../../../dist/files/native-part.js';

const [directory, code] = process.argv.slice(2);
const TASKS = 1_000_000;
// A share of which nothing is: it takes long, and no memory.
const task = [openSync(directory, 'r'), 0, 1, 255, 256, 2, 0, 2, 0];
const words = new Uint32Array(4 + TASKS * task.length);
const { dev } = statSync(directory);
words.set([dev % 2 ** 32, Math.floor(dev / 2 ** 32), 0, 0xffffffff]);
for (let at = 4; at < words.length; at += task.length) words.set(task, at);
void callNatively(nativePart(), 'scan', words, Buffer.from('.\0\0'), new Int32Array(1));
process.on('exit', () => process.stdout.write('told'));
setImmediate(() => exitAtOnce(Number(code)));
