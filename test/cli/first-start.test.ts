import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { snapshot } from '../support/disk.ts';
import { startProgram } from '../support/forked.ts';
import { addressOf } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import { cli } from './cli-here.ts';

const QUIET = { env: { SWEEPER_LOG_LEVEL: 'silent' } };

describe('a machine on which Claude has not run yet', () => {
  it.each([
    ['list', ''],
    ['upcoming', ''],
    ['status', ''],
    ['run', ''],
    ['run --dry-run', ''],
    ['list', '.claude'],
    ['run', '.claude'],
  ])('has nothing to do yet, which is no error: %s, with %j made', async (command, made) => {
    const home = tempDir();
    mkdirSync(join(home, made), { recursive: true });
    const { code, stdout } = await cli(command.split(' '), { home, ...QUIET });
    expect(stdout).toContain(`Nothing to do yet: ${join(home, '.claude')}`);
    expect(code).toBe(0);
  });

  it('is a notice of doctor, and no problem', async () => {
    const { code, stdout } = await cli(['doctor'], { home: tempDir(), ...QUIET });
    expect(stdout).toContain('directory: Nothing to do yet');
    expect(code).toBe(0);
  });

  it('is none where the directory was named: it may be mistyped', async () => {
    const home = tempDir();
    const { code, stderr } = await cli(['list', '--claude-dir', join(home, '.claude')], { home, ...QUIET });
    expect(stderr).toContain('is this a Claude directory');
    expect(code).toBe(73);
  });

  it('is none where sessions were there before: a file system may not be mounted', async () => {
    const home = tempDir();
    const claudeDir = join(home, '.claude');
    makeClaudeDir(claudeDir);
    makeSession(claudeDir, { id: sessionIdOf(1), ageMs: DAY_MS });
    expect((await cli(['run'], { home, ...QUIET })).code).toBe(0);
    renameSync(claudeDir, join(home, 'elsewhere'));
    for (const args of [['run'], ['list'], ['status']]) {
      const { code, stdout, stderr } = await cli(args, { home, ...QUIET });
      expect(stdout + stderr).toContain('it is gone, and 1 session was there at the last prune');
      expect(code).toBe(73);
    }
  });

  it('has a daemon that waits, is ready, and looks after the directory once it is there', async () => {
    const home = tempDir();
    const daemon = startProgram(['daemon', '--listen', '127.0.0.1:0'], { env: { HOME: home } });
    const ready = `${await addressOf(daemon)}/readyz`;
    expect(daemon.log()).toContain('there is no Claude directory yet');
    expect((await fetch(ready)).status).toBe(200);
    makeClaudeDir(join(home, '.claude'));
    await until(
      'the daemon to take the directory over',
      async () => (await fetch(ready)).ok && daemon.log().includes('the Claude directory is there now'),
    );
    // It has taken it over: a second worker is refused.
    const second = startProgram(['daemon', '--listen', 'off'], { env: { HOME: home } });
    expect((await second.exit).code).toBe(75);
  });
});

describe('no command', () => {
  const host = () => {
    const home = tempDir();
    makeClaudeDir(join(home, '.claude'));
    makeSession(join(home, '.claude'), { id: sessionIdOf(1), ageMs: 40 * DAY_MS });
    return home;
  };

  it('shows on a terminal how things are and what to type next, and changes nothing', async () => {
    const home = host();
    const before = snapshot(home);
    const { code, stdout } = await cli([], { home, isTTY: true, env: { NO_COLOR: '1' } });
    expect(code).toBe(0);
    expect(stdout).toMatch(/next run takes +1 session/);
    expect(stdout).toMatch(/last run +never/);
    expect(stdout).toContain('claude-session-sweeper run --dry-run');
    expect(
      Math.max(
        ...stdout
          .split('\n')
          .slice(1)
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(80);
    expect(snapshot(home)).toEqual(before);
  });

  it('is the daemon where there is no terminal', async () => {
    const daemon = startProgram(['--listen', '127.0.0.1:0'], { env: { HOME: host() } });
    expect((await fetch(`${await addressOf(daemon)}/healthz`)).status).toBe(200);
  });
});

describe('a run on a terminal', () => {
  const host = (sessions: number) => {
    const home = tempDir();
    makeClaudeDir(join(home, '.claude'));
    for (let number = 0; number < sessions; number += 1) {
      makeSession(join(home, '.claude'), { id: sessionIdOf(number), ageMs: 40 * DAY_MS });
    }
    return home;
  };
  const onTerminal = (home: string, answer: string, ...args: string[]) => {
    return cli(['run', '--sessions-max-age', 'never', ...args], { home, isTTY: true, answer, env: { NO_COLOR: '1' } });
  };
  const sessionsIn = async (home: string) => {
    return JSON.parse((await cli(['list', '--json'], { home })).stdout).matching.sessions;
  };

  it('shows what goes and asks before the first of all, and goes by the answer', async () => {
    const home = host(2);
    const refused = await onTerminal(home, 'n');
    expect(refused.stdout).toContain('This is the first run here. Move 2 sessions');
    expect(refused.stdout).toContain(sessionIdOf(1).slice(0, 8));
    expect(refused.stdout).not.toContain('dry');
    expect(refused.stdout).toContain('Nothing was done.');
    expect(refused.code).toBe(0);
    expect(await sessionsIn(home)).toBe(2);
    const agreed = await onTerminal(home, 'y');
    expect(agreed.stdout).toContain('To bring one back: claude-session-sweeper trash restore ID');
    expect(await sessionsIn(home)).toBe(0);
  });

  it('asks no more once there was one, unless much would go', async () => {
    const home = host(1);
    await onTerminal(home, 'y');
    makeSession(join(home, '.claude'), { id: sessionIdOf(500), ageMs: 40 * DAY_MS });
    expect((await onTerminal(home, 'n')).stdout).not.toContain('[y/N]');
    expect(await sessionsIn(home)).toBe(0);
    for (let number = 0; number < 100; number += 1) {
      makeSession(join(home, '.claude'), { id: sessionIdOf(1_000 + number), ageMs: 40 * DAY_MS });
    }
    expect((await onTerminal(home, 'n')).stdout).toContain('That is much at once. Move 100 sessions');
    expect(await sessionsIn(home)).toBe(100);
  });

  it('counts what goes since its row is swept in the same run', async () => {
    const home = host(1);
    const ages = ['--sessions-max-age', '30d'];
    await cli(['map', 'set', 'forgejo:a:acme/app:1', sessionIdOf(0)], { home, ...QUIET });
    const database = new Database(join(home, '.local/state/claude-session-sweeper/sessions.db'));
    const longAgo = Date.now() - 400 * DAY_MS;
    database.prepare('UPDATE claude_sdk_sessions SET last_used_at = ?, created_at = ?').run(longAgo, longAgo);
    database.close();
    expect((await onTerminal(home, 'n', ...ages)).stdout).toContain('Move 1 session');
    expect(await sessionsIn(home)).toBe(1);
  });

  it('does not ask with --yes, in a dry run, with --json, or where nobody looks on', async () => {
    for (const args of [['--yes'], ['--dry-run'], ['--json']]) {
      expect((await onTerminal(host(1), 'n', ...args)).stdout).not.toContain('[y/N]');
    }
    const home = host(1);
    await cli(['run'], { home, ...QUIET });
    expect(await sessionsIn(home)).toBe(0);
  });

  it('says in a dry run that takes nothing what shows what goes next', async () => {
    expect((await onTerminal(host(0), 'n', '--dry-run')).stdout.trimEnd()).toMatch(
      /claude-session-sweeper upcoming\.$/,
    );
  });
});
