/** Root with another's HOME, as by `sudo` without `-H` or in a container: the owner of that home is not locked out of anything. */

import { chownSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runProgram } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';

const isRoot = process.geteuid?.() === 0;
const ADA = 12_345;

function homeOfAda(): string {
  const home = tempDir();
  const claudeDir = makeClaudeDir(join(home, '.claude'));
  for (const number of [1, 2]) makeSession(claudeDir, { id: sessionIdOf(number), ageMs: 50 * DAY_MS });
  mkdirSync(join(home, '.local'));
  for (const path of ['', ...readdirSync(home, { recursive: true, encoding: 'utf8' })]) {
    chownSync(join(home, path), ADA, ADA);
  }
  return home;
}

function ofOthers(home: string): readonly string[] {
  const paths = readdirSync(home, { recursive: true, encoding: 'utf8' });
  expect(paths.length).toBeGreaterThan(10);
  return paths.filter((path) => statSync(join(home, path)).uid !== ADA);
}

describe.runIf(isRoot)('Root in the home of another user', () => {
  it('makes all that it makes there for its owner', async () => {
    const home = homeOfAda();
    const run = (...args: readonly string[]) => runProgram(args, { env: { HOME: home } });
    expect((await run('pin', sessionIdOf(1))).code).toBe(0);
    expect(await run('run', '--job', 'prune-transcripts')).toMatchObject({ code: 0 });
    expect((await run('run')).code).toBe(0);
    expect((await run('trash', 'restore', sessionIdOf(2))).code).toBe(0);
    expect(ofOthers(home)).toEqual([]);
  });

  it('leaves its owner able to go on, who could not otherwise', async () => {
    const home = homeOfAda();
    const env = { HOME: home };
    expect((await runProgram(['run'], { env })).code).toBe(0);
    const asAda = await runProgram(['run', '--json'], { env, uid: ADA, gid: ADA });
    expect(asAda).toMatchObject({ code: 0 });
    const restored = await runProgram(['trash', 'restore', '--pin', sessionIdOf(1)], { env, uid: ADA, gid: ADA });
    expect(restored).toMatchObject({ code: 0 });
  });
});
