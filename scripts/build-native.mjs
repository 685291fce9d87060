/**
 * Compiles the native part for this system with the C compiler that is here; a Node-API addon takes no more than that, and serves every
 * Node. Where there is no compiler, or none that can, it says so and goes on: Node's own calls do the same, slower.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const inTop = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const inNative = (names) => names.map((name) => inTop(`native/${name}`));
const SOURCES = inNative(['addon.c', 'calls.c', 'look.c', 'measure.c', 'move.c', 'scan.c']);
const HEADERS = [
  ...inNative(['addon.h', 'look.h', 'measure.h', 'move.h', 'request.h', 'scan.h', 'system.h']),
  inTop('scripts/build-native.mjs'),
];
const OUTPUT = inTop(`native/build/${process.platform}-${process.arch}.node`);

const FLAGS = [
  ...['-shared', '-fPIC', '-O2', '-std=gnu11', '-D_GNU_SOURCE', '-fvisibility=hidden'],
  // Times are computed as JavaScript does, on every processor.
  '-ffp-contract=off',
  // The C library is the one that Node has loaded, glibc or musl, whichever release.
  '-nodefaultlibs',
  ...['-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion', '-Wstrict-prototypes'],
  // A compiler that is yet to come may warn of more: that must not keep anybody from building.
  ...(process.env.CI ? ['-Werror'] : []),
];

if (process.platform === 'linux' && !isUpToDate()) build();

function build() {
  mkdirSync(inTop('native/build'), { recursive: true });
  const made = `${OUTPUT}.${process.pid}`;
  const include = `-I${inTop('node_modules/node-api-headers/include')}`;
  const { error, status, stderr } = spawnSync('cc', [...FLAGS, include, ...SOURCES, '-o', made], { encoding: 'utf8' });
  if (error === undefined && status === 0) {
    // At once: a process that runs has the former one mapped.
    renameSync(made, OUTPUT);
    return;
  }
  rmSync(made, { force: true });
  const why =
    error?.code === 'ENOENT' ? 'there is no C compiler (apt-get install gcc libc6-dev)' : stderr || error?.message;
  console.error(`The native part was not built: scans take longer by it, and do the same. ${why}`);
  if (process.env.CI) process.exitCode = 1;
}

function isUpToDate() {
  try {
    const builtAt = statSync(OUTPUT).mtimeMs;
    return [...SOURCES, ...HEADERS].every((path) => statSync(path).mtimeMs <= builtAt);
  } catch {
    return false;
  }
}
