/** Runs programs that mount what they like, in namespaces of their own: whatever is mounted or started in one ends with it. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CLEAN_ENVIRONMENT, run } from '../support/process.ts';

const NAMESPACE = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** What must be there to mount in it; the reason where it is missing. */
export function namespaceMissing(): string | undefined {
  if (spawnSync('mkfs.ext4', ['-V']).status !== 0) return 'mkfs.ext4 is not there (apt-get install e2fsprogs)';
  const { status } = spawnSync('unshare', [...NAMESPACE, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
  return status === 0 ? undefined : 'it takes root and mount namespaces';
}

/** @param program its path below this folder @returns the JSON document that it has printed */
export async function inNamespace<T>(program: string, args: readonly string[]): Promise<T> {
  const script = fileURLToPath(new URL(`./${program}.js`, import.meta.url));
  const { code, signal, stdout } = await run('unshare', [...NAMESPACE, process.execPath, script, ...args], {
    env: CLEAN_ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (code !== 0) throw new Error(`${program} ended with ${code ?? signal}`);
  return JSON.parse(stdout) as T;
}
