/** Completion as the shells do it, and the manual page as man shows it: the built program is asked, by the name by which it is installed. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROGRAM, REPOSITORY, run, runProgram } from '../support/process.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';

const isThere = (name: string) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
const SHIPPED = {
  bash: 'completions/claude-session-sweeper.bash',
  zsh: 'completions/_claude-session-sweeper',
  fish: 'completions/claude-session-sweeper.fish',
} as const;
const shipped = (shell: keyof typeof SHIPPED) => join(REPOSITORY, 'dist', SHIPPED[shell]);

/** A path on which the program is installed, beside what shells need, and a home with two sessions. */
function installed() {
  const { directory, claudeDir } = tempPlace();
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  symlinkSync(PROGRAM, join(bin, 'claude-session-sweeper'));
  for (const number of [1, 2]) makeSession(claudeDir, { id: sessionIdOf(number), ageMs: 50 * DAY_MS });
  return { env: { PATH: `${bin}:${process.env.PATH}`, HOME: directory, CLAUDE_CONFIG_DIR: claudeDir } };
}

type Ask = (words: readonly string[]) => Promise<readonly string[]>;

function bash(): Ask {
  const { env } = installed();
  const script = `
    source "$1"; shift
    [[ $(complete -p claude-session-sweeper) == *'-F _claude_session_sweeper claude-session-sweeper' ]] || exit 3
    COMP_WORDS=(claude-session-sweeper "$@"); COMP_CWORD=$#; COMPREPLY=()
    _claude_session_sweeper
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  return async (words) => linesOf(await run('bash', ['-c', script, 'bash', shipped('bash'), ...words], { env }));
}

function fish(): Ask {
  const { env } = installed();
  const script = 'source $argv[1]; complete -C "claude-session-sweeper $argv[2]"';
  return async (words) => {
    const lines = linesOf(await run('fish', ['-N', '-c', script, shipped('fish'), words.join(' ')], { env }));
    return lines.map((line) => line.split('\t')[0] ?? '');
  };
}

/** Zsh completes at a terminal alone: its own call of the function, with what is handed to its menu written down. */
function zsh(): Ask {
  const { env } = installed();
  const script = `
    compdef() { [[ "$*" == '_claude_session_sweeper claude-session-sweeper' ]] || exit 3 }
    _describe() { print -rl -- "\${(@P)4}" }
    _files() { : }
    source "$1"; shift
    words=(claude-session-sweeper "$@"); CURRENT=$#words
    _claude_session_sweeper`;
  return async (words) => {
    const lines = linesOf(await run('zsh', ['-f', '-c', script, 'zsh', shipped('zsh'), ...words], { env }));
    return lines.map((line) => line.split(':')[0] ?? '');
  };
}

function linesOf({ code, stdout, stderr }: Awaited<ReturnType<typeof run>>): readonly string[] {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

describe.each([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
] as const)('Completion in %s', (shell, asks) => {
  const test = it.runIf(isThere(shell));

  test('knows commands, those of groups, flags and their values', async () => {
    const ask = asks();
    expect(await ask(['tra'])).toEqual(['trash']);
    expect((await ask(['trash', ''])).toSorted()).toEqual(['empty', 'list', 'purge', 'restore']);
    expect(await ask(['run', '--allow'])).toEqual(['--allow-mass-removal']);
    expect(await ask(['check-config', '--schem'])).toEqual(['--schema']);
    expect(await ask(['run', '--job', 'prune'])).toEqual(['prune-transcripts']);
    expect((await ask(['run', '--shield', ''])).toSorted()).toEqual(['all', 'off', 'wanted']);
    expect(await ask(['list', '--sort', 's'])).toEqual(['size']);
    expect(await ask(['list', '--class', 'back'])).toEqual(['background']);
    expect(await ask(['completion', 'z'])).toEqual(['zsh']);
  });

  test('knows the sessions that are here, and those in the trash where they are meant', async () => {
    const ask = asks();
    const ids = [1, 2].map((number) => sessionIdOf(number));
    expect((await ask(['why', '0000'])).toSorted()).toEqual(ids);
    expect((await ask(['pin', ids[0] ?? '', ''])).toSorted()).toEqual(ids);
    expect((await ask(['trash', 'restore', '0000'])).filter((line) => ids.some((id) => id === line))).toEqual([]);
  });

  test('is shipped as the program prints it', async () => {
    const { code, stdout } = await runProgram(['completion', shell]);
    expect([code, stdout]).toEqual([0, readFileSync(shipped(shell), 'utf8')]);
  });
});

describe('What the program is asked by a shell', () => {
  const ask = async (words: readonly string[], env = {}) => {
    const { code, stdout, stderr } = await runProgram(['complete', '--', ...words], { env });
    expect([code, stderr]).toEqual([0, '']);
    return stdout.split('\n').map((line) => line.split('\t')[0]);
  };

  it('is answered in the Claude directory that was typed before, and after a removal in its trash', async () => {
    const place = tempPlace();
    makeSession(place.claudeDir, { id: sessionIdOf(7), ageMs: 50 * DAY_MS });
    expect(await ask(['why', '--claude-dir', place.claudeDir, ''])).toEqual([sessionIdOf(7), '']);
    expect((await place.run(['run'])).code).toBe(0);
    expect(await ask(['--claude-dir', place.claudeDir, 'why', ''])).toEqual(['']);
    expect(await ask(['trash', 'restore', `--claude-dir=${place.claudeDir}`, ''])).toEqual([sessionIdOf(7), '']);
  });

  it('is answered after an equals sign, as one word and as bash splits it', async () => {
    expect(await ask(['run', '--shield=w'])).toEqual(['--shield=wanted', '']);
    expect(await ask(['run', '--shield', '='])).toEqual(['off', 'wanted', 'all', '']);
    expect(await ask(['run', '--shield', '=', 'w'])).toEqual(['wanted', '']);
  });

  it('is answered with nothing where the configuration is wrong or there is no such directory', async () => {
    expect(await ask(['why', ''], { SWEEPER_MAX_AGE: 'soon' })).toEqual(['']);
    expect(await ask(['why', ''])).toEqual(['']);
  });
});

describe('The manual page', () => {
  const page = join(REPOSITORY, 'dist/claude-session-sweeper.1');

  it('is where the package says, and names every command', async () => {
    const { man } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { man: [string] };
    expect(join(REPOSITORY, man[0])).toBe(page);
    const text = readFileSync(page, 'utf8');
    for (const command of ['run', 'trash restore', 'map drop\\-issue', 'check\\-config', 'completion']) {
      expect(text).toContain(`\n.B ${command}`);
    }
    expect(text).not.toContain('.B complete\n');
  });

  it.runIf(isThere('groff'))('renders without a warning', async () => {
    const { code, stderr } = await run('groff', ['-man', '-ww', '-Tutf8', '-z', page]);
    expect([code, stderr]).toEqual([0, '']);
    expect(existsSync(page)).toBe(true);
  });

  it.runIf(isThere('mandoc'))('is read by mandoc, which misses a date and nothing else', async () => {
    const { code, stdout, stderr } = await run('mandoc', ['-Tlint', '-Werror', page]);
    expect([code, stdout, stderr]).toEqual([0, '', '']);
  });
});
