import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { NATIVE_SWITCH } from '../../src/files/native-part.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir, writeAged } from '../support/tree.ts';

const PROGRAM = fileURLToPath(new URL('../support/programs/scan-threads.mjs', import.meta.url));
const LARGE = 5_000;
const SMALL = 30;
const PROJECTS = 40;

interface Outcome {
  /** By the number of the project. */
  readonly found: readonly (readonly [number, number])[];
  readonly error?: string;
  readonly code?: string;
}

async function run<T>(...args: readonly string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, [NATIVE_SWITCH]: 'off' },
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(stdout) as T;
}

function task(name: string, project: number, share = 0, shares = 1): object {
  return { kind: 'project', name, project, share, shares };
}

/** One large project, and many small ones. */
function makeTree(large: number): string {
  const path = makeClaudeDir(tempDir());
  const add = (project: string, count: number) => {
    for (let index = 0; index < count; index += 1) {
      const id = randomUUID();
      writeAged(join(path, `projects/${project}/${id}.jsonl`), 'x', 1_700_000_000_000 + index);
      if (index % 9 === 0) writeAged(join(path, `projects/${project}/${id}/a.txt`), 'x', 1_700_000_000_000);
      if (index % 7 === 0) writeAged(join(path, `file-history/${id}/a@v1`), 'x', 1_700_000_000_000);
    }
  };
  add('-large', large);
  for (let project = 0; project < PROJECTS; project += 1) add(`-small-${project}`, SMALL);
  return path;
}

describe('a scan with helpers', () => {
  it('finds what one thread alone finds', async () => {
    const outcome = await run<{ sessions: number; isSame: boolean }>(makeTree(LARGE));
    expect(outcome).toEqual({ sessions: LARGE + SMALL * PROJECTS, isSame: true });
  });

  describe.skipIf(availableParallelism() === 1)('asks of a helper', () => {
    it('to look at all it takes, and to divide a large directory', async () => {
      const path = makeTree(100);
      const shares = [0, 1, 2].map((share) => task('-large', 0, share, 3));
      const { found, error } = await run<Outcome>(
        path,
        JSON.stringify([...shares, task('-small-1', 1), task('-absent', 2)]),
      );
      expect(error).toBeUndefined();
      const countOf = (project: number) =>
        found.filter(([index]) => index === project).reduce((sum, [, count]) => sum + count, 0);
      // A session's transcript and its directory are a row each.
      expect(countOf(0)).toBe(100 + Math.ceil(100 / 9));
      expect(countOf(1)).toBe(SMALL + Math.ceil(SMALL / 9));
      expect(countOf(2)).toBe(0);
      expect(found).toHaveLength(5);
    });

    it('to end where nothing is to be had any more', async () => {
      expect(await run<Outcome>(makeTree(1), JSON.stringify([task('-large', 0)]), 'stop')).toEqual({ found: [] });
    });

    it('to tell what it could not do: a part of a scan is none', async () => {
      const impossible = { kind: 'companions', place: 99, share: 0, shares: 1 };
      const { error } = await run<Outcome>(makeTree(1), JSON.stringify([task('-large', 0), impossible]));
      expect(error).toBe('no companion place 99');
    });
  });
});
