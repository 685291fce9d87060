/** The sweep of maps that the configuration names, as a run does it. */

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openClaudeDirs } from '../../src/claude-dir/open-and-lock.ts';
import type { JobName } from '../../src/jobs/job-names.ts';
import type { JobReport } from '../../src/jobs/report.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { Acquired } from '../../src/process/acquired.ts';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import { runConfiguredJob } from '../../src/runs/compose-job.ts';
import { snapshot } from '../support/disk.ts';
import { contextOf } from '../support/job-context.ts';
import { resolveConfig } from '../support/resolved-config.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const [A, B, C, D] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3), sessionIdOf(4)] as const;
const at = (ageMs: number) => new Date(NOW - ageMs).toISOString();
const OLD = at(90 * DAY_MS);
const YESTERDAY = at(2 * DAY_MS);

interface Row {
  readonly thread: string;
  readonly id: string;
  readonly time: string;
  readonly agent?: string;
}

/** A host with old transcripts of A, B and C, and a Slack bot's map. */
class Host {
  readonly path = makeClaudeDir(tempDir());
  readonly stateDir = join(tempDir(), 'state');
  readonly place = tempDir();
  readonly db = join(this.place, 'threads.db');

  constructor(rows: readonly Row[]) {
    for (const id of [A, B, C]) makeSession(this.path, { id, ageMs: 90 * DAY_MS }, NOW);
    this.#withDatabase((database) => {
      database.exec(`CREATE TABLE sessions (thread_ts TEXT PRIMARY KEY, session_id TEXT NOT NULL, repo TEXT NOT NULL,
        repo_path TEXT NOT NULL, agent_kind TEXT NOT NULL DEFAULT 'claude', channel_id TEXT NOT NULL, created_at TEXT NOT NULL,
        last_active TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'active', total_turns INTEGER NOT NULL DEFAULT 0, model TEXT,
        note TEXT DEFAULT 'theirs')`);
      const insert =
        database.prepare(`INSERT INTO sessions (thread_ts, session_id, repo, repo_path, channel_id, created_at,
        last_active, agent_kind) VALUES (?, ?, 'app', '/srv', 'C1', ?, ?, ?)`);
      for (const { thread, id, time, agent = 'claude' } of rows) insert.run(thread, id, time, time, agent);
    });
  }

  threads(): unknown[] {
    return this.#withDatabase((database) => {
      return database.prepare('SELECT thread_ts FROM sessions ORDER BY 1').pluck().all();
    });
  }

  execute(sql: string): void {
    this.#withDatabase((database) => database.exec(sql));
  }

  has(id: string): boolean {
    return existsSync(join(this.path, `projects/-srv-app/${id}.jsonl`));
  }

  async run<T extends JobReport>(job: JobName, fields: object, { dryRun = false, jobs = [job] } = {}): Promise<T> {
    const acquired = new Acquired();
    const sources = [{ kind: 'thread-map', name: 'slack', db: this.db, ...fields }];
    const { config } = resolveConfig({
      home: '/nonexistent',
      environment: {},
      flags: { claudeDir: [this.path], stateDir: this.stateDir, sources },
    });
    try {
      const claudeDirs = openClaudeDirs(config, (claudeDir) => acquired.add(claudeDir, (opened) => opened.close()));
      const options = { dryRun, jobs, allowMassRemoval: false, listsRemoved: 'none' } as const;
      const task = { job, config, options, claudeDirs, openDirs: claudeDirs, liveDirs: claudeDirs };
      return (await runConfiguredJob(task, contextOf({ dryRun }), new SetClock(NOW))) as T;
    } finally {
      await acquired.release();
    }
  }

  sweep(fields: object, dryRun = false) {
    return this.run<Extract<JobReport, { job: 'sweep-sessions' }>>('sweep-sessions', fields, { dryRun });
  }

  prune(fields: object, options: { dryRun?: boolean; jobs?: JobName[] } = {}) {
    return this.run<Extract<JobReport, { job: 'prune-transcripts' }>>('prune-transcripts', fields, options);
  }

  #withDatabase<T>(use: (database: Database.Database) => T): T {
    const database = new Database(this.db);
    try {
      return use(database);
    } finally {
      database.close();
    }
  }
}

const ROWS: readonly Row[] = [
  { thread: 'expired', id: A, time: OLD },
  { thread: 'in use', id: B, time: YESTERDAY },
  { thread: 'gone', id: D, time: YESTERDAY },
  { thread: 'of codex', id: sessionIdOf(9), time: YESTERDAY, agent: 'codex' },
  { thread: 'unreadable', id: C, time: 'long ago' },
];
const ALL = ROWS.map(({ thread }) => thread).sort();

describe('a thread map among the sources', () => {
  it.each([{}, { maxAge: '30d', onlyThisHost: true }, { sweep: false, maxAge: '30d' }])(
    'is not written to with %j',
    async (fields) => {
      const host = new Host(ROWS);
      const before = snapshot(host.place);
      expect(await host.sweep(fields)).toMatchObject({ swept: { expired: 0, dangling: 0 }, faults: [] });
      await host.prune(fields);
      expect(snapshot(host.place)).toEqual(before);
    },
  );

  it.each<[object, readonly string[], object]>([
    [{ sweep: true }, [], { expired: 0, dangling: 0 }],
    [{ sweep: true, maxAge: '30d' }, ['expired'], { expired: 1, dangling: 0 }],
    [{ sweep: true, maxAge: 'never', onlyThisHost: true }, ['gone'], { expired: 0, dangling: 1 }],
    [{ sweep: true, maxAge: '30d', onlyThisHost: true }, ['expired', 'gone'], { expired: 1, dangling: 1 }],
  ])(
    'with %j loses %j and nothing else, after a dry run that says so and changes nothing',
    async (fields, gone, swept) => {
      const host = new Host(ROWS);
      const before = snapshot(host.place);
      expect(await host.sweep(fields, true)).toMatchObject({ swept, faults: [] });
      expect(snapshot(host.place)).toEqual(before);
      expect(await host.sweep(fields)).toMatchObject({ swept, faults: [] });
      expect(host.threads()).toEqual(ALL.filter((thread) => !gone.includes(thread)));
    },
  );

  it('protects a session by any row that is there, and not by one that was swept', async () => {
    const host = new Host(ROWS);
    expect(await host.prune({})).toMatchObject({ removed: { sessions: 0 }, kept: { live: 3 }, liveIds: { slack: 5 } });
    await host.sweep({ sweep: true, maxAge: '30d' });
    expect(await host.prune({ sweep: true, maxAge: '30d' })).toMatchObject({
      removed: { sessions: 1 },
      kept: { live: 2 },
    });
    expect([A, B, C].map((id) => host.has(id))).toEqual([false, true, true]);
  });

  it('shows in a dry run of all jobs what its sweep will have left, and a session that another row names stays', async () => {
    const host = new Host([...ROWS, { thread: 'another', id: B, time: OLD }]);
    const fields = { sweep: true, maxAge: '30d' };
    const jobs: JobName[] = ['sweep-sessions', 'prune-transcripts'];
    const before = snapshot(host.place);
    const planned = await host.prune(fields, { dryRun: true, jobs });
    expect(snapshot(host.place)).toEqual(before);
    expect(planned).toMatchObject({ removed: { sessions: 1 }, kept: { live: 2 } });
    await host.sweep(fields);
    expect(await host.prune(fields)).toMatchObject({ removed: { sessions: 1 }, kept: { live: 2 } });
  });

  it('keeps a row that was swept whole, in every column, in the ledger', async () => {
    const host = new Host(ROWS);
    await host.sweep({ sweep: true, maxAge: '30d' });
    const ledger = Ledger.openForReading(host.stateDir);
    const kept = ledger?.sweptRows.kept(`${host.db} (threads)`) ?? [];
    ledger?.close();
    expect(kept).toMatchObject([{ key: 'expired', sessionId: A, lastUsedAtMs: NOW - 90 * DAY_MS, reason: 'expired' }]);
    expect(kept[0]?.content).toContain(Buffer.from('theirs').toString('hex').toUpperCase());
  });

  it('that cannot be opened, or has a trigger on deletions, is told and not touched, and the sweep is not whole for it', async () => {
    const host = new Host(ROWS);
    host.execute('CREATE TRIGGER audit AFTER DELETE ON sessions BEGIN SELECT 1; END');
    const { faults } = await host.sweep({ sweep: true, maxAge: '30d' });
    expect(faults).toMatchObject([
      { message: expect.stringMatching(/trigger audit .* take sweep from the source slack/) },
    ]);
    expect(host.threads()).toEqual(ALL);
    rmSync(host.db);
    const report = await host.sweep({ sweep: true, maxAge: '30d' });
    expect(report).toMatchObject({ incomplete: true, faults: [{ kind: 'unavailable' }] });
    expect(report.failure).toBeUndefined();
  });
});

it('a further resume map keeps its rows for as long as its host has written into it', async () => {
  const host = new Host([]);
  const map = SqliteResumeMap.openOwn(join(host.place, 'second.db'), {
    clock: new SetClock(NOW - 60 * DAY_MS),
    maxSessionAge: 'never',
  });
  await map.setSession('chat', A);
  await map.writeMaxSessionAge();
  await map.close();
  const fields = { kind: 'resume-map', name: 'second', db: join(host.place, 'second.db'), sweep: true };
  expect(await host.sweep({ ...fields, maxAge: '10d' })).toMatchObject({ swept: { expired: 0 }, faults: [] });
});
