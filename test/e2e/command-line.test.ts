import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { outsideSweeper, snapshot } from '../support/disk.ts';
import { canFreeze, freeze } from '../support/freeze.ts';
import type { Place } from '../support/place.ts';
import { runProgram } from '../support/process.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';

/** A place with one session that a prune would take. */
function placeWithSession(): Place {
  const place = tempPlace();
  makeSession(place.claudeDir, { id: sessionIdOf(1), ageMs: 40 * DAY_MS });
  return place;
}

interface Refusal {
  readonly mistake: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly code: number;
  readonly says: string;
}

/** Every refusal of the command line, in one place. */
const REFUSALS: readonly Refusal[] = [
  { mistake: 'a misspelt flag', args: ['--run-nwo'], code: 64, says: 'Did you mean --run-now?' },
  { mistake: 'a misspelt command', args: ['statsu'], code: 64, says: 'Did you mean status?' },
  { mistake: 'a misspelt subcommand', args: ['trash', 'lsit'], code: 64, says: 'Did you mean list?' },
  { mistake: 'a job that is none', args: ['--run-now', '--job', 'prune'], code: 64, says: 'prune-transcripts' },
  { mistake: 'a dry run of the daemon', args: ['--dry-run'], code: 64, says: '--dry-run goes with' },
  { mistake: 'JSON of the daemon', args: ['--json'], code: 64, says: '--json goes with' },
  {
    mistake: 'a dry run of a pin',
    args: ['pin', sessionIdOf(1), '--dry-run'],
    code: 64,
    says: '--dry-run does not go with',
  },
  {
    mistake: 'a run and a command',
    args: ['status', '--run-now'],
    code: 64,
    says: '--run-now does not go with status',
  },
  { mistake: 'a job of the daemon', args: ['--job', 'purge-trash'], code: 64, says: '--job goes with' },
  { mistake: 'a missing argument', args: ['sessions', 'get'], code: 64, says: "missing required argument 'key'" },
  { mistake: 'an argument too many', args: ['pins', 'x'], code: 64, says: 'too many arguments' },
  {
    mistake: 'a pin that is no session id',
    args: ['pin', '../../etc/passwd'],
    code: 64,
    says: '"../../etc/passwd": not a session id',
  },
  {
    mistake: 'a session id that is none',
    args: ['sessions', 'set', 'k', 'x/../y'],
    code: 64,
    says: '"x/../y": not a session id',
  },
  {
    mistake: 'a key with a newline',
    args: ['sessions', 'set', 'a\nb', sessionIdOf(1)],
    code: 64,
    says: 'control characters',
  },
  { mistake: 'a key that is not there', args: ['sessions', 'get', 'nope'], code: 65, says: 'no such key' },
  {
    mistake: 'a restore of what is not in the trash',
    args: ['trash', 'restore', sessionIdOf(99)],
    code: 65,
    says: 'not in the trash',
  },
  {
    mistake: 'a misspelt variable',
    args: ['--run-now'],
    env: { SWEEPER_MAXAGE: '3d' },
    code: 78,
    says: 'did you mean SWEEPER_MAX_AGE?',
  },
  {
    mistake: 'a value in the environment',
    args: ['--run-now'],
    env: { SWEEPER_MAX_AGE: '30 dogs' },
    code: 78,
    says: 'SWEEPER_MAX_AGE: "30 dogs"',
  },
  {
    mistake: 'a pattern that is none',
    args: ['--schedule-prune', '99 * * * *', 'check-config'],
    code: 78,
    says: 'schedule.prune: "99 * * * *"',
  },
  {
    mistake: 'a configuration file that is not there',
    args: ['--config', '/nonexistent/c.yaml', '--run-now'],
    code: 78,
    says: '/nonexistent/c.yaml',
  },
  {
    mistake: 'a relative Claude directory',
    args: ['--claude-dir', 'claude', '--run-now'],
    code: 78,
    says: '--claude-dir: ["claude"]',
  },
  ...['', '0', '-1', 'NaN', '1e400', '0x10', ' 5 ', '30 dogs', '30'].map((value) => ({
    mistake: `the retention ${JSON.stringify(value)}`,
    args: [`--max-age=${value}`, '--run-now'],
    code: 78,
    says: `--max-age: ${JSON.stringify(value)}`,
  })),
];

describe('the command line', () => {
  it.each(REFUSALS)('refuses $mistake with $code and changes nothing', async ({ args, env, code, says }) => {
    const place = placeWithSession();
    const before = snapshot(place.directory);
    const flags = args.includes('--claude-dir') ? ['--state-dir', place.stateDir] : place.flags;
    const result = await runProgram([...flags, ...args], env === undefined ? {} : { env });
    expect(result.stderr).toContain(says);
    expect(result.stderr).not.toMatch(/\n {4}at /);
    expect(result.stdout).toBe('');
    expect(result.code).toBe(code);
    // A look at the resume map makes no database either.
    expect(snapshot(place.directory)).toEqual(before);
  });

  it('refuses an unsafe Claude directory with 73, whatever makes it unsafe', async () => {
    const { directory: root, claudeDir, stateDir } = placeWithSession();
    symlinkSync(claudeDir, join(root, 'link'));
    mkdirSync(join(root, 'empty'));
    mkdirSync(join(root, 'foreign'));
    symlinkSync(join(claudeDir, 'projects'), join(root, 'foreign/projects'));
    for (const directory of ['/', join(root, 'link'), join(root, 'empty'), join(root, 'foreign'), join(root, 'none')]) {
      const result = await runProgram([
        '--claude-dir',
        directory,
        '--state-dir',
        stateDir,
        '--run-now',
        '--job',
        'prune-transcripts',
      ]);
      expect(result.code, directory).toBe(directory === '/' ? 78 : 73);
    }
  });

  it('refuses a resume map that is named and not there, empty, damaged, or another database', async () => {
    const place = placeWithSession();
    const before = snapshot(place.claudeDir);
    const damaged = join(place.directory, 'damaged.db');
    const empty = join(place.directory, 'empty.db');
    const other = join(place.directory, 'other.db');
    writeFileSync(damaged, 'this is no database, and it is long enough to be taken for one'.repeat(20));
    writeFileSync(empty, '');
    new Database(other).exec('CREATE TABLE x (y)').close();
    const cases = [
      { path: join(place.directory, 'none.db'), code: 69 },
      { path: empty, code: 65 },
      { path: damaged, code: 65 },
      { path: other, code: 78 },
    ];
    for (const { path, code } of cases) {
      for (const dryRun of [[], ['--dry-run']]) {
        const result = await place.run(['--sessions-db', path, '--run-now', ...dryRun]);
        expect(result.code, path).toBe(code);
        expect(result.stdout, path).toContain(path);
      }
    }
    expect(outsideSweeper(snapshot(place.claudeDir))).toEqual(before);
  });

  it('gives --help and --version with 0', async () => {
    const help = await runProgram(['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('75  another run or worker') });
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await runProgram(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  it('prints one document on stdout with --json, and the log on stderr', async () => {
    const place = placeWithSession();
    const result = await place.run(['--run-now', '--json']);
    const { jobs } = JSON.parse(result.stdout) as { jobs: Record<string, unknown>[] };
    expect(jobs[1]).toMatchObject({
      job: 'prune-transcripts',
      outcome: 'ok',
      dryRun: false,
      startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      durationSeconds: expect.any(Number),
      observed: { sessions: 1, files: 1, bytes: expect.any(Number) },
      kept: {},
      removed: {
        sessions: 1,
        files: 1,
        bytes: expect.any(Number),
        byReason: { expired: 1, orphan: 0, 'over-size': 0 },
      },
      errors: [],
    });
    expect(jobs[0]).toMatchObject({ job: 'sweep-sessions', swept: { expired: 0, dangling: 0 } });
    expect(jobs[2]).toMatchObject({ job: 'purge-trash', purged: { sessions: 0, bytes: 0 } });
    const lines = result.stderr.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { job: string }).job)).toEqual([
      'sweep-sessions',
      'prune-transcripts',
      'purge-trash',
    ]);
  });

  it('runs only the jobs that are named, in the fixed order', async () => {
    const place = placeWithSession();
    const jobs = ['--job', 'purge-trash', '--job', 'sweep-sessions'];
    const result = await place.run(['--run-now', '--json', ...jobs]);
    const document = JSON.parse(result.stdout) as { jobs: { job: string }[] };
    expect(document.jobs.map(({ job }) => job)).toEqual(['sweep-sessions', 'purge-trash']);
  });

  it('keeps a pinned session until it is unpinned', async () => {
    const place = placeWithSession();
    const run = async (...args: string[]) => (await place.run(args)).stdout;
    expect(await run('pin', sessionIdOf(1))).toContain('pinned');
    expect(await run('pins')).toContain(sessionIdOf(1));
    expect(await run('--run-now')).toContain('1 pinned');
    expect(await run('unpin', sessionIdOf(1))).toContain('unpinned');
    expect(await run('--run-now')).toContain('1 session, 1 file');
    expect(await run('trash', 'list')).toContain(sessionIdOf(1));
    expect(await run('trash', 'restore', '--pin', sessionIdOf(1))).toContain('restored and pinned');
    expect(await run('--run-now')).toContain('1 pinned');
  });

  it.skipIf(!canFreeze)('ends with 74, not 65, where the system will not let a session back', async () => {
    const place = placeWithSession();
    const run = (...args: string[]) => place.run(args);
    expect((await run('--run-now')).code).toBe(0);
    freeze(join(place.claudeDir, 'projects/-srv-app'));
    expect(await run('trash', 'restore', sessionIdOf(1))).toMatchObject({
      code: 74,
      stderr: expect.stringContaining('EPERM'),
    });
  });

  it('ends with 74, not 65, where a trash run that cannot be read may hold the session', async () => {
    const place = placeWithSession();
    const run = (...args: string[]) => place.run(args);
    expect((await run('--run-now')).code).toBe(0);
    const trash = join(place.claudeDir, 'session-sweeper/trash');
    const manifest = join(trash, readdirSync(trash)[0] ?? '', 'manifest.jsonl');
    rmSync(manifest);
    mkdirSync(manifest);
    expect(await run('trash', 'restore', sessionIdOf(1))).toMatchObject({
      code: 74,
      stderr: expect.stringContaining('EISDIR'),
    });
  });

  it('keeps a session that the resume map names until it is dropped', async () => {
    const place = placeWithSession();
    const run = async (...args: string[]) => (await place.run(args)).stdout;
    await run('sessions', 'set', 'forgejo:a:acme/app:1', sessionIdOf(1));
    expect(await run('sessions', 'list')).toContain('forgejo:a:acme/app:1');
    expect(JSON.parse(await run('sessions', 'get', 'forgejo:a:acme/app:1', '--json'))).toMatchObject({
      sessionId: sessionIdOf(1),
      stale: false,
    });
    expect(await run('--run-now')).toContain('1 live');
    expect(await run('sessions', 'drop-issue', 'acme/app', '1')).toContain('1 session');
    expect(await run('--run-now')).toContain('to trash   1 session');
  });

  it('shows the status of disk and jobs, and changes nothing by it', async () => {
    const place = placeWithSession();
    await place.run(['--run-now', '--job', 'sweep-sessions']);
    const before = snapshot(place.directory);
    const { stdout, code } = await place.run(['status']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/sweep-sessions +ok/);
    expect(stdout).toMatch(/prune-transcripts +never/);
    expect(stdout).toContain('Next prune takes 1 session');
    expect(stdout).toContain('-srv-app');
    const document = JSON.parse((await place.run(['status', '--json'])).stdout) as object;
    expect(document).toMatchObject({ nextPrune: { removed: { sessions: 1 } }, projects: [{ project: '-srv-app' }] });
    expect(snapshot(place.directory)).toEqual(before);
  });

  it('shows where each value of the configuration comes from', async () => {
    const place = placeWithSession();
    const file = join(place.directory, 'c.yaml');
    writeFileSync(file, 'maxAge: 60d\nminAge: 36h\ntrash:\n  keep: 9d\n');
    const env = { SWEEPER_CONFIG: file, SWEEPER_MIN_AGE: '48h' };
    const { stdout } = await place.run(['--trash-keep', '3d', 'check-config', '--json'], { env });
    const { settings } = JSON.parse(stdout) as { settings: { setting: string; value: string; origin: string }[] };
    const shown = new Map(settings.map(({ setting, value, origin }) => [setting, `${value} ${origin}`]));
    expect(shown.get('maxAge')).toBe('60d file');
    expect(shown.get('minAge')).toBe('2d environment');
    expect(shown.get('trash.keep')).toBe('3d flag');
    expect(shown.get('keepLast')).toBe('0 default');
  });

  it('writes no colours and no progress bar into a pipe', async () => {
    const place = placeWithSession();
    const { stdout, stderr } = await place.run(['--run-now']);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for.
    expect(stdout + stderr).not.toMatch(/\u001b/);
  });
});
