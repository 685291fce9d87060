import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { snapshot } from '../support/disk.ts';
import type { Place } from '../support/place.ts';
import { tempPlace } from '../support/temp-place.ts';
import { writeAged } from '../support/tree.ts';
import { cli } from './cli-here.ts';

interface Asked {
  readonly args?: readonly string[];
  /** What a person answers; undefined where there is no terminal. */
  readonly answer?: string;
}

/** Runs the command in this process, as a person or a script does. */
function adopt({ flags }: Place, { args = [], answer }: Asked = {}) {
  return cli([...flags, 'adopt', ...args], answer === undefined ? {} : { isTTY: true, answer });
}

function place(settings?: string): Place & { readonly settings: string } {
  const made = tempPlace();
  const file = join(made.claudeDir, 'settings.json');
  if (settings !== undefined) writeFileSync(file, settings);
  return Object.assign(made, { settings: file });
}

describe('adopt', () => {
  it('shows a person what would change and nothing else of the file, asks, and writes it', async () => {
    const host = place('{\n  "env": { "TOKEN": "secret" },\n  "cleanupPeriodDays": 7\n}\n');
    const { code, stdout } = await adopt(host, { answer: 'y' });
    expect(code).toBe(0);
    expect(stdout).toContain(`${host.settings}, line 3\n`);
    expect(stdout).toContain('- "cleanupPeriodDays": 7');
    expect(stdout).toContain('+ "cleanupPeriodDays": 36500');
    expect(stdout).toContain('Write this? [y/N]');
    expect(stdout).not.toContain('secret');
    expect(JSON.parse(readFileSync(host.settings, 'utf8'))).toEqual({
      env: { TOKEN: 'secret' },
      cleanupPeriodDays: 36_500,
    });
  });

  it.each(['n', '', 'perhaps'])('changes nothing where the answer is no yes: %j', async (answer) => {
    const host = place('{}');
    const before = snapshot(host.claudeDir);
    expect(await adopt(host, { answer })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Nothing was changed.'),
    });
    expect(snapshot(host.claudeDir)).toEqual(before);
  });

  it('refuses to go on where there is nobody to ask, and says what to say', async () => {
    for (const args of [[], ['--json'], ['--undo']]) {
      const host = place('{"cleanupPeriodDays": 7}');
      if (args.includes('--undo')) await adopt(host, { args: ['--yes'] });
      const before = snapshot(host.claudeDir);
      const { code, stderr } = await adopt(host, { args });
      expect(code).toBe(64);
      expect(stderr).toContain('--yes');
      expect(snapshot(host.claudeDir)).toEqual(before);
    }
  });

  it('is asked nothing with --yes, and takes it back with --undo --yes', async () => {
    const host = place('{"cleanupPeriodDays": 7}');
    expect((await adopt(host, { args: ['--yes'] })).code).toBe(0);
    expect(readFileSync(host.settings, 'utf8')).toBe('{"cleanupPeriodDays": 36500}');
    expect((await adopt(host, { args: ['--undo', '--yes'] })).code).toBe(0);
    expect(readFileSync(host.settings, 'utf8')).toBe('{"cleanupPeriodDays": 7}');
    expect((await adopt(host, { args: ['--undo', '--yes'] })).code).toBe(65);
  });

  it('needs no answer where there is nothing to change', async () => {
    const host = place('{"cleanupPeriodDays": 36500}');
    expect(await adopt(host)).toMatchObject({ code: 0, stdout: expect.stringContaining('says so already') });
  });

  it('shows the same in a dry run, and changes nothing', async () => {
    const host = place();
    const before = snapshot(host.claudeDir);
    const { code, stdout } = await adopt(host, { args: ['--dry-run'] });
    expect(code).toBe(0);
    expect(stdout).toContain(`${host.settings} (is made)\n+ "cleanupPeriodDays": 36500`);
    expect(snapshot(host.claudeDir)).toEqual(before);
  });

  it('tells what overrules it, and that something is left to do', async () => {
    const host = place('{}');
    writeFileSync(join(host.claudeDir, 'remote-settings.json'), '{"cleanupPeriodDays": 7}');
    const { code, stdout } = await adopt(host, { args: ['--yes'] });
    expect(code).toBe(1);
    expect(stdout).toMatch(/overruled: by .*remote-settings\.json Claude deletes after 7 days/);
    expect(readFileSync(host.settings, 'utf8')).toContain('36500');
  });

  it('tells which project still deletes earlier', async () => {
    const host = place();
    const project = join(host.directory, 'project/.claude/settings.json');
    writeAged(project, '{"cleanupPeriodDays": 7}', Date.now());
    writeFileSync(
      join(host.claudeDir, '.claude.json'),
      JSON.stringify({ projects: { [join(host.directory, 'project')]: {} } }),
    );
    const { code, stdout } = await adopt(host, { args: ['--yes'] });
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: expect.stringContaining(`after 7 days, for all: change it in ${project}`),
    });
  });

  it('says of runs that load no user settings that they do not see it', async () => {
    expect((await adopt(place(), { args: ['--yes'] })).stdout).toContain('--setting-sources');
  });

  it('says so where Claude cannot read the settings as they are', async () => {
    const host = place('// mine\n{}');
    const { stdout } = await adopt(host, { args: ['--yes'] });
    expect(stdout).toMatch(/does not take .*settings\.json as it is: it holds comments/);
    expect(readFileSync(host.settings, 'utf8')).toBe('// mine\n{"cleanupPeriodDays": 36500}');
  });

  it('adopts one directory where another cannot be, and tells', async () => {
    const [broken, sound] = [place('{ broken'), place()];
    const { code, stderr } = await adopt(sound, { args: ['--claude-dir', broken.claudeDir, '--yes'] });
    expect(code).toBe(65);
    expect(stderr).toContain(broken.settings);
    expect(readFileSync(broken.settings, 'utf8')).toBe('{ broken');
    expect(existsSync(sound.settings)).toBe(true);
  });

  it('prints one document for programs', async () => {
    const host = place('{}');
    const { stdout } = await adopt(host, { args: ['--yes', '--json'] });
    expect(JSON.parse(stdout)).toMatchObject({
      claudeDirs: [
        { claudeDir: host.claudeDir, outcome: 'done', file: host.settings, line: 1, after: '36500', makes: false },
      ],
      shorter: [],
    });
  });
});
