import { describe, expect, it } from 'vitest';
import { flagOf, SETTING_PATHS } from '../../src/config/settings.ts';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { tempPlace } from '../support/temp-place.ts';
import { cli } from './cli-here.ts';

/** The names that a page lists under its titles. */
function listed(page: string): string[] {
  const blocks = page.split('\n').filter((line) => /^ {2}[a-z]/.test(line) && !line.includes('claude-session-sweeper'));
  return blocks.map((line) => line.trim().split(' ')[0] ?? '');
}

describe('the first page of help', () => {
  it('tells what there is to type, looks first, on one screen, and no setting', async () => {
    const { code, stdout, stderr } = await cli(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(32);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stdout.indexOf('  list ')).toBeLessThan(stdout.indexOf('  run '));
    expect(stdout).toContain('claude-session-sweeper run --dry-run');
    expect(stdout).not.toContain('SWEEPER_');
    expect((await cli(['help'])).stdout).toBe(stdout);
  });

  it('names no command twice', async () => {
    const names = listed((await cli(['help'])).stdout);
    expect(names).toContain('trash');
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('help', () => {
  it('explains every command that the first page lists, with an example, in 80 columns', async () => {
    for (const name of [...listed((await cli(['help'])).stdout), 'unpin', 'pins']) {
      const page = (await cli(['help', name])).stdout;
      expect(page, name).toContain(`Usage: claude-session-sweeper ${name}`);
      expect(page, name).toMatch(new RegExp(`Examples:\n  claude-session-sweeper ${name}\\b`));
      const lines = page.split('\n').filter((line) => !line.startsWith('  claude-session-sweeper '));
      expect(Math.max(...lines.map((line) => line.length)), page).toBeLessThanOrEqual(80);
      expect((await cli([name, '--help'])).stdout).toBe(page);
    }
  });

  it('is had of a command in a group from each end', async () => {
    const page = (await cli(['trash', 'empty', '--help'])).stdout;
    expect(page).toContain('Usage: claude-session-sweeper trash empty');
    expect(page).toContain('--dry-run');
    expect(page).not.toContain('--job');
    for (const words of [
      ['help', 'trash', 'empty'],
      ['trash', 'help', 'empty'],
    ]) {
      expect(await cli(words)).toEqual({ code: 0, stdout: page, stderr: '' });
    }
    expect((await cli(['trash', 'help'])).stdout).toBe((await cli(['help', 'trash'])).stdout);
  });

  it('lists every setting, with an opposite where it is on or off', async () => {
    const { stdout } = await cli(['help', 'settings']);
    for (const path of SETTING_PATHS) expect(stdout).toContain(flagOf(path).slice(2));
    expect(stdout).toContain('--[no-]keep-named ');
  });

  it('lists every exit code', async () => {
    const { stdout } = await cli(['help', 'exit-codes']);
    for (const code of Object.values(EXIT_CODES)) expect(stdout).toMatch(new RegExp(`^  ${code} `, 'm'));
  });

  it.each([
    [['help', 'tarsh'], '(Did you mean trash?)'],
    [['trash', 'help', 'emtpy'], '(Did you mean empty?)'],
    [['help', 'setings'], '(Did you mean settings?)'],
    [['help', 'restore'], '(Did you mean trash restore?)'],
  ])('names the nearest to what there is none of: %j', async (words, says) => {
    const answer = await cli(words);
    expect(answer).toMatchObject({ code: 64, stdout: '' });
    expect(answer.stderr).toContain(says);
  });
});

describe('a setting that is on or off', () => {
  it('is turned on by its flag, and off by the opposite, whatever the file or the environment say', async () => {
    const shown = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
      const { stdout } = await cli([...tempPlace().flags, ...args, 'check-config', '--json'], { env });
      return JSON.parse(stdout).settings.find(({ setting }: { setting: string }) => setting === 'keepNamed');
    };
    expect(await shown([])).toMatchObject({ value: 'false', origin: 'default' });
    expect(await shown(['--keep-named'])).toMatchObject({ value: 'true', origin: 'flag' });
    expect(await shown([], { SWEEPER_KEEP_NAMED: 'true' })).toMatchObject({ value: 'true', origin: 'environment' });
    expect(await shown(['--no-keep-named'], { SWEEPER_KEEP_NAMED: 'true' })).toMatchObject({
      value: 'false',
      origin: 'flag',
    });
  });
});
