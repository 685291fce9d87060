/**
 * After the compiler: puts the program's own modules together, so that starting it reads a few files and not a hundred. The library is used
 * as it was compiled. CommonJS, which Node loads in half the time of as many ES modules.
 */

import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const DIST = new URL('../dist/', import.meta.url);
const inDist = (path) => fileURLToPath(new URL(path, DIST));

/** The program, and the scripts that its processes and threads are started with: they find each other by name in one directory. */
const ENTRIES = {
  main: 'main.js',
  'run-process': 'runs/run-process.js',
  'scan-thread': 'scan/scan-thread.js',
  'parent-watch-thread': 'process/parent-watch-thread.js',
};
/** What every command loads is built in, with its licence. Other packages stay where they are installed. */
const BUILT_IN = JSON.parse(readFileSync(new URL('bundled-packages.json', import.meta.url), 'utf8'));
const CHILD_PROCESS = '\0child-process-of-commander';

const isPackage = (id) => /^[^./\0]/.test(id) && !BUILT_IN.includes(id);
const isCommanders = (id, importer) => id === 'node:child_process' && importer?.includes('/node_modules/commander/');

/** Commander could start subcommands as programs of their own, and none of ours is one: loading what that takes can wait for ever. */
const LAZY_CHILD_PROCESS = {
  name: 'lazy-child-process',
  resolveId: (id, importer) => (isCommanders(id, importer) ? CHILD_PROCESS : undefined),
  load: (id) =>
    id === CHILD_PROCESS ? `exports.spawn = (...args) => require('node:child_process').spawn(...args);` : undefined,
};

const bundle = await rolldown({
  input: Object.fromEntries(Object.entries(ENTRIES).map(([name, path]) => [name, inDist(path)])),
  external: (id, importer) => isPackage(id) && !isCommanders(id, importer),
  platform: 'node',
  plugins: [LAZY_CHILD_PROCESS],
});
await bundle.write({
  dir: inDist('program'),
  format: 'cjs',
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  comments: false,
});
for (const name of BUILT_IN) {
  copyFileSync(new URL(`../node_modules/${name}/LICENSE`, import.meta.url), inDist(`program/${name}-LICENSE`));
}
writeFileSync(inDist('program/package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);
chmodSync(inDist('program/main.js'), 0o755);
// Nobody is to start what was compiled alone: what is tested is what is installed.
for (const path of ['main.js', 'main.d.ts', 'cli']) rmSync(inDist(path), { recursive: true });
