/** Small file systems, filled to the last block and inode, with sparse files and a sync tool beside: held against blocks that are counted anew. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { freshDirectory } from '../support/place.ts';
import { CLEAN_ENVIRONMENT, run } from '../support/process.ts';
import type { DiskCasesResult } from './disk/run-cases.ts';
import type { Harness, HarnessOptions, HarnessResult } from './harness.ts';

/** Whatever is mounted or started in it ends with it. */
const NAMESPACE = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

export const disk: Harness = {
  name: 'disk',
  missing: () => {
    if (spawnSync('mkfs.ext4', ['-V']).status !== 0) return 'mkfs.ext4 is not there (apt-get install e2fsprogs)';
    const { status } = spawnSync('unshare', [...NAMESPACE, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
    return status === 0 ? undefined : 'it takes root and mount namespaces';
  },
  run: runDisk,
};

async function runDisk({ directory, isShort, seed }: HarnessOptions): Promise<HarnessResult> {
  const script = fileURLToPath(new URL('./disk/run-cases.js', import.meta.url));
  const args = [script, freshDirectory(directory, 'cases'), isShort ? 'short' : 'full', String(seed)];
  const { code, signal, stdout } = await run('unshare', [...NAMESPACE, process.execPath, ...args], {
    env: CLEAN_ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (code !== 0) throw new Error(`the cases ended with ${code ?? signal}`);
  const { cases, failures, control, sessions } = JSON.parse(stdout) as DiskCasesResult;
  return {
    cases,
    failures,
    control: `cap by the length of files: ${control.length} faults`,
    isControlCaught:
      control.some((fault) => fault.includes('over the cap')) &&
      control.some((fault) => fault.startsWith('live session')),
    figures: `${sessions} sessions, every block counted anew`,
  };
}
