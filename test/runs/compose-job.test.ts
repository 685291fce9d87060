import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openClaudeDirs } from '../../src/claude-dir/open-and-lock.ts';
import type { Config } from '../../src/config/config.ts';
import { JOB_NAMES, type JobName } from '../../src/jobs/job-names.ts';
import type { ReportOf } from '../../src/jobs/report.ts';
import { KeepList } from '../../src/live-sources/keep-list.ts';
import { Acquired } from '../../src/process/acquired.ts';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import { runConfiguredJob } from '../../src/runs/compose-job.ts';
import type { RunOptions } from '../../src/runs/runnable-job.ts';
import { outsideSweeper, snapshot } from '../support/disk.ts';
import { contextOf } from '../support/job-context.ts';
import { resolveConfig } from '../support/resolved-config.ts';
import { seededRandom } from '../support/samples.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, makeTree, sessionIdOf, writeAged } from '../support/tree.ts';
import { NOW } from '../support/units.ts';
import { witnessAll } from '../support/witnessed.ts';

const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;

interface Host {
  readonly path: string;
  readonly stateDir: string;
}

function newHost(): Host {
  return { path: makeClaudeDir(tempDir()), stateDir: join(tempDir(), 'state') };
}

function configOf({ path, stateDir }: Host, flags: Readonly<Record<string, unknown>> = {}): Config {
  return resolveConfig({
    home: '/nonexistent',
    environment: {},
    flags: { claudeDir: [path], stateDir, 'sessions.maxAge': '10d', 'sessions.onlyThisHost': 'true', ...flags },
  }).config;
}

async function run<Name extends JobName>(
  job: Name,
  config: Config,
  dryRun: boolean,
  jobs: readonly JobName[] = [job],
): Promise<ReportOf<Name>> {
  const acquired = new Acquired();
  try {
    const claudeDirs = openClaudeDirs(config, (claudeDir) => acquired.add(claudeDir, (opened) => opened.close()));
    const options: RunOptions = { dryRun, jobs, allowMassRemoval: false, listsRemoved: 'all' };
    const task = { job, config, options, claudeDirs, openDirs: claudeDirs, liveDirs: claudeDirs };
    return (await runConfiguredJob(task, contextOf({ dryRun }), new SetClock(NOW))) as ReportOf<Name>;
  } finally {
    await acquired.release();
  }
}

/** As `--run-now` runs them, one after the other. */
async function runAll(config: Config, dryRun: boolean) {
  const [sweep, prune, purge] = [
    await run('sweep-sessions', config, dryRun, JOB_NAMES),
    await run('prune-transcripts', config, dryRun, JOB_NAMES),
    await run('purge-trash', config, dryRun, JOB_NAMES),
  ];
  return {
    swept: sweep.swept,
    keptRows: sweep.kept,
    removed: prune.removedSessions?.map(({ sessionId, reason }) => `${sessionId} ${reason}`).toSorted(),
    kept: prune.kept,
    purged: purge.purged,
    faults: [sweep, prune, purge].flatMap(({ faults }) => faults),
  };
}

async function insertRows(host: Host, rows: readonly (readonly [id: string, lastUsedAtMs: number])[]): Promise<void> {
  const path = join(host.stateDir, 'sessions.db');
  await SqliteResumeMap.openOwn(path).close();
  const database = new Database(path);
  const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
  for (const [index, [id, usedAtMs]] of rows.entries())
    insert.run(`forgejo:a:acme/app:${index}`, id, usedAtMs, usedAtMs);
  database.close();
}

function everythingIn({ path, stateDir }: Host): unknown {
  const names = (directory: string) => readdirSync(directory, { recursive: true }).map(String).toSorted();
  return [path, stateDir].map((directory) => existsSync(directory) && [names(directory), snapshot(directory)]);
}

describe('a dry run of all jobs, one after the other', () => {
  /** A tree of which every third session has a row, half of these stale; some rows lead nowhere, some sessions are trashed. */
  async function makeHost(seed: number): Promise<Host> {
    const host = newHost();
    const made = makeTree(host.path, { sessions: 90, seed, nowMs: NOW });
    const random = seededRandom(seed);
    const rows = made
      .filter((_, index) => index % 3 === 0)
      .map(({ id }) => [id, NOW - Math.floor(random() * 20 * DAY_MS)] as const);
    const nowhere = [901, 902].map((number) => [sessionIdOf(number), NOW - 5 * DAY_MS] as const);
    await insertRows(host, [...rows, ...nowhere]);
    const trashed = made.slice(-10).map(({ id }) => id);
    trashSessions(host.path, trashed, NOW - 9 * DAY_MS);
    witnessAll(host.stateDir, NOW);
    return host;
  }

  it.each([21, 22, 23])('names what the runs then do, and changes nothing itself (seed %i)', async (seed) => {
    const host = await makeHost(seed);
    const before = everythingIn(host);
    const planned = await runAll(configOf(host), true);
    expect(everythingIn(host)).toEqual(before);
    const done = await runAll(configOf(host), false);
    expect(planned).toEqual(done);
    expect(done.swept?.expired).toBeGreaterThan(5);
    expect(done.swept?.dangling).toBeGreaterThan(0);
    expect(done.removed?.length).toBeGreaterThan(10);
    expect(done.purged?.sessions).toBeGreaterThan(0);
  });

  it('names the transcript whose stale row the sweep takes first', async () => {
    const host = newHost();
    makeSession(host.path, { id: A, ageMs: 50 * DAY_MS }, NOW);
    await insertRows(host, [[A, NOW - 20 * DAY_MS]]);
    const planned = await runAll(configOf(host), true);
    expect(planned).toMatchObject({ swept: { expired: 1 }, removed: [`${A} expired`] });
    expect(await runAll(configOf(host), false)).toEqual(planned);
  });

  it('names left-over companions whose dangling row the sweep takes first', async () => {
    const host = newHost();
    const elsewhere = [`file-history/${A}/a@v1`];
    makeSession(host.path, { id: A, ageMs: 50 * DAY_MS, hasTranscript: false, elsewhere }, NOW);
    // Others are there: a map of which all rows led nowhere would be left alone.
    const others = [sessionIdOf(701), sessionIdOf(702)];
    for (const id of others) makeSession(host.path, { id, ageMs: 2 * DAY_MS }, NOW);
    await insertRows(
      host,
      [A, ...others].map((id) => [id, NOW - 5 * DAY_MS]),
    );
    const planned = await runAll(configOf(host), true);
    expect(planned).toMatchObject({ swept: { dangling: 1 }, removed: [`${A} orphan`] });
    expect(await runAll(configOf(host), false)).toEqual(planned);
  });

  it('names nothing of the stale row’s transcript where no sweep comes before', async () => {
    const host = newHost();
    makeSession(host.path, { id: A, ageMs: 50 * DAY_MS }, NOW);
    await insertRows(host, [[A, NOW - 20 * DAY_MS]]);
    const planned = await run('prune-transcripts', configOf(host), true);
    expect(planned).toMatchObject({ removed: { sessions: 0 }, kept: { live: 1 } });
  });

  it('makes nothing on a host where nothing ever ran', async () => {
    const host = newHost();
    makeSession(host.path, { id: A, ageMs: 50 * DAY_MS }, NOW);
    const before = everythingIn(host);
    expect(await runAll(configOf(host), true)).toMatchObject({ removed: [`${A} expired`], faults: [] });
    expect(everythingIn(host)).toEqual(before);
  });
});

describe('a configured job', () => {
  it('protects by the resume map, the keep list and Claude’s own records', async () => {
    const host = newHost();
    for (const id of [A, B, C]) makeSession(host.path, { id, ageMs: 50 * DAY_MS }, NOW);
    await insertRows(host, [[A, NOW]]);
    new KeepList(host.stateDir).pin(B);
    writeAged(join(host.path, 'sessions/1.json'), JSON.stringify({ sessionId: C }), NOW);
    expect(await run('prune-transcripts', configOf(host), false)).toMatchObject({
      removed: { sessions: 0 },
      kept: { live: 1, pinned: 1, running: 1 },
    });
  });

  it.each(JOB_NAMES)('removes nothing where the map that the user named is not there: %s', async (job) => {
    const host = newHost();
    makeSession(host.path, { id: A, ageMs: 50 * DAY_MS }, NOW);
    trashSessions(host.path, [A], NOW - 40 * DAY_MS);
    makeSession(host.path, { id: B, ageMs: 50 * DAY_MS }, NOW);
    const before = everythingIn(host);
    const config = configOf(host, { 'sessions.db': join(tempDir(), 'mistyped.db') });
    for (const dryRun of [true, false]) {
      await expect(run(job, config, dryRun)).rejects.toThrow(expect.objectContaining({ kind: 'unavailable' }));
    }
    expect(everythingIn(host)).toEqual(before);
  });

  it('removes nothing where the ledger cannot be opened', async () => {
    const host = newHost();
    makeSession(host.path, { id: A, ageMs: 50 * DAY_MS }, NOW);
    mkdirSync(host.stateDir);
    writeFileSync(
      join(host.stateDir, 'ledger.db'),
      'no database, though long enough to be looked at as one'.repeat(20),
    );
    const before = outsideSweeper(snapshot(host.path));
    await expect(run('prune-transcripts', configOf(host), false)).rejects.toThrow(
      expect.objectContaining({ kind: 'bad-data' }),
    );
    expect(outsideSweeper(snapshot(host.path))).toEqual(before);
  });

  it('gives every descriptor back, whatever came of it', async () => {
    const host = newHost();
    makeSession(host.path, { id: A, ageMs: 50 * DAY_MS }, NOW);
    await runAll(configOf(host), false);
    const before = readdirSync('/proc/self/fd').length;
    for (let count = 0; count < 3; count += 1) {
      await runAll(configOf(host), false);
      const config = configOf(host, { 'sessions.db': '/nonexistent/mistyped.db' });
      await run('prune-transcripts', config, false).catch(() => undefined);
    }
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
  });
});
