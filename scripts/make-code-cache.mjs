/**
 * After the modules are put together: runs the program once where there is nothing to do, and keeps what V8 has compiled for that as its
 * code cache. To be done by the Node that is to run the program; any other one compiles as ever.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeCachePath } from '../dist/process/code-cache.js';

const PROGRAM = fileURLToPath(new URL('../dist/program/process.js', import.meta.url));
const RECORDER = fileURLToPath(new URL('record-code-cache.mjs', import.meta.url));

const directory = mkdtempSync(join(tmpdir(), 'sweeper-code-cache-'));
try {
  mkdirSync(join(directory, 'claude/projects'), { recursive: true });
  const places = ['--claude-dir', join(directory, 'claude'), '--state-dir', join(directory, 'state')];
  // Neither the settings of whoever builds nor the flags of their Node. Where no binding of SQLite is installed yet, it gets less far.
  const { error } = spawnSync(process.execPath, [RECORDER, PROGRAM, '--run-now', ...places], {
    env: { HOME: directory },
    stdio: 'ignore',
  });
  if (error !== undefined) throw error;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
if (!existsSync(codeCachePath(PROGRAM))) throw new Error(`${PROGRAM} ended without a code cache`);
