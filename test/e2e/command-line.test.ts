import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

describe('the command line', () => {
  it.each([
    { mistake: 'a misspelt flag', args: ['--run-nwo'], code: 64 },
    { mistake: 'a key that is not there', args: ['map', 'get', 'nope'], code: 65 },
    { mistake: 'a retention that means nothing', args: ['--run-now', '--max-age=30 dogs'], code: 78 },
  ])('ends with $code over $mistake, says why on stderr, and changes nothing', async ({ args, code }) => {
    const place = placeWithSession();
    const before = snapshot(place.directory);
    const result = await place.run(args);
    expect(result).toMatchObject({
      code,
      stdout: '',
      stderr: expect.stringMatching(/^(claude-session-sweeper|error): /),
    });
    expect(snapshot(place.directory)).toEqual(before);
  });

  it('refuses an unsafe Claude directory with 73, whatever makes it unsafe', async () => {
    const { directory: root, claudeDir, stateDir } = placeWithSession();
    symlinkSync(claudeDir, join(root, 'link'));
    mkdirSync(join(root, 'empty'));
    mkdirSync(join(root, 'anybody'));
    chmodSync(join(root, 'anybody'), 0o777);
    mkdirSync(join(root, 'foreign'));
    symlinkSync(join(root, 'anybody'), join(root, 'foreign/projects'));
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
    expect(help).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^Usage: /) });
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
    expect(await run('trash', 'list')).toContain(sessionIdOf(1).slice(0, 8));
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

  it('ends with 74, not 65, where a trash folder that cannot be read may hold the session', async () => {
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
    await run('map', 'set', 'forgejo:a:acme/app:1', sessionIdOf(1));
    expect(await run('map', 'list')).toContain('forgejo:a:acme/app:1');
    expect(JSON.parse(await run('map', 'get', 'forgejo:a:acme/app:1', '--json'))).toMatchObject({
      sessionId: sessionIdOf(1),
      stale: false,
    });
    expect(await run('--run-now')).toContain('1 live');
    expect(await run('map', 'drop-issue', 'acme/app', '1')).toContain('1 session');
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

  it('writes no colours and no progress bar into a pipe', async () => {
    const place = placeWithSession();
    const { stdout, stderr } = await place.run(['--run-now']);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for.
    expect(stdout + stderr).not.toMatch(/\u001b/);
  });
});
