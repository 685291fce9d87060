import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { run } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';

const PROGRAM = fileURLToPath(new URL('../support/programs/exit-in-scan.mjs', import.meta.url));

it('ends the process with its code while the native part looks at what takes an hour, and tells whoever listens', async () => {
  const path = tempDir();
  for (let index = 0; index < 1_000; index += 1) writeFileSync(join(path, String(index)), '');
  expect(await run(process.execPath, [PROGRAM, path, '7'])).toMatchObject({ code: 7, stdout: 'told', stderr: '' });
});
