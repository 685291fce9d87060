import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { outsideSweeper, snapshot, trashedIn } from '../support/disk.ts';
import { Place } from '../support/place.ts';
import { PROGRAM } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, type MadeSession, makeTree } from '../support/tree.ts';

const SEED = 20_261;
const RETENTION_MS = 30 * DAY_MS;

/** A host's own database, written with SQL and nothing of ours. */
function makeHostDatabase(path: string, liveIds: readonly string[], nowMs: number): void {
  const database = new Database(path);
  database.exec(
    'CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id TEXT NOT NULL, last_used_at INTEGER NOT NULL, created_at INTEGER NOT NULL)',
  );
  const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
  for (const [index, id] of liveIds.entries())
    insert.run(`forgejo:a:acme/app:${index}`, id, nowMs - 60_000, nowMs - DAY_MS);
  database.close();
}

function readIds(path: string): Set<string> {
  const database = new Database(path, { readonly: true });
  try {
    return new Set(database.prepare('SELECT session_id FROM claude_sdk_sessions').pluck().all() as string[]);
  } finally {
    database.close();
  }
}

function every<T>(items: readonly T[], step: number): T[] {
  return items.filter((_, index) => index % step === 0);
}

describe('--run-now on a tree of 2,000 sessions, 300 of them live', () => {
  it('moves exactly the expired, non-live ones to the trash, byte-identical, and brings any of them back', async () => {
    const place = new Place(tempDir());
    const { claudeDir } = place;
    const databasePath = join(place.directory, 'host.db');
    const nowMs = Date.now();
    const sessions = makeTree(claudeDir, { sessions: 2_000, seed: SEED, nowMs });
    // Of old and young ones alike.
    const liveIds = every(sessions, 6)
      .slice(0, 300)
      .map((session) => session.id);
    makeHostDatabase(databasePath, liveIds, nowMs);
    const before = snapshot(claudeDir);

    // What is live keeps its times, too, where nothing is made younger.
    const run = await place.run(['--sessions-db', databasePath, '--shield', 'off', '--run-now', '--json']);
    expect(run.code, run.stderr).toBe(0);

    // The oracle: it reads the database and the tree itself, and knows the ages from the making of the tree.
    const live = readIds(databasePath);
    expect(live.size).toBe(300);
    const isExpired = (session: MadeSession) => nowMs - session.mtimeMs > RETENTION_MS && !live.has(session.id);
    const expectedGone = new Set(sessions.filter(isExpired).flatMap((session) => session.files));
    expect(expectedGone.size).toBeGreaterThan(1_000);
    const after = snapshot(claudeDir);
    expect(trashedIn(after)).toEqual(new Map([...before].filter(([path]) => expectedGone.has(path))));
    expect(outsideSweeper(after)).toEqual(new Map([...before].filter(([path]) => !expectedGone.has(path))));

    const { jobs } = JSON.parse(run.stdout) as {
      jobs: { job: string; removed?: { sessions: number; files: number } }[];
    };
    expect(jobs.map((job) => job.job)).toEqual(['sweep-sessions', 'prune-transcripts', 'purge-trash']);
    expect(jobs[1]?.removed).toMatchObject({
      sessions: sessions.filter(isExpired).length,
      files: expectedGone.size,
    });

    const back = every(sessions.filter(isExpired), 17);
    const restore = await place.run([
      ...['--sessions-db', databasePath, '--shield', 'off', 'trash', 'restore'],
      ...back.map((session) => session.id),
    ]);
    expect(restore.code, restore.stderr).toBe(0);
    const restored = snapshot(claudeDir);
    for (const file of back.flatMap((session) => session.files)) expect(restored.get(file)).toEqual(before.get(file));
    const stillGone = new Set(
      [...expectedGone].filter((file) => !back.some((session) => session.files.includes(file))),
    );
    expect(new Set(trashedIn(restored).keys())).toEqual(stillGone);
  });

  it('shows in a dry run what the real run then does, and changes no byte', async () => {
    const place = new Place(tempDir());
    makeTree(place.claudeDir, { sessions: 200, seed: SEED + 1 });
    const before = snapshot(place.directory);
    const dry = await place.run(['--run-now', '--json', '--dry-run']);
    expect(dry.code, dry.stderr).toBe(0);
    expect(snapshot(place.directory)).toEqual(before);
    expect(existsSync(place.stateDir)).toBe(false);
    const real = await place.run(['--run-now', '--json']);
    const prunePart = (output: string) => {
      const { jobs } = JSON.parse(output) as { jobs: { removed?: object; removedSessions?: object; kept: object }[] };
      return { removed: jobs[1]?.removed, sessions: jobs[1]?.removedSessions, kept: jobs[1]?.kept };
    };
    const planned = prunePart(dry.stdout);
    expect(planned.sessions).not.toEqual([]);
    expect(new Set(planned.sessions as object[])).toEqual(new Set(prunePart(real.stdout).sessions as object[]));
    expect(prunePart(real.stdout).removed).toEqual(planned.removed);
    expect(prunePart(real.stdout).kept).toEqual(planned.kept);
  });

  it('counts what an import of sessions.json would bring, and a sweep would take, in a dry run too', async () => {
    const place = new Place(tempDir());
    const { claudeDir, stateDir } = place;
    const sessions = makeTree(claudeDir, { sessions: 60, seed: SEED + 2 });
    const old = sessions.filter((session) => Date.now() - session.mtimeMs > RETENTION_MS);
    const [stale, fresh] = [old[0], old[1]];
    mkdirSync(stateDir);
    writeFileSync(
      join(stateDir, 'sessions.json'),
      JSON.stringify({
        'foreman:acme/app:1': stale?.id,
        'a:acme/app:2': { id: fresh?.id, last_used_at: Date.now() - 1_000 },
      }),
    );
    const idsOf = (output: string) => {
      const { jobs } = JSON.parse(output) as { jobs: { removedSessions?: { sessionId: string }[] }[] };
      return jobs[1]?.removedSessions?.map((session) => session.sessionId).sort();
    };
    const dry = idsOf((await place.run(['--run-now', '--json', '--dry-run'])).stdout);
    expect(dry).toContain(stale?.id);
    expect(dry).not.toContain(fresh?.id);
    const real = await place.run(['--run-now', '--json']);
    expect(real.code, real.stderr).toBe(0);
    expect(idsOf(real.stdout)).toEqual(dry);
    expect(existsSync(join(stateDir, 'sessions.json.bak'))).toBe(true);
  });
});

describe('the log of a run', () => {
  it('has one line a job and nothing else, however many directories were opened', async () => {
    const place = new Place(tempDir());
    makeTree(place.claudeDir, { sessions: 500, seed: SEED });
    const { stderr } = await place.run(['--run-now']);
    const lines = stderr.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { job: string }).job)).toEqual([
      'sweep-sessions',
      'prune-transcripts',
      'purge-trash',
    ]);
  });
});

const HAS_STRACE = spawnSync('strace', ['-V']).status === 0;

describe('the end of a run', () => {
  it.skipIf(!HAS_STRACE)('does not wait for what is written to be durable, and hangs nowhere where that fails', () => {
    const place = new Place(tempDir());
    // Enough to have the system's own calls loaded.
    makeTree(place.claudeDir, { sessions: 400, seed: 3 });
    const args = [...place.flags, '--run-now', '--dry-run'];
    const injection = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync', '-e', 'inject=fsync:error=EIO'];
    const { status } = spawnSync('strace', [...injection, process.execPath, PROGRAM, ...args], {
      timeout: 90_000,
      killSignal: 'SIGKILL',
    });
    expect(status).toBe(0);
  });
});

describe('output that cannot be written', () => {
  it.each([
    { stream: 'stdout', redirection: '>/dev/full 2>/dev/null', code: 74 },
    { stream: 'stderr', redirection: '>/dev/null 2>/dev/full', code: 0 },
  ])('does not keep the work from being done: $stream', ({ redirection, code }) => {
    const place = new Place(tempDir());
    makeTree(place.claudeDir, { sessions: 10, seed: SEED });
    const args = [PROGRAM, ...place.flags, '--run-now', '--json'];
    const { status } = spawnSync('sh', ['-c', `"$@" ${redirection}`, 'sh', process.execPath, ...args]);
    expect(status).toBe(code);
    expect(trashedIn(snapshot(place.claudeDir)).size).toBeGreaterThan(0);
  });
});
