/** Makes files that not even root may move or remove, as far as the file system lets us. */

import { execFileSync, spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';

export const canFreeze =
  spawnSync(
    'sh',
    ['-c', 'file=$(mktemp) && chattr +i "$file"; frozen=$?; chattr -i "$file"; rm "$file"; exit $frozen'],
    {
      stdio: 'ignore',
    },
  ).status === 0;

/** Makes a file or directory immutable until the test is over. */
export function freeze(path: string): void {
  execFileSync('chattr', ['+i', path]);
  onTestFinished(() => void execFileSync('chattr', ['-i', path]));
}
