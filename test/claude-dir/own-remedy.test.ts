import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acquireDirLock } from '../../src/claude-dir/dir-lock.ts';
import { remedyFor, withOwnRemedy } from '../../src/claude-dir/own-remedy.ts';
import { errnoError } from '../../src/errors.ts';
import { Trash } from '../../src/trash/trash.ts';
import { cli } from '../cli/cli-here.ts';
import { openClaudeDir } from '../support/opened.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';

const KINDS: readonly { readonly what: string; readonly make: (at: string) => void }[] = [
  { what: 'a file', make: (at) => writeFileSync(at, '') },
  { what: 'a symlink', make: (at) => symlinkSync(tempDir(), at) },
  { what: 'a FIFO', make: (at) => execFileSync('mkfifo', [at]) },
];

function remedyIn(message: string): string {
  return /; ((?:mv|chmod|chown) .*)$/m.exec(message)?.[1] ?? 'false';
}

describe('Where a place of our own cannot be used', () => {
  it.each(KINDS)('$what as our directory ends the run with the command that mends it', async ({ make }) => {
    const path = makeClaudeDir(join(tempDir(), "it's claude"));
    makeSession(path, { id: sessionIdOf(1), ageMs: 60 * DAY_MS });
    make(join(path, 'session-sweeper'));
    const flags = ['--claude-dir', path, '--state-dir', join(tempDir(), 'state')];
    const run = [...flags, '--run-now', '--job', 'prune-transcripts', '--shield', 'off'];
    const { code, stdout } = await cli(run);
    expect(code).not.toBe(0);
    execFileSync('sh', ['-c', remedyIn(stdout)]);
    expect((await cli(run)).code).toBe(0);
  });

  it.each(KINDS)('$what as the trash is named with the command that mends it', ({ make }) => {
    const path = makeClaudeDir(tempDir());
    mkdirSync(join(path, 'session-sweeper'));
    make(join(path, 'session-sweeper/trash'));
    const at = join(path, 'session-sweeper/trash');
    expect(() => Trash.openOrMake(openClaudeDir(path))).toThrow(`${at} is no directory; mv ${at} ${at}.aside`);
  });

  it('names what is closed, to whom, and who may open it', () => {
    const path = makeClaudeDir(tempDir());
    const ours = join(path, 'session-sweeper');
    mkdirSync(ours);
    chmodSync(ours, 0o500);
    const claudeDir = openClaudeDir(path);
    const denied = errnoError('EACCES', 'open');
    expect(String(withOwnRemedy(claudeDir, denied))).toMatch(new RegExp(`closed to user \\d+; chmod u\\+rwx ${ours}$`));
    const facts = claudeDir.root.lstat('session-sweeper' as never);
    if (facts === undefined) throw new Error('it is there');
    const ofOther = Object.assign(Object.create(facts), { uid: facts.uid + 1, isDirectory: () => true });
    expect(remedyFor(denied, ours, ofOther)?.message).toMatch(/belongs to user \d+; chown -R \d+ \//);
  });

  it('leaves every other error as it is', () => {
    const claudeDir = openClaudeDir(makeClaudeDir(tempDir()));
    acquireDirLock(claudeDir, 'run').release();
    for (const code of ['EACCES', 'ENOTDIR', 'EIO']) {
      const error = errnoError(code, 'elsewhere');
      expect(withOwnRemedy(claudeDir, error)).toBe(error);
    }
  });
});
