/** A doubt of who is live ends by itself on every host, and takes nothing that was named before it. */

import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { openClaudeDirs } from '../../src/claude-dir/open-and-lock.ts';
import type { JobName } from '../../src/jobs/job-names.ts';
import type { ClockGap } from '../../src/jobs/ledger-contracts.ts';
import type { ReportOf } from '../../src/jobs/report.ts';
import { KeepList } from '../../src/live-sources/keep-list.ts';
import { Acquired } from '../../src/process/acquired.ts';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import { runConfiguredJob } from '../../src/runs/compose-job.ts';
import { contextOf } from '../support/job-context.ts';
import { resolveConfig } from '../support/resolved-config.ts';
import { tempDir } from '../support/temp-dir.ts';
import { trashSessions } from '../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';
import { witnessAll } from '../support/witnessed.ts';

const NAMED = Array.from({ length: 12 }, (_, index) => sessionIdOf(100 + index));
const [UNNAMED, LATE] = [sessionIdOf(1), sessionIdOf(2)];
const TABLE = 'CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id, last_used_at, created_at)';

type Loss = 'all state' | 'the database';

interface HostShape {
  readonly rowsMaxAge?: string;
  /** What a host has written into the map that is lost. */
  readonly written?: string;
  /** Whether one of those that are named is pinned as well. */
  readonly isPinned?: boolean;
}

/** Twelve sessions of sixty days are named, and a prune has seen it. Then whoever named them is lost, and a row is made anew. */
async function hostOf(loss: Loss, { rowsMaxAge = '45d', written, isPinned = false }: HostShape = {}) {
  const [path, stateDir, database] = [makeClaudeDir(tempDir()), join(tempDir(), 'state'), join(tempDir(), 'host.db')];
  const isOwn = loss === 'all state';
  const flags = {
    claudeDir: [path],
    stateDir,
    'sessions.maxAge': rowsMaxAge,
    shield: 'off',
    ...(isOwn ? {} : { 'sessions.db': database }),
  };
  const { config } = resolveConfig({ home: '/nonexistent', environment: {}, flags });
  const time = { nowMs: NOW, gaps: [] as ClockGap[] };
  const fill = (ids: readonly string[]) => {
    if (isOwn) SqliteResumeMap.openOwn(config['sessions.db']).close();
    const opened = new Database(config['sessions.db']);
    if (!isOwn) opened.exec(TABLE);
    const insert = opened.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
    for (const [index, id] of ids.entries()) insert.run(`forgejo:a:acme/app:${index}`, id, time.nowMs, time.nowMs);
    opened.close();
  };
  const run = async <Name extends JobName>(job: Name, dryRun = false): Promise<ReportOf<Name>> => {
    const acquired = new Acquired();
    try {
      witnessAll(stateDir, time.nowMs, time.gaps);
      const claudeDirs = openClaudeDirs(config, (claudeDir) => acquired.add(claudeDir, (opened) => opened.close()));
      const options = { dryRun, jobs: [job], allowMassRemoval: false, listsRemoved: 'all' } as const;
      const task = { job, config, options, claudeDirs, openDirs: claudeDirs, liveDirs: claudeDirs };
      const clock = { now: () => time.nowMs };
      return (await runConfiguredJob(task, contextOf({ dryRun, listsRemoved: 'all' }), clock)) as ReportOf<Name>;
    } finally {
      await acquired.release();
    }
  };
  const isHere = (id: string) => existsSync(join(path, `projects/-srv-app/${id}.jsonl`));
  const namedHere = () => NAMED.filter(isHere).length;
  for (const id of NAMED) makeSession(path, { id, ageMs: 60 * DAY_MS }, NOW);
  // Of which the host begins the next one tomorrow, and others beside it.
  for (let number = 200; number < 240; number += 1)
    makeSession(path, { id: sessionIdOf(number), ageMs: 2 * DAY_MS }, NOW);
  fill(NAMED);
  if (written !== undefined) {
    const opened = new Database(config['sessions.db']);
    opened.exec('CREATE TABLE IF NOT EXISTS claude_sdk_session_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)');
    opened.prepare(`INSERT INTO claude_sdk_session_settings VALUES ('max_session_age_ms', ?)`).run(written);
    opened.close();
  }
  if (isPinned) for (const id of NAMED.slice(0, 1)) new KeepList(stateDir).pin(id);
  expect(await run('prune-transcripts')).toMatchObject({
    removed: { sessions: 0 },
    kept: { live: 12 },
  });
  makeSession(path, { id: LATE, ageMs: 0 }, NOW + DAY_MS / 2);
  makeSession(path, { id: UNNAMED, ageMs: 60 * DAY_MS }, NOW);
  if (isOwn) rmSync(stateDir, { recursive: true });
  else renameSync(database, `${database}.old`);
  fill([sessionIdOf(3)]);
  /** The database that was lost takes the place of the new one, or the other way round. */
  const exchange = () => {
    renameSync(database, `${database}.third`);
    renameSync(`${database}.old`, database);
    renameSync(`${database}.third`, `${database}.old`);
  };
  const pass = (days: number, { isOff = false } = {}) => {
    time.nowMs += days * DAY_MS;
    if (isOff) time.gaps.push({ atMs: time.nowMs, ms: days * DAY_MS, isAbsence: true });
  };
  return { path, run, pass, exchange, isHere, namedHere };
}

describe.each(['all state', 'the database'] as const)('where %s is lost', (loss) => {
  const guard = loss === 'all state' ? 'unknown-map' : 'emptied-source';

  it('nothing goes for a day, then what nobody named, and what was named when rows of it would have had their time', async () => {
    const { run, pass, isHere, namedHere } = await hostOf(loss);
    const held = { held: [{ guard, message: expect.stringContaining('so nothing is removed before 20') }] };
    expect(await run('prune-transcripts')).toMatchObject(held);
    pass(0.5);
    expect(await run('prune-transcripts')).toMatchObject(held);
    expect([isHere(UNNAMED), namedHere()]).toEqual([true, 12]);
    pass(0.5);
    expect(await run('prune-transcripts')).toMatchObject({
      held: [{ guard, message: expect.stringContaining('so nothing is removed that was named before') }],
      removed: { sessions: 1 },
      kept: { live: 13 },
    });
    expect([isHere(UNNAMED), namedHere()]).toEqual([false, 12]);
    for (const days of [10, 20, 14]) {
      pass(days);
      await run('prune-transcripts');
      // The one that was begun between the last look and the loss is as wanted.
      expect([namedHere(), isHere(LATE)]).toEqual([12, true]);
    }
    pass(2);
    const { removedSessions, held: after } = await run('prune-transcripts');
    expect(after?.map((one) => one.guard) ?? []).not.toContain(guard);
    expect(removedSessions?.length).toBeGreaterThan(0);
  });

  it('what was named stays for ever where rows live for ever', async () => {
    const { run, pass, isHere, namedHere } = await hostOf(loss, { rowsMaxAge: 'never' });
    for (const days of [0, 2, 400, 2]) {
      pass(days);
      await run('prune-transcripts');
    }
    expect([isHere(UNNAMED), namedHere()]).toEqual([false, 12]);
  });

  it('what was named stays for as long as the map said that is lost', async () => {
    const { run, pass, isHere, namedHere } = await hostOf(loss, { written: 'never' });
    for (const days of [0, 2, 400, 2]) {
      pass(days);
      await run('prune-transcripts');
    }
    expect([isHere(UNNAMED), namedHere()]).toEqual([false, 12]);
  });

  it('what was named stays for ever where some of it was pinned, which has no end, and nothing else does', async () => {
    const { run, pass, isHere, namedHere } = await hostOf(loss, { isPinned: true });
    for (const days of [0, 2, 29, 400, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]) {
      pass(days);
      await run('prune-transcripts');
      if (days === 29) expect(isHere(LATE)).toBe(true);
    }
    expect([isHere(UNNAMED), isHere(LATE), namedHere()]).toEqual([false, false, 12]);
  });

  it('nothing of it ends while the host is off', async () => {
    const { run, pass, isHere, namedHere } = await hostOf(loss);
    await run('prune-transcripts');
    pass(60, { isOff: true });
    expect(await run('prune-transcripts')).toMatchObject({ held: [{ guard }] });
    expect([isHere(UNNAMED), namedHere()]).toEqual([true, 12]);
    // All that came of age meanwhile goes in portions, after a notice of its own.
    for (const days of [1, 1, 1]) {
      pass(days);
      await run('prune-transcripts');
    }
    expect([isHere(UNNAMED), namedHere()]).toEqual([false, 12]);
  });

  it('it ends as ever where it was noticed by a clock that was ahead', async () => {
    const { run, pass, isHere, namedHere } = await hostOf(loss);
    pass(400);
    expect(await run('prune-transcripts')).toMatchObject({ held: [{ guard }] });
    pass(-400);
    expect(await run('prune-transcripts')).toMatchObject({ held: [{ guard }] });
    pass(1);
    await run('prune-transcripts');
    expect([isHere(UNNAMED), namedHere()]).toEqual([false, 12]);
  });

  it('nothing goes where nobody has written down who was named, and that is told', async () => {
    const { path, run, pass, isHere } = await hostOf(loss);
    await run('prune-transcripts');
    writeFileSync(join(path, 'session-sweeper/named-sessions.json'), '{"atMs":1,"ids":["');
    pass(2);
    const report = await run('prune-transcripts');
    expect(report.faults).toMatchObject([{ message: expect.stringContaining('who was named before is not known') }]);
    expect(isHere(UNNAMED)).toBe(true);
  });

  it('nothing in the trash is destroyed for a month, and then it is', async () => {
    const { path, run, pass } = await hostOf(loss);
    trashSessions(path, [sessionIdOf(200)], NOW);
    await run('prune-transcripts');
    pass(29);
    const destroyed = await run('purge-trash');
    expect(destroyed).toMatchObject({
      held: [{ guard, message: expect.stringContaining('so nothing is destroyed before 20') }],
    });
    pass(2);
    expect(await run('purge-trash')).toMatchObject({ purged: { sessions: 1 } });
  });

  it('a dry run shows what would go by what is named now, and is no notice', async () => {
    const { run, pass } = await hostOf(loss);
    expect(await run('prune-transcripts', true)).toMatchObject({ held: [{ guard }], removed: { sessions: 13 } });
    pass(2);
    expect((await run('prune-transcripts')).held?.[0]?.message).toContain('so nothing is removed before 20');
  });
});

it('a record of the maps that says nothing is not one of none', async () => {
  const { path, run } = await hostOf('all state');
  for (const text of ['', '{"a":', '[]', 'null', '{"a":"b"}']) {
    writeFileSync(join(path, 'session-sweeper/resume-maps.json'), text);
    expect(await run('prune-transcripts')).toMatchObject({ held: [{ guard: 'unknown-map' }] });
  }
});

it('a doubt that has ended is none, and the next one begins anew', async () => {
  const { run, pass, exchange, isHere } = await hostOf('the database');
  await run('prune-transcripts');
  exchange();
  pass(1);
  expect((await run('prune-transcripts')).held).toBeUndefined();
  expect(isHere(UNNAMED)).toBe(false);
  exchange();
  expect((await run('prune-transcripts')).held?.[0]?.message).toContain('so nothing is removed before 20');
});
