import { describe, expect, it } from 'vitest';
import { snapshot } from '../support/disk.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { cli } from './cli-here.ts';

const ID = sessionIdOf(1);

interface Refusal {
  readonly mistake: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly code: number;
  readonly says: string;
}

const usage = (mistake: string, args: readonly string[], says: string): Refusal => ({ mistake, args, code: 64, says });
const config = (mistake: string, args: readonly string[], says: string): Refusal => ({ mistake, args, code: 78, says });

/** Every refusal of the command line, in one place. */
const REFUSALS: readonly Refusal[] = [
  usage('a misspelt flag', ['--run-nwo'], 'Did you mean --run-now?'),
  usage('a flag that was broken off', ['--dry'], 'Did you mean --dry-run?'),
  usage('a misspelt opposite', ['--no-keep-nmaed'], 'Did you mean --no-keep-named?'),
  usage('a flag that is on or off, with a value', ['--keep-named=true', 'list'], '--keep-named takes no value'),
  usage('a flag of one letter that is none', ['-n'], 'unknown option'),
  usage('a value for a flag that takes none', ['--run-now=yes'], '--run-now'),
  usage('the opposite of a flag that has none', ['--no-run-now'], '--no-run-now'),
  usage('a misspelt flag that would break the line', ['--max-age\u001b[31m\nx=3d'], '\\u001b[31m'),
  usage('a setting without a value', ['--max-age'], 'argument missing'),
  usage('a misspelt command', ['statsu'], 'Did you mean status?'),
  usage('the name of a job for a command', ['prune'], 'Did you mean run?'),
  usage('a word of other programs', ['rm', ID], 'Did you mean remove?'),
  usage('a command of a group without it', ['restore', ID], 'Did you mean trash restore?'),
  usage('a command that a group has not', ['trash', 'frobnicate'], 'help lists the commands'),
  usage('a command that would break the line', ['\u001b[31mstatus\nerror: all is lost'], '\\u001b[31m'),
  usage('a command behind --run-now', ['--run-now', 'now'], 'unknown command'),
  usage('a misspelt subcommand', ['trash', 'lsit'], 'Did you mean list?'),
  usage('a job that is none', ['--run-now', '--job', 'prune'], 'prune-transcripts'),
  usage('a job of nothing', ['--run-now', '--job', ''], 'prune-transcripts'),
  usage('a job in other letters', ['--run-now', '--job', 'Prune-Transcripts'], 'prune-transcripts'),
  usage('a missing job', ['--run-now', '--job'], 'argument missing'),
  usage('a job of the daemon', ['--job', 'purge-trash'], '--job goes with'),
  usage('a dry run of the daemon', ['--dry-run'], '--dry-run goes with'),
  usage('JSON of the daemon', ['--json'], '--json goes with'),
  usage('a mass removal of the daemon', ['--allow-mass-removal'], '--allow-mass-removal goes with'),
  usage('a run and a command', ['status', '--run-now'], '--run-now does not go with status'),
  usage('a run before a command', ['--run-now', 'status'], '--run-now does not go with status'),
  usage('a mass removal of a look', ['status', '--allow-mass-removal'], 'does not go with status'),
  usage('a dry run of a pin', ['pin', ID, '--dry-run'], '--dry-run does not go with'),
  usage('a dry run of a restore', ['trash', 'restore', ID, '--dry-run'], '--dry-run does not go with'),
  usage('a dry run of a look', ['trash', 'list', '--dry-run'], '--dry-run does not go with'),
  usage('a job of a look', ['trash', 'list', '--job', 'purge-trash'], '--job does not go with'),
  usage('a run of a purge', ['trash', 'purge', '--run-now'], '--run-now does not go with purge'),
  usage('a missing key', ['map', 'get'], "missing required argument 'key'"),
  usage('a missing session id', ['map', 'set', 'k'], "missing required argument 'session-id'"),
  usage('a missing issue', ['map', 'drop-issue', 'acme/app'], "missing required argument 'issue'"),
  usage('nothing to pin', ['pin'], 'name the sessions'),
  usage('nothing to restore', ['trash', 'restore'], 'name sessions'),
  usage('an argument too many', ['pins', 'x'], 'too many arguments'),
  usage('two keys for one', ['map', 'get', 'a', 'b'], 'too many arguments'),
  usage('an argument of a purge', ['trash', 'purge', ID], 'too many arguments'),
  {
    mistake: 'a pin that is no session',
    args: ['pin', '../../etc/passwd'],
    code: 65,
    says: '"../../etc/passwd" is no session here',
  },
  usage('a session id that is none', ['map', 'set', 'k', 'x/../y'], '"x/../y": not a session id'),
  {
    mistake: 'the beginning of an id that is too short',
    args: ['unpin', ID.slice(0, 3)],
    code: 65,
    says: 'is no session that is pinned',
  },
  {
    mistake: 'one id of two that is none',
    args: ['trash', 'restore', ID, 'x'],
    code: 65,
    says: '"x" is no session in the trash',
  },
  { mistake: 'a session id of 10 kB', args: ['pin', 'x'.repeat(10_000)], code: 65, says: 'is no session here' },
  usage('a key with a newline', ['map', 'set', 'a\nb', ID], 'control characters'),
  usage('a key of nothing', ['map', 'set', '', ID], 'session key'),
  usage('a key of 10 kB', ['map', 'set', 'x'.repeat(10_000), ID], 'session key'),
  { mistake: 'a key that is not there', args: ['map', 'get', 'nope'], code: 65, says: 'no such key' },
  {
    mistake: 'a restore of what is not in the trash',
    args: ['trash', 'restore', sessionIdOf(99)],
    code: 65,
    says: 'not in the trash',
  },
  { ...config('a misspelt variable', ['--run-now'], 'did you mean SWEEPER_MAX_AGE?'), env: { SWEEPER_MAXAGE: '3d' } },
  {
    ...config('a value in the environment', ['--run-now'], 'SWEEPER_MAX_AGE: "30 dogs"'),
    env: { SWEEPER_MAX_AGE: '30 dogs' },
  },
  config('a pattern that is none', ['--schedule-prune', '99 * * * *', 'check-config'], 'schedule.prune: "99 * * * *"'),
  config(
    'a configuration file that is not there',
    ['--config', '/nonexistent/c.yaml', '--run-now'],
    '/nonexistent/c.yaml',
  ),
  config('a relative Claude directory', ['--claude-dir', 'claude', '--run-now'], '--claude-dir: ["claude"]'),
  ...['', '0', '-1', 'NaN', '1e400', '0x10', ' 5 ', '30 dogs', '30'].map((value) =>
    config(
      `the retention ${JSON.stringify(value)}`,
      [`--max-age=${value}`, '--run-now'],
      `--max-age: ${JSON.stringify(value)}`,
    ),
  ),
];

describe('The command line', () => {
  it.each(REFUSALS)('refuses $mistake with $code and changes nothing', async ({ args, env, code, says }) => {
    const place = tempPlace();
    makeSession(place.claudeDir, { id: ID, ageMs: 40 * DAY_MS });
    const before = snapshot(place.directory);
    const flags = args.includes('--claude-dir') ? ['--state-dir', place.stateDir] : place.flags;
    const answer = await cli([...flags, ...args], env === undefined ? {} : { env });
    expect(answer.stderr).toContain(says);
    expect(answer.stderr).not.toMatch(/\n {4}at /);
    expect(answer.stdout).toBe('');
    expect(answer.code).toBe(code);
    // A look at the resume map makes no database either.
    expect(snapshot(place.directory)).toEqual(before);
  });
});
