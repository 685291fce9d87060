/**
 * After the compiler: puts the program's own modules together, so that starting it reads a few files and not a hundred. The library is used
 * as it was compiled. CommonJS, which Node loads in half the time of as many ES modules, and can run by a code cache.
 */

import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const DIST = new URL('../dist/', import.meta.url);
const inDist = (path) => fileURLToPath(new URL(path, DIST));

/** Which Nodes serve, and then what starts the program: in syntax that old Nodes read. */
const FIRST = { main: 'main.js' };
/** The program proper: what a run by hand takes is one file with one code cache, the other commands are loaded where they are asked for. */
const PROGRAM = { process: 'cli/process.js' };
const EVERY_RUN = /\/dist\/cli\/(process|program|run)\.js$/;
/** The scripts that its processes and threads are started with: they find each other by name in one directory. */
const SCRIPTS = {
  'child-main': 'runs/child-main.js',
  'scan-thread': 'scan/scan-thread.js',
  'query-main': 'live-sources/configured/query-main.js',
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

/** V8 reads a source twice as fast that has no other characters; where ours has them, all of them stand in strings and templates. */
const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
const IN_ASCII = {
  name: 'in-ascii',
  generateBundle: (_, bundle) => {
    for (const chunk of Object.values(bundle)) chunk.code = chunk.code.replace(/[^\n -~\t]/g, escaped);
  },
};

async function putTogether(entries, output = {}) {
  const bundle = await rolldown({
    input: Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, inDist(path)])),
    external: (id, importer) => isPackage(id) && !isCommanders(id, importer),
    platform: 'node',
    // What is put into one file is loaded with it, also where it is asked for later.
    checks: { ineffectiveDynamicImport: false },
    plugins: [LAZY_CHILD_PROCESS, IN_ASCII],
  });
  await bundle.write({
    dir: inDist('program'),
    format: 'cjs',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    comments: false,
    ...output,
  });
}

await putTogether(FIRST);
await putTogether(PROGRAM, { codeSplitting: { groups: [{ name: 'process', test: EVERY_RUN }] } });
// What they load later has names of its own: else it would take the place of the program's, and bring the script along into that.
await putTogether(SCRIPTS, { chunkFileNames: '[name].script.js' });
for (const name of BUILT_IN) {
  copyFileSync(new URL(`../node_modules/${name}/LICENSE`, import.meta.url), inDist(`program/${name}-LICENSE`));
}
writeFileSync(inDist('program/package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);
chmodSync(inDist('program/main.js'), 0o755);
// Nobody is to start what was compiled alone: what is tested is what is installed.
for (const path of ['main.js', 'main.d.ts', 'cli']) rmSync(inDist(path), { recursive: true });
