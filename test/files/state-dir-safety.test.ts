import { chmodSync, lchownSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stateDirFault } from '../../src/files/state-dir-safety.ts';
import { runProgram } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';

const ROOT = 0;
const USER = 61_234;
const isRoot = process.geteuid?.() === ROOT;

function stateDir(mode = 0o700): string {
  const path = tempDir();
  mkdirSync(join(path, 'pins'), { mode: 0o700 });
  chmodSync(path, mode);
  return path;
}

describe('A state directory', () => {
  it('is safe for its owner alone, or where it is not there yet', () => {
    expect(stateDirFault(stateDir(), ROOT)).toBeUndefined();
    expect(stateDirFault(stateDir(0o755), ROOT)).toBeUndefined();
    expect(stateDirFault(join(stateDir(), 'none'), ROOT)).toBeUndefined();
  });

  it.each([0o770, 0o702, 0o777])(
    'that others may write (%o) is none for root, and one for whoever shares it',
    (mode) => {
      const path = stateDir(mode);
      expect(stateDirFault(path, ROOT)).toMatchObject({ remedy: `chmod go-w ${path}` });
      expect(stateDirFault(path, USER)).toBeUndefined();
    },
  );

  it('with pins that others may set is none for root', () => {
    const path = stateDir();
    chmodSync(join(path, 'pins'), 0o777);
    expect(stateDirFault(path, ROOT)).toMatchObject({ remedy: `chmod go-w ${path}/pins` });
  });

  it.each([ROOT, USER])('with a lock that is a symlink is none for user %i', (user) => {
    const path = stateDir();
    symlinkSync('/nonexistent/elsewhere', join(path, 'ledger.lock'));
    expect(stateDirFault(path, user)).toMatchObject({ remedy: `rm ${path}/ledger.lock` });
  });

  it.skipIf(!isRoot)("follows its user's and root's own symlinks, and nobody else's", () => {
    const path = stateDir();
    const link = join(path, 'sessions.db');
    symlinkSync('/nonexistent/elsewhere', link);
    expect(stateDirFault(path, USER)).toBeUndefined();
    lchownSync(link, USER, USER);
    expect(stateDirFault(path, USER)).toBeUndefined();
    expect(stateDirFault(path, ROOT)?.message).toContain(`symlink of user ${USER}`);
    expect(stateDirFault(path, USER + 1)?.remedy).toContain(`chown -h ${USER + 1} `);
  });
});

describe.skipIf(!isRoot)('Root, with a state directory that others may write', () => {
  it.each([
    ['a run', ['--run-now']],
    ['a dry run', ['--run-now', '--dry-run']],
    ['the daemon', ['--listen', 'off']],
    ['a pin', ['pin', sessionIdOf(1)]],
    ['a row', ['map', 'set', 'forgejo:a:acme/app:1', sessionIdOf(1)]],
    ['a restore', ['trash', 'restore', sessionIdOf(1)]],
  ])('refuses %s, and says what helps', async (_, args) => {
    const { claudeDir, stateDir: state, flags } = tempPlace();
    makeSession(claudeDir, { id: sessionIdOf(1), ageMs: 50 * DAY_MS });
    mkdirSync(state);
    chmodSync(state, 0o777);
    const exit = await runProgram([...flags, ...args]);
    expect(exit.code).toBe(73);
    expect(exit.stderr).toContain(`chmod go-w ${state}`);
  });

  it('makes no file where a lock leads', async () => {
    const { stateDir: state, claudeDir, flags } = tempPlace();
    makeSession(claudeDir, { id: sessionIdOf(1), ageMs: 50 * DAY_MS });
    mkdirSync(state, { mode: 0o700 });
    symlinkSync(join(claudeDir, 'made-by-root'), join(state, 'ledger.lock'));
    const { code, stderr } = await runProgram([...flags, '--run-now']);
    expect({ code, says: stderr.includes(`rm ${state}/ledger.lock`) }).toEqual({ code: 73, says: true });
    expect((await runProgram([...flags, 'doctor'])).stdout).toContain(`rm ${state}/ledger.lock`);
  });
});
