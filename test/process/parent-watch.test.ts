import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { hasEnded } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/wait.ts';

const ORPHAN = fileURLToPath(new URL('../support/programs/orphan.mjs', import.meta.url));

it('A process that hangs in a system call ends when its parent was killed, and so gives back what it held', async () => {
  const pipe = join(tempDir(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const parent = spawn(process.execPath, [ORPHAN, pipe], { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = '';
  parent.stdout.on('data', (chunk) => {
    told += chunk;
  });
  await once(parent, 'close');
  expect(Number(told)).toBeGreaterThan(0);
  await until('the orphan to end', () => hasEnded(Number(told)));
});
