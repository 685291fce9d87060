/** Full, read-only, vanished and foreign file systems, immutable files, few descriptors, little memory: each a named case. */

import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freshDirectory } from '../support/place.ts';
import { CLEAN_ENVIRONMENT, run } from '../support/process.ts';
import type { Harness, HarnessOptions, HarnessResult } from './harness.ts';
import type { CasesResult } from './resources/run-cases.ts';

/** Whatever is mounted or started in it ends with it. */
const NAMESPACE = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

export const resources: Harness = {
  name: 'resources',
  missing: () => {
    if (spawnSync('mkfs.ext4', ['-V']).status !== 0) return 'mkfs.ext4 is not there (apt-get install e2fsprogs)';
    const { status } = spawnSync('unshare', [...NAMESPACE, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
    return status === 0 ? undefined : 'it takes root and mount namespaces';
  },
  run: runResources,
};

async function runResources({ directory, isShort, seed }: HarnessOptions): Promise<HarnessResult> {
  // A plain user's worker must get through to its place.
  chmodSync(dirname(directory), 0o711);
  const { cases, failures, unavailable, control } = await inNamespace<CasesResult>('run-cases', [
    freshDirectory(directory, 'cases'),
    isShort ? 'short' : 'full',
    String(seed),
  ]);
  const broken = Object.entries(control).map(([trouble, faults]) => `${faults} by ${trouble}`);
  return {
    cases,
    failures,
    control: `copying pruner, lost or torn: ${broken.join(', ')}`,
    isControlCaught: broken.length > 0 && Object.values(control).every((faults) => faults > 0),
    figures:
      unavailable.length === 0
        ? 'all could be set up'
        : `${unavailable.length} cases could not be set up: ${unavailable.join(', ')}`,
  };
}

async function inNamespace<T>(program: string, args: readonly string[]): Promise<T> {
  const script = fileURLToPath(new URL(`./resources/${program}.js`, import.meta.url));
  const { code, signal, stdout } = await run('unshare', [...NAMESPACE, process.execPath, script, ...args], {
    env: CLEAN_ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (code !== 0) throw new Error(`${program} ended with ${code ?? signal}`);
  return JSON.parse(stdout) as T;
}
