/** Runs small programs against the built code where a test may mount what it likes: in a mount namespace of their own. */

import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { NATIVE_SWITCH } from '../../src/files/native-part.ts';

type ProgramName = 'require-anchoring' | 'run-job' | 'scan';

export function programPath(name: ProgramName): string {
  return fileURLToPath(new URL(`./programs/${name}.mjs`, import.meta.url));
}

/** Whether this machine lets us mount: it does for root in most places, and in few others. */
export const canMount =
  spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=64k tmpfs /mnt'], { stdio: 'ignore' }).status === 0;

/**
 * Runs a shell script; whatever it mounts ends with it.
 * `$1`… are the arguments, and `"$NODE" "$PROGRAM"` runs the program.
 * @returns stdout
 */
export function inMountNamespace(script: string, program: ProgramName, ...args: readonly string[]): string {
  return execFileSync('unshare', ['-m', 'sh', '-ec', script, 'sh', ...args], {
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH ?? '',
      HOME: '/nonexistent',
      NODE: process.execPath,
      PROGRAM: programPath(program),
      [NATIVE_SWITCH]: process.env[NATIVE_SWITCH] ?? '',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
