import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { guardsBy } from '../../../src/jobs/guards/removals.ts';
import type { JobContext } from '../../../src/jobs/job.ts';
import type { SweepReport } from '../../../src/jobs/report.ts';
import { type SweepDependencies, sweepSessionsJob } from '../../../src/jobs/sweep-sessions/index.ts';
import { Ledger } from '../../../src/ledger/ledger.ts';
import { RESUME_MAP } from '../../../src/live-sources/resume-map-source.ts';
import type { MaintainableResumeMap, UncheckedResumeRow } from '../../../src/resume-map/resume-map.ts';
import { SqliteResumeMap } from '../../../src/resume-map/sqlite.ts';
import { UnwrittenHistory } from '../../../src/runs/unwritten-history.ts';
import { ShortHolds } from '../../../src/sqlite/short-holds.ts';
import { snapshot } from '../../support/disk.ts';
import { contextOf, stopAfter } from '../../support/job-context.ts';
import { openClaudeDir } from '../../support/opened.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { trashSessions } from '../../support/trashed.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf, writeAged } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

const MAX_AGE_MS = 10 * DAY_MS;
const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;

type Row = readonly [key: string, sessionId: unknown, lastUsedAtMs: unknown, createdAtMs?: unknown];

/** A map on disk with the given rows, and a Claude directory with a transcript for each of the given sessions. */
class Host {
  readonly path = makeClaudeDir(tempDir());
  readonly stateDir = tempDir();
  readonly map: SqliteResumeMap;
  readonly history = new UnwrittenHistory(undefined);
  readonly ledger = openLedger();

  constructor(rows: readonly Row[], sessions: readonly (typeof A)[] = []) {
    this.map = SqliteResumeMap.openOwn(join(this.stateDir, 'sessions.db'), { clock: new SetClock(NOW) });
    onTestFinished(() => this.map.close());
    this.#change((database) => {
      const insert = database.prepare('INSERT INTO claude_sdk_sessions VALUES (?, ?, ?, ?)');
      for (const [key, id, lastUsedAtMs, createdAtMs = lastUsedAtMs] of rows) {
        insert.run(key, id, lastUsedAtMs, createdAtMs);
      }
    });
    for (const id of sessions) makeSession(this.path, { id, ageMs: 5 * DAY_MS }, NOW);
  }

  run(sql: string): void {
    this.#change((database) => database.exec(sql));
  }

  keys(): unknown[] {
    return this.#change((database) =>
      database.prepare('SELECT key FROM claude_sdk_sessions ORDER BY key').pluck().all(),
    );
  }

  sweep(overrides: Partial<SweepDependencies> = {}, context: Partial<JobContext> = {}): Promise<SweepReport> {
    return sweepSessionsJob({
      map: this.map,
      sourceName: RESUME_MAP,
      offSwitch: 'set sessions.maxAge to never',
      mapPath: join(this.stateDir, 'sessions.db'),
      sweptRows: this.ledger.sweptRows,
      claudeDirs: [openClaudeDir(this.path)],
      stores: [],
      areStoresWhole: true,
      maxAge: MAX_AGE_MS,
      minAgeMs: DAY_MS,
      sweepsDangling: true,
      guards: guardsBy(this.history, { mapIdentity: undefined, massPortion: 1, clock: new SetClock(NOW) }),
      history: this.history,
      holds: new ShortHolds(),
      clock: new SetClock(NOW),
      ...overrides,
    }).run(contextOf(context));
  }

  #change<T>(change: (database: Database.Database) => T): T {
    const database = new Database(join(this.stateDir, 'sessions.db'));
    try {
      return change(database);
    } finally {
      database.close();
    }
  }
}

function openLedger(): Ledger {
  const ledger = Ledger.open(tempDir());
  onTestFinished(() => ledger.close());
  return ledger;
}

const daysAgo = (days: number) => NOW - days * DAY_MS;

/** So many rows that are in use and have their transcripts, so that a few dangling ones are not most of the map. */
function inUse(count: number): { rows: Row[]; sessions: (typeof A)[] } {
  const sessions = Array.from({ length: count }, (_, index) => sessionIdOf(100 + index));
  return {
    sessions,
    rows: sessions.map((id, index): Row => [`used:${String(index).padStart(5, '0')}`, id, daysAgo(2)]),
  };
}

describe('a sweep of stale rows', () => {
  it('deletes those over their age, present or not, and no other', async () => {
    const host = new Host(
      [
        ['at-the-limit', A, NOW - MAX_AGE_MS],
        ['fresh', A, NOW],
        ['future', B, NOW + DAY_MS],
        ['negative', B, -1],
        ['never-used', B, 0],
        ['over-by-one', A, NOW - MAX_AGE_MS - 1],
        ['seconds', B, Math.floor(NOW / 1000)],
        ['text', B, 'yesterday'],
      ],
      [A, B],
    );
    const report = await host.sweep();
    expect(report).toEqual({
      job: 'sweep-sessions',
      swept: { expired: 2, dangling: 0 },
      kept: { 'in-use': 2, senseless: 4 },
      faults: [],
    });
    expect(host.keys()).toEqual(['at-the-limit', 'fresh', 'future', 'negative', 'seconds', 'text']);
  });

  it('deletes none where rows never expire', async () => {
    const host = new Host([['old', A, daysAgo(900)]], [A]);
    expect(await host.sweep({ maxAge: 'never' })).toMatchObject({ swept: { expired: 0, dangling: 0 } });
    expect(host.keys()).toEqual(['old']);
  });

  it('judges the rows of a page by one moment, whatever the clock does meanwhile', async () => {
    const host = new Host(
      ['a', 'b', 'c'].map((key): Row => [key, A, NOW - MAX_AGE_MS]),
      [A],
    );
    // It is asked at the start, and once for the page in each of the two walks.
    let nowMs = NOW - 2;
    const clock = { now: () => nowMs++ };
    expect(await host.sweep({ clock })).toMatchObject({ swept: { expired: 0 }, kept: { 'in-use': 3 } });
    expect(host.keys()).toEqual(['a', 'b', 'c']);
  });

  it('walks a map of many pages', async () => {
    const rows = Array.from({ length: 2_500 }, (_, index): Row => {
      return [`key:${String(index).padStart(5, '0')}`, A, index % 5 === 0 ? NOW : daysAgo(20)];
    });
    const host = new Host(rows, [A]);
    expect(await host.sweep()).toMatchObject({ swept: { expired: 2_000 }, kept: { 'in-use': 500 } });
    expect(host.keys()).toHaveLength(500);
  });

  it('spares a row that is used between its reading and its deletion', async () => {
    const host = new Host([
      ['stale', A, daysAgo(20)],
      ['used-again', B, daysAgo(20)],
    ]);
    await host.sweep({ map: usedMeanwhile(host.map, 'used-again', C) });
    expect(host.keys()).toEqual(['used-again']);
    expect(await host.map.getSession('used-again')).toBe(C);
  });

  it('tells the guards which of the ids that they know are gone by it, and of no other that they are', async () => {
    const host = new Host(
      [
        ['known', A, daysAgo(20)],
        ['known, too', A, daysAgo(20)],
        ['made since', B, daysAgo(20), daysAgo(12)],
        ['fresh', C, NOW],
      ],
      [A, B, C],
    );
    const readAtMs = daysAgo(15);
    host.history.recordKnownIds('resume-map', { ids: 40, droppedOnPurpose: 0, readAtMs });
    expect(await host.sweep()).toMatchObject({ swept: { expired: 3 } });
    expect(host.history.knownIds('resume-map')).toEqual({ ids: 39, droppedOnPurpose: 0, readAtMs });
  });

  it('lets the guards know what they knew of a map that was lost and made anew', async () => {
    const host = new Host([['fresh', A, NOW]], [A]);
    const known = { ids: 40, droppedOnPurpose: 0, readAtMs: daysAgo(1) };
    host.history.recordKnownIds('resume-map', known);
    await host.sweep();
    expect(host.history.knownIds('resume-map')).toEqual(known);
  });

  it('ends between two pages when it is to stop, and says so', async () => {
    const rows = Array.from(
      { length: 1_500 },
      (_, index): Row => [`key:${String(index).padStart(5, '0')}`, A, daysAgo(20)],
    );
    const host = new Host(rows, [A]);
    const report = await host.sweep({}, { shouldStop: stopAfter(3) });
    expect(report).toMatchObject({ stopped: true, swept: { expired: 1_000 } });
    expect(host.keys()).toHaveLength(500);
  });

  it('tells how far it is', async () => {
    const progress: unknown[] = [];
    const { rows, sessions } = inUse(3);
    await new Host(rows, sessions).sweep({}, { onProgress: (step) => progress.push(step) });
    expect(progress).toEqual([{ phase: 'sweep', done: 3 }]);
  });
});

/** The map of a host that sets a row right after the sweep has read it. */
function usedMeanwhile(map: SqliteResumeMap, key: string, sessionId: string): MaintainableResumeMap {
  async function* readPages(): AsyncGenerator<readonly UncheckedResumeRow[]> {
    for await (const page of map.readPages()) {
      await map.setSession(key, sessionId);
      yield page;
    }
  }
  return new Proxy(map, {
    get(target, property) {
      if (property === 'readPages') return readPages;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('a sweep of dangling rows', () => {
  const { rows: usedRows, sessions: usedSessions } = inUse(10);
  const hostWith = (...rows: readonly Row[]) => new Host([...usedRows, ...rows], usedSessions);
  const DANGLING: Row = ['dangling', A, daysAgo(5)];
  const danglingHost = () => hostWith(DANGLING);

  it.each(['sessions', 'trashed'] as const)(
    'deletes none of a conversation that a store has among its %s',
    async (where) => {
      const host = danglingHost();
      const stores = [{ sessions: () => [], trashed: () => [], [where]: () => [{ sessionId: A }] }];
      expect(await host.sweep({ stores })).toMatchObject({ swept: { dangling: 0 }, kept: { 'in-use': 11 } });
      expect(host.keys()).toContain('dangling');
    },
  );

  it('deletes none of a transcript that Claude renames from project to project meanwhile', async () => {
    const host = danglingHost();
    const here = join(host.path, 'projects/-srv-app');
    const there = `${here}--claude-worktrees-x`;
    mkdirSync(there);
    writeFileSync(join(there, `${A}.jsonl`), '');
    const rename = fork(new URL('./rename-to-and-fro.mjs', import.meta.url), [here, there, `${A}.jsonl`]);
    onTestFinished(() => void rename.kill('SIGKILL'));
    await once(rename, 'message');
    // By the clock that files go by.
    const overrides = { clock: systemClock, maxAge: 'never' } as const;
    for (let round = 0; round < 40; round += 1) await host.sweep(overrides);
    expect(host.keys()).toContain('dangling');
  });

  it('does not work on a table whose host acts on each deletion, and says what to do', async () => {
    const host = danglingHost();
    host.run(
      'CREATE TABLE log (key TEXT); CREATE TRIGGER forget AFTER DELETE ON claude_sdk_sessions BEGIN DELETE FROM log; END',
    );
    const { swept, faults } = await host.sweep();
    expect(swept).toEqual({ expired: 0, dangling: 0 });
    expect(faults).toEqual([{ kind: 'io', message: expect.stringMatching(/trigger forget .*sessions\.maxAge/) }]);
    expect(host.keys()).toContain('dangling');
  });

  it('deletes the row whose transcript is gone for certain, so that the next dispatch starts fresh', async () => {
    const host = danglingHost();
    expect(await host.sweep()).toMatchObject({
      swept: { expired: 0, dangling: 1 },
      kept: { 'in-use': 10 },
      faults: [],
    });
    expect(host.keys()).not.toContain('dangling');
    expect(await host.map.getSession('dangling')).toBeNull();
  });

  it('deletes the row of a session of which only companions are left: it cannot be resumed', async () => {
    const host = danglingHost();
    writeAged(join(host.path, `file-history/${A}/a@v1`), '', daysAgo(5));
    mkdirSync(join(host.path, `projects/-srv-app/${A}`));
    expect(await host.sweep()).toMatchObject({ swept: { dangling: 1 } });
  });

  it.each<{ what: string; row: Row }>([
    { what: 'a row used within the age floor', row: ['dangling', A, NOW - DAY_MS + 1, daysAgo(50)] },
    { what: 'a row made within the age floor', row: ['dangling', A, daysAgo(5), NOW - DAY_MS + 1] },
    { what: 'a row of a senseless time', row: ['dangling', A, Math.floor(NOW / 1000), daysAgo(50)] },
    { what: 'a row whose id is none', row: ['dangling', 'no-id', daysAgo(5)] },
  ])('spares $what', async ({ row }) => {
    const host = hostWith(row);
    expect(await host.sweep()).toMatchObject({ swept: { dangling: 0 } });
    expect(host.keys()).toContain('dangling');
  });

  it.each<{ what: string; overrides: Partial<SweepDependencies> }>([
    { what: 'the map is not declared to belong to this host', overrides: { sweepsDangling: false } },
    { what: 'the operator keeps dangling rows', overrides: { sweepsDangling: false } },
  ])('deletes nothing where $what', async ({ overrides }) => {
    const host = danglingHost();
    expect(await host.sweep(overrides)).toMatchObject({ swept: { dangling: 0 }, kept: { 'in-use': 11 }, faults: [] });
    expect(host.keys()).toContain('dangling');
  });

  it.each<{ what: string; make: (path: string) => void }>([
    { what: 'a project is a symlink', make: (path) => symlinkSync(tempDir(), join(path, 'projects/-linked')) },
    {
      what: 'a run of the trash cannot be read',
      make: (path) => writeAged(join(path, 'session-sweeper/trash/20260101T000000Z/stray'), '', NOW),
    },
  ])('deletes nothing where $what: the transcript may be there', async ({ make }) => {
    const host = danglingHost();
    make(host.path);
    expect(await host.sweep()).toMatchObject({ swept: { dangling: 0 } });
    expect(host.keys()).toContain('dangling');
  });

  it('spares a row whose transcript is in another of the Claude directories', async () => {
    const host = danglingHost();
    const other = makeClaudeDir(tempDir());
    makeSession(other, { id: A, ageMs: 5 * DAY_MS, project: '-elsewhere' }, NOW);
    const claudeDirs = [host.path, other].map(openClaudeDir);
    expect(await host.sweep({ claudeDirs })).toMatchObject({ swept: { dangling: 0 } });
  });

  it('deletes nothing where another of the Claude directories cannot be read in full', async () => {
    const host = danglingHost();
    const other = makeClaudeDir(tempDir());
    symlinkSync(tempDir(), join(other, 'projects/-linked'));
    expect(await host.sweep({ claudeDirs: [host.path, other].map(openClaudeDir) })).toMatchObject({
      swept: { dangling: 0 },
    });
  });

  it.each<{ what: string; make: (path: string) => void }>([
    { what: 'a symlink', make: (path) => symlinkSync('/nonexistent', path) },
    { what: 'a directory', make: (path) => mkdirSync(path) },
    { what: 'an empty file', make: (path) => writeFileSync(path, '') },
  ])('spares a row whose transcript is $what: unknown means keep', async ({ make }) => {
    const host = danglingHost();
    make(join(host.path, `projects/-srv-app/${A}.jsonl`));
    expect(await host.sweep()).toMatchObject({ swept: { dangling: 0 } });
  });

  describe('spares a row whose transcript is in the trash', () => {
    const trashedHost = () => {
      const host = danglingHost();
      makeSession(host.path, { id: A, ageMs: 40 * DAY_MS, elsewhere: [`file-history/${A}/a@v1`] }, NOW);
      const run = trashSessions(host.path, [A], daysAgo(1));
      return { host, manifest: join(host.path, 'session-sweeper/trash', run, 'manifest.jsonl') };
    };
    const event = (type: string) => `${JSON.stringify({ type, at: new Date(NOW).toISOString(), sessionId: A })}\n`;

    it('and can be restored', async () => {
      const { host } = trashedHost();
      expect(await host.sweep()).toMatchObject({ swept: { dangling: 0 } });
    });

    it('by a prune that was killed in the middle of it', async () => {
      const { host, manifest } = trashedHost();
      writeFileSync(manifest, readFileSync(manifest, 'utf8').split('\n').slice(0, 2).join('\n'));
      expect(await host.sweep()).toMatchObject({ swept: { dangling: 0 } });
    });

    it('and whose restore was killed in the middle of it', async () => {
      const { host, manifest } = trashedHost();
      appendFileSync(manifest, event('restoring'));
      expect(await host.sweep()).toMatchObject({ swept: { dangling: 0 } });
    });

    it('until it is purged', async () => {
      const { host, manifest } = trashedHost();
      appendFileSync(manifest, event('purging') + event('purged'));
      expect(await host.sweep()).toMatchObject({ swept: { dangling: 1 } });
    });
  });

  it('deletes none of them where most of the map would go at once: then a disk is missing', async () => {
    const { rows, sessions } = inUse(8);
    const host = new Host(rows, sessions.slice(0, 3));
    const report = await host.sweep();
    expect(report).toMatchObject({ swept: { dangling: 0 }, kept: { 'in-use': 3, 'mass-dangling': 5 } });
    expect(report.held).toEqual([
      { guard: 'mass-dangling', message: expect.stringContaining('5 of the 8 rows'), portion: 0 },
    ]);
    expect(host.keys()).toHaveLength(8);
  });

  it('does not count what expires when it asks whether most would go', async () => {
    const { rows, sessions } = inUse(8);
    const stale = Array.from(
      { length: 50 },
      (_, index): Row => [`stale:${index}`, sessionIdOf(500 + index), daysAgo(20)],
    );
    const host = new Host([...rows, ...stale], sessions.slice(0, 3));
    expect(await host.sweep()).toMatchObject({ swept: { expired: 50, dangling: 0 }, kept: { 'mass-dangling': 5 } });
  });

  it('spares a row that is used again before it is deleted', async () => {
    const host = danglingHost();
    await host.sweep({ map: usedMeanwhile(host.map, 'dangling', C) });
    expect(await host.map.getSession('dangling')).toBe(C);
  });

  it('deletes nothing when it is to stop before the map was walked to its end', async () => {
    const rows = Array.from({ length: 1_100 }, (_, index): Row => [`used:${index}`, B, daysAgo(2)]);
    const host = new Host([DANGLING, ...rows], [B]);
    const report = await host.sweep({}, { shouldStop: stopAfter(3) });
    expect(report).toMatchObject({ stopped: true, swept: { dangling: 0 } });
    expect(host.keys()).toContain('dangling');
  });
});

describe('a dry run', () => {
  it('counts what would go and changes no byte', async () => {
    const { rows, sessions } = inUse(10);
    const host = new Host([...rows, ['stale', A, daysAgo(20)], ['dangling', B, daysAgo(5)]], sessions);
    await host.map.close();
    const path = join(host.stateDir, 'sessions.db');
    const before = [snapshot(host.stateDir), snapshot(host.path)];
    const map = SqliteResumeMap.openForReading(path, { clock: new SetClock(NOW) });
    const planned = await host.sweep({ map }, { dryRun: true });
    await map.close();
    expect([snapshot(host.stateDir), snapshot(host.path)]).toEqual(before);
    expect(planned).toMatchObject({ swept: { expired: 1, dangling: 1 }, kept: { 'in-use': 10 }, faults: [] });
    const again = SqliteResumeMap.openOwn(path, { clock: new SetClock(NOW) });
    expect(await host.sweep({ map: again })).toEqual(planned);
    await again.close();
  });
});
