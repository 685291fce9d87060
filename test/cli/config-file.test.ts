import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDefaultConfigFile } from '../../src/config/config-file.ts';
import { REPOSITORY } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { type Answer, cli } from './cli-here.ts';

const isRoot = process.geteuid?.() === 0;

interface Settings {
  readonly configFile: string | null;
  readonly settings: readonly { readonly setting: string; readonly value: string; readonly origin: string }[];
}

function world(text?: string) {
  const configHome = tempDir();
  const path = join(configHome, 'claude-session-sweeper/config.yaml');
  mkdirSync(dirname(path), { mode: 0o755 });
  if (text !== undefined) writeFileSync(path, text, { mode: 0o644 });
  const check = (...flags: readonly string[]): Promise<Answer> =>
    cli(['check-config', ...flags], { env: { XDG_CONFIG_HOME: configHome } });
  const ageOf = async (...flags: readonly string[]) => {
    const { stdout } = await check('--json', ...flags);
    const { configFile, settings } = JSON.parse(stdout) as Settings;
    return { configFile, ...settings.find(({ setting }) => setting === 'maxAge') };
  };
  return { path, check, ageOf };
}

describe('The configuration file that nobody has named', () => {
  it('counts, is told, and is beaten by one that is named', async () => {
    const { path, check, ageOf } = world('maxAge: 60d\n');
    expect(await ageOf()).toMatchObject({ configFile: path, value: '60d', origin: 'file' });
    expect((await check()).stdout).toContain(`\nConfiguration file: ${path}\n`);
    const named = join(tempDir(), 'named.yaml');
    writeFileSync(named, 'maxAge: 90d\n');
    expect(await ageOf('--config', named)).toMatchObject({ configFile: named, value: '90d', origin: 'file' });
  });

  it('is none where there is none, and that is told with the place', async () => {
    const { path, check, ageOf } = world();
    expect(await ageOf()).toMatchObject({ configFile: null, value: '30d', origin: 'default' });
    expect((await check()).stdout).toContain(`\nConfiguration file: none; ${path} is not there\n`);
  });

  it('stands below ~/.config where XDG_CONFIG_HOME is none or relative', async () => {
    const expected = '/nonexistent/.config/claude-session-sweeper/config.yaml is not there';
    expect((await cli(['check-config'])).stdout).toContain(expected);
    expect((await cli(['check-config'], { env: { XDG_CONFIG_HOME: 'x' } })).stdout).toContain(expected);
  });

  it.each<[string, (path: string) => void]>([
    ['can be written by others', (path) => chmodSync(path, 0o646)],
    ['its directory can be written by others', (path) => chmodSync(dirname(path), 0o777)],
  ])('is refused with the command where it or %s', async (fault, spoil) => {
    const { path, check } = world('maxAge: 60d\n');
    spoil(path);
    const { code, stderr } = await check();
    expect(code).toBe(78);
    expect(stderr).toContain(fault.replace(/^it or /, ''));
    const [, mode, target = ''] = /(chmod go-w) (\S+)/.exec(stderr) ?? [];
    expect(mode).toBe('chmod go-w');
    chmodSync(target, target === path ? 0o644 : 0o755);
    expect((await check()).code).toBe(0);
  });

  it('is refused where it is damaged, a directory or a symlink in a circle', async () => {
    const { path, check } = world('maxAge: [\n');
    expect((await check()).code).toBe(78);
    const directory = world();
    mkdirSync(directory.path);
    expect(await directory.check()).toMatchObject({ code: 78, stderr: expect.stringContaining('no regular file') });
    const circle = world();
    symlinkSync('config.yaml', circle.path);
    expect(await circle.check()).toMatchObject({ code: 78, stderr: expect.stringContaining('ELOOP') });
    expect(path).toContain('config.yaml');
  });

  it('is refused where it is a FIFO, without waiting for somebody to write', async () => {
    const { path, check } = world();
    execFileSync('mkfifo', [path]);
    expect(await check()).toMatchObject({ code: 78, stderr: expect.stringContaining('no regular file') });
  });

  it.runIf(isRoot)('speaks to nobody but its owner, be it root', () => {
    const { path } = world('maxAge: 60d\n');
    chownSync(path, 12_345, 12_345);
    expect(() => readDefaultConfigFile(path)).toThrow(/belongs to user 12345.*--config/);
    expect(() => readDefaultConfigFile(path, 54_321)).toThrow(/belongs to user 12345/);
    expect(readDefaultConfigFile(path, 12_345)?.text).toBe('maxAge: 60d\n');
  });
});

describe('The schema for editors', () => {
  it('is printed as it is shipped', async () => {
    const { code, stdout } = await cli(['check-config', '--schema']);
    expect(code).toBe(0);
    expect(stdout).toBe(readFileSync(join(REPOSITORY, 'dist/config.schema.json'), 'utf8'));
  });
});
