/** A directory of its own for one test, gone when the test is. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export function tempDir(): string {
  const path = mkdtempSync(join(tmpdir(), 'sweeper-test-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
