import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ADOPTED_DAYS, planAdoption, planReturn, type SettingsChange } from '../../src/claude-dir/adoption.ts';
import { ClaudeDir } from '../../src/claude-dir/claude-dir.ts';
import { cleanupPeriods } from '../../src/claude-dir/cleanup-period.ts';
import { OperatingError } from '../../src/errors.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeClaudeDir } from '../support/tree.ts';

/** A Claude directory with these settings, or none. */
function host(content?: string | Buffer) {
  const path = makeClaudeDir(join(tempDir(), 'claude'));
  const file = join(path, 'settings.json');
  if (content !== undefined) writeFileSync(file, content);
  const claudeDir = ClaudeDir.open(path);
  onTestFinished(() => claudeDir.close());
  const adopt = () => changed(planAdoption(claudeDir)).carryOut();
  const giveBack = () => changed(planReturn(claudeDir)).carryOut();
  return { path, file, claudeDir, adopt, giveBack, periods: () => cleanupPeriods(path, tempDir()) };
}

function changed(plan: SettingsChange | string): SettingsChange {
  if (typeof plan === 'string') throw new Error(plan);
  return plan;
}

function refusal(act: () => unknown): OperatingError {
  try {
    act();
  } catch (error) {
    if (error instanceof OperatingError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

describe('an adoption', () => {
  it.each<[what: string, content: string | Buffer | undefined]>([
    ['no settings', undefined],
    ['settings without the period', '{\n  "model": "sonnet"\n}\n'],
    ['a period', '{"cleanupPeriodDays": 7, "model": "sonnet"}'],
    ['comments and commas of a person', '// mine\n{\n  "a": 1, /* why */\n}\n'],
    ['line ends of another system', '{\r\n  "a": 1\r\n}\r\n'],
    ['a byte order mark', Buffer.from('\ufeff{ "a": 1 }')],
    ['UTF-16', Buffer.from('\ufeff{ "a": "ä" }', 'utf16le')],
    ['an empty file', ''],
    ['blanks', ' \n'],
    ['an empty object', '{}'],
  ])('makes the period a hundred years, and is given back to the byte: %s', (_, content) => {
    const { file, adopt, giveBack, periods, path } = host(content);
    const before = content === undefined ? undefined : readFileSync(file);
    adopt();
    expect(periods()).toMatchObject([{ source: 'user', days: ADOPTED_DAYS }]);
    giveBack();
    expect(existsSync(file) ? readFileSync(file) : undefined).toEqual(before);
    expect(readdirSync(path).toSorted()).toEqual([
      'projects',
      'session-sweeper',
      ...(content === undefined ? [] : ['settings.json']),
    ]);
  });

  it('keeps the settings as they were beside them, for their owner alone', () => {
    const { file, adopt } = host('{"cleanupPeriodDays": 7}');
    chmodSync(file, 0o600);
    adopt();
    const backup = `${file}.before-session-sweeper`;
    expect(readFileSync(backup, 'utf8')).toBe('{"cleanupPeriodDays": 7}');
    expect(statSync(backup).mode & 0o777).toBe(0o600);
  });

  it('says which line of which file changes, before it does', () => {
    const { file, claudeDir } = host('{\n  "model": "sonnet",\n  "cleanupPeriodDays": 7\n}\n');
    expect(planAdoption(claudeDir)).toMatchObject({ file, line: 3, before: '7', after: '36500', makes: false });
    expect(readFileSync(file, 'utf8')).toContain('7');
  });

  it('has nothing to do the second time, nor where a longer period is set', () => {
    const first = host();
    first.adopt();
    expect(planAdoption(first.claudeDir)).toBe('as-wanted');
    expect(planAdoption(host('{"cleanupPeriodDays": 99999}').claudeDir)).toBe('as-wanted');
  });

  it.each(['{ broken', '[]', '"x"', Buffer.from([0x7b, 0xff, 0x7d])])(
    'refuses what is no settings file, and leaves it as it is: %j',
    (content) => {
      const { file, path, claudeDir } = host(content);
      const before = readFileSync(file);
      expect(refusal(() => planAdoption(claudeDir)).kind).toBe('bad-data');
      expect(readFileSync(file)).toEqual(before);
      expect(readdirSync(path).toSorted()).toEqual(['projects', 'settings.json']);
    },
  );

  it('refuses a directory, and a file that has a second name', () => {
    const [asDirectory, linked] = [host(), host('{}')];
    mkdirSync(asDirectory.file);
    linkSync(linked.file, join(tempDir(), 'elsewhere.json'));
    for (const { claudeDir } of [asDirectory, linked])
      expect(refusal(() => planAdoption(claudeDir)).kind).toBe('bad-data');
  });

  it('writes through a symlink to the file itself, be it there or not yet', () => {
    for (const content of ['{"a": 1}', undefined]) {
      const { file, adopt, giveBack } = host();
      const real = join(tempDir(), 'dotfiles.json');
      if (content !== undefined) writeFileSync(real, content, { mode: 0o640 });
      symlinkSync(real, file);
      adopt();
      expect(lstatSync(file).isSymbolicLink()).toBe(true);
      expect(JSON.parse(readFileSync(real, 'utf8'))).toMatchObject({ cleanupPeriodDays: ADOPTED_DAYS });
      if (content !== undefined) expect(statSync(real).mode & 0o777).toBe(0o640);
      giveBack();
      expect(existsSync(real) ? readFileSync(real, 'utf8') : undefined).toBe(content);
      expect(lstatSync(file).isSymbolicLink()).toBe(true);
    }
  });

  it('does not overwrite what somebody else has written since it was planned', () => {
    for (const content of ['{"a": 1}', undefined]) {
      const { file, claudeDir } = host(content);
      const plan = changed(planAdoption(claudeDir));
      writeFileSync(file, '{"b": 2}');
      expect(refusal(() => plan.carryOut()).message).toContain('somebody else');
      expect(readFileSync(file, 'utf8')).toBe('{"b": 2}');
    }
  });

  it('is given back where the settings were edited since, and takes back its own change alone', () => {
    for (const [before, edited, after] of [
      [
        '{"cleanupPeriodDays": 7}',
        '{"new": true, "cleanupPeriodDays": 36500}',
        '{"new": true, "cleanupPeriodDays": 7}',
      ],
      [
        '{\n  "a": 1\n}\n',
        '{\n  "a": 2,\n  "cleanupPeriodDays": 36500,\n  "new": 3\n}\n',
        '{\n  "a": 2,\n  "new": 3\n}\n',
      ],
      [undefined, '{\n  "cleanupPeriodDays": 36500,\n  "new": 3\n}\n', '{\n  "new": 3\n}\n'],
    ] as const) {
      const { file, adopt, giveBack } = host(before);
      adopt();
      writeFileSync(file, edited);
      giveBack();
      expect(readFileSync(file, 'utf8')).toBe(after);
    }
  });

  it('leaves a period that somebody else has set since', () => {
    const { file, claudeDir, adopt } = host('{"cleanupPeriodDays": 7}');
    adopt();
    writeFileSync(file, '{"cleanupPeriodDays": 90}');
    expect(planReturn(claudeDir)).toBe('changed-since');
  });

  it('is given back by the copy beside the settings where the record of it is lost, and not where there is neither', () => {
    const { path, file, claudeDir, adopt, giveBack } = host('{"cleanupPeriodDays": 3e1}');
    expect(planReturn(claudeDir)).toBe('never-adopted');
    adopt();
    rmSync(join(path, 'session-sweeper'), { recursive: true });
    mkdirSync(join(path, 'session-sweeper'));
    giveBack();
    expect(readFileSync(file, 'utf8')).toBe('{"cleanupPeriodDays": 3e1}');
    expect(planReturn(claudeDir)).toBe('never-adopted');
  });

  describe.skipIf(process.getuid?.() !== 0)('by root', () => {
    const USER = 12_345;

    function ofUser(content?: string) {
      const made = host(content);
      const top = join(made.path, '..');
      for (const path of [top, made.path, join(made.path, 'projects')]) chownSync(path, USER, USER);
      if (content !== undefined) chownSync(made.file, USER, USER);
      const claudeDir = ClaudeDir.open(made.path);
      onTestFinished(() => claudeDir.close());
      return { ...made, claudeDir };
    }

    it('leaves the settings to their owner, made or changed', () => {
      for (const content of ['{"a": 1}', undefined]) {
        const { file, claudeDir } = ofUser(content);
        changed(planAdoption(claudeDir)).carryOut();
        expect(statSync(file)).toMatchObject({ uid: USER, gid: USER });
        changed(planReturn(claudeDir)).carryOut();
        expect(existsSync(file)).toBe(content !== undefined);
        expect(process.geteuid?.()).toBe(0);
      }
    });

    it('is led by a symlink to nothing that the owner himself could not write', () => {
      const { file, claudeDir } = ofUser();
      const roots = join(tempDir(), 'root.json');
      writeFileSync(roots, '{"cleanupPeriodDays": 7}', { mode: 0o644 });
      symlinkSync(roots, file);
      expect(refusal(() => planAdoption(claudeDir)).message).toMatch(/another user|EACCES/);
      expect(readFileSync(roots, 'utf8')).toBe('{"cleanupPeriodDays": 7}');
    });
  });
});
