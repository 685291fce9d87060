import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Unit } from '../../src/claude-dir/unit.ts';
import { byteNameFromSystem } from '../../src/files/byte-name.ts';
import { removalRecord } from '../../src/jobs/prune-transcripts/removal-record.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { RunRecord } from '../../src/ledger/runs.ts';
import { snapshot } from '../support/disk.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { makeUnit, NOW } from '../support/units.ts';

function open(stateDir: string): Ledger {
  const ledger = Ledger.open(stateDir);
  onTestFinished(() => ledger.close());
  return ledger;
}

function runOf(overrides: Partial<RunRecord> = {}): RunRecord {
  return {
    job: 'prune-transcripts',
    outcome: 'ok',
    startedAtMs: NOW,
    finishedAtMs: NOW + 1_000,
    report: { faults: [] },
    increments: [],
    levels: [],
    ...overrides,
  };
}

/** Looks into the file with its own eyes. */
function query<T>(stateDir: string, read: (database: Database.Database) => T): T {
  const database = new Database(join(stateDir, 'ledger.db'));
  try {
    return read(database);
  } finally {
    database.close();
  }
}

function figuresOf(ledger: Ledger): Record<string, number> {
  return Object.fromEntries(ledger.metrics().map(({ name, label, value }) => [`${name}{${label}}`, value]));
}

describe('the ledger', () => {
  it('is made where there is none, for this user alone', () => {
    const stateDir = join(tempDir(), 'made/on/the/way');
    open(stateDir);
    expect(statSync(join(stateDir, 'ledger.db')).mode & 0o777).toBe(0o600);
    expect(statSync(stateDir).mode & 0o777).toBe(0o700);
  });

  it('is the same one for whoever opens it next, and for several at once', () => {
    const stateDir = tempDir();
    const [one, other] = [open(stateDir), open(stateDir)];
    one.recordRun(runOf({ increments: [{ name: 'runs', label: 'a', value: 1 }] }));
    other.recordRun(runOf({ increments: [{ name: 'runs', label: 'a', value: 1 }] }));
    expect(figuresOf(open(stateDir))).toEqual({ 'runs{a}': 2 });
  });

  it('forgets the metrics of live sources that are none any more, and of those alone', () => {
    const ledger = open(tempDir());
    const level = (name: string, label: string) => ({ name, label, value: 1 });
    const levels = [level('up', 'a'), level('up', 'b'), level('names', 'b'), level('held', 'b')];
    ledger.recordRun(runOf({ levels, sources: { names: ['a', 'b'], metrics: ['up', 'names'] } }));
    ledger.recordRun(runOf({ levels: [level('up', 'c')] }));
    expect(Object.keys(figuresOf(ledger)).sort()).toEqual(['held{b}', 'names{b}', 'up{a}', 'up{b}', 'up{c}']);
    ledger.recordRun(runOf({ sources: { names: ['a'], metrics: ['up', 'names'] } }));
    expect(figuresOf(ledger)).toEqual({ 'held{b}': 1, 'up{a}': 1 });
  });

  it.each<{ what: string; make: (path: string) => void; kind: string }>([
    {
      what: 'no database',
      make: (path) => writeFileSync(path, 'not a database at all '.repeat(100)),
      kind: 'bad-data',
    },
    { what: 'empty', make: (path) => writeFileSync(path, ''), kind: 'bad-data' },
    { what: 'a directory', make: (path) => mkdirSync(path), kind: 'unavailable' },
    {
      what: 'cut off',
      make: (path) => {
        Ledger.open(join(path, '..')).close();
        truncateSync(path, 4_096);
      },
      kind: 'bad-data',
    },
    {
      what: 'from a newer release',
      make: (path) => {
        Ledger.open(join(path, '..')).close();
        query(join(path, '..'), (database) => database.exec('INSERT INTO versions VALUES (99, 0)'));
      },
      kind: 'bad-data',
    },
    {
      what: 'without its tables',
      make: (path) => {
        Ledger.open(join(path, '..')).close();
        query(join(path, '..'), (database) => database.exec('DROP TABLE runs; DROP TABLE metrics'));
      },
      kind: 'bad-data',
    },
  ])('that is $what is an error, and is left as it is', ({ make, kind }) => {
    const stateDir = tempDir();
    const path = join(stateDir, 'ledger.db');
    make(path);
    const before = snapshot(stateDir).get('ledger.db');
    for (const opening of [() => Ledger.open(stateDir), () => Ledger.openForReading(stateDir)]) {
      expect(opening).toThrow(expect.objectContaining({ kind }));
    }
    expect(snapshot(stateDir).get('ledger.db')).toEqual(before);
  });
});

describe('a ledger whose name is a symlink that leads nowhere', () => {
  it('is an error at once: nothing is tried again and again', () => {
    const stateDir = tempDir();
    symlinkSync('/nonexistent/ledger.db', join(stateDir, 'ledger.db'));
    // In a process of its own, which can be ended if it never gives up.
    const program = fileURLToPath(new URL('./open-process.mjs', import.meta.url));
    const { stdout, signal } = spawnSync(process.execPath, [program, stateDir], { encoding: 'utf8', timeout: 60_000 });
    expect({ stdout, signal }).toEqual({ stdout: 'unavailable', signal: null });
    expect([...snapshot(stateDir).keys()]).toEqual(['ledger.db']);
  });
});

describe('a run', () => {
  it('is found as the latest of its job and of its outcome', () => {
    const ledger = open(tempDir());
    expect(ledger.lastRun('prune-transcripts')).toBeUndefined();
    ledger.recordRun(runOf({ startedAtMs: NOW, finishedAtMs: NOW + 5 }));
    ledger.recordRun(runOf({ startedAtMs: NOW + 10, outcome: 'failed' }));
    ledger.recordRun(runOf({ startedAtMs: NOW + 20, job: 'purge-trash', outcome: 'skipped' }));
    expect(ledger.lastRun('prune-transcripts')).toMatchObject({ outcome: 'failed', startedAtMs: NOW + 10 });
    expect(ledger.lastRun('prune-transcripts', 'ok')).toEqual({
      job: 'prune-transcripts',
      outcome: 'ok',
      startedAtMs: NOW,
      finishedAtMs: NOW + 5,
    });
    expect(ledger.lastRun('prune-transcripts', 'partial')).toBeUndefined();
    expect(ledger.lastRun('purge-trash')).toMatchObject({ outcome: 'skipped' });
    expect(ledger.lastRun('sweep-sessions')).toBeUndefined();
  });

  it('is the later one of two that started in the same millisecond', () => {
    const ledger = open(tempDir());
    ledger.recordRun(runOf({ outcome: 'ok' }));
    ledger.recordRun(runOf({ outcome: 'partial' }));
    expect(ledger.lastRun('prune-transcripts')).toMatchObject({ outcome: 'partial' });
  });

  it('is forgotten after 2,000 newer ones of its job, the last good one never', () => {
    const stateDir = tempDir();
    const ledger = open(stateDir);
    ledger.recordRun(runOf({ startedAtMs: 1 }));
    ledger.recordRun(runOf({ startedAtMs: 2, job: 'purge-trash' }));
    ledger.recordRun(runOf({ startedAtMs: 3, outcome: 'failed' }));
    query(stateDir, (database) => {
      const insert = database.prepare(
        "INSERT INTO runs (job, outcome, started_at, finished_at, report) VALUES ('prune-transcripts', 'failed', ?, 0, '{}')",
      );
      database.transaction(() => {
        for (let number = 0; number < 1_999; number += 1) insert.run(NOW + number);
      })();
    });
    ledger.recordRun(runOf({ startedAtMs: NOW + 5_000, outcome: 'failed' }));
    const left = query(stateDir, (database) =>
      database.prepare('SELECT started_at FROM runs ORDER BY id').pluck().all(),
    );
    expect(left).toHaveLength(2_002);
    expect(left.slice(0, 3)).toEqual([1, 2, NOW]);
    expect(ledger.lastRun('prune-transcripts', 'ok')).toMatchObject({ startedAtMs: 1 });
  });
});

describe('what the guards know', () => {
  it('is what was written down last, of each place and each live source', () => {
    const stateDir = tempDir();
    const ledger = open(stateDir);
    expect([ledger.knownSessions('/c'), ledger.knownIds('resume-map')]).toEqual([undefined, undefined]);
    for (const sessions of [30, 20]) ledger.recordKnownSessions('/c', sessions, NOW);
    ledger.recordKnownIds('resume-map', { ids: 40, droppedOnPurpose: 3, readAtMs: NOW });
    const other = open(stateDir);
    expect(other.knownSessions('/c')).toBe(20);
    expect(other.knownSessions('/d')).toBeUndefined();
    expect(other.knownIds('resume-map')).toEqual({ ids: 40, droppedOnPurpose: 3, readAtMs: NOW });
  });

  it('is forgotten of a place that no run has seen for 400 days', () => {
    const ledger = open(tempDir());
    ledger.recordKnownSessions('/old', 30, NOW - 401 * DAY_MS);
    ledger.recordKnownSessions('/c', 30, NOW - 399 * DAY_MS);
    ledger.recordRun(runOf({ finishedAtMs: NOW }));
    expect([ledger.knownSessions('/old'), ledger.knownSessions('/c')]).toEqual([undefined, 30]);
  });
});

describe('a figure', () => {
  it('grows, or is found anew, by name and label', () => {
    const ledger = open(tempDir());
    const counted = (value: number) => ({ name: 'removed', label: 'expired', value });
    const found = (value: number) => ({ name: 'transcripts', label: 'live', value });
    ledger.recordRun(runOf({ increments: [counted(2), counted(3)], levels: [found(7)] }));
    ledger.recordRun(
      runOf({
        increments: [counted(1), { ...counted(1), label: 'orphan' }],
        levels: [found(0), { ...found(1), name: 'other' }],
      }),
    );
    expect(figuresOf(ledger)).toEqual({
      'removed{expired}': 6,
      'removed{orphan}': 1,
      'transcripts{live}': 0,
      'other{live}': 1,
    });
  });

  it('is not written where its run is not: all of it or nothing', () => {
    const stateDir = tempDir();
    const ledger = open(stateDir);
    query(stateDir, (database) => {
      database.exec(
        "CREATE TRIGGER full BEFORE INSERT ON metrics WHEN NEW.name = 'last' BEGIN SELECT RAISE(ABORT, 'no'); END",
      );
    });
    const increments = ['first', 'last'].map((name) => ({ name, label: '', value: 1 }));
    expect(() => ledger.recordRun(runOf({ increments }))).toThrow();
    expect(ledger.metrics()).toEqual([]);
    expect(ledger.lastRun('prune-transcripts')).toBeUndefined();
  });
});

describe('removals', () => {
  const removalsIn = (stateDir: string) =>
    query(stateDir, (database) => database.prepare('SELECT * FROM removals ORDER BY id').all());

  it('are written down one by one, as an operator reads them', () => {
    const stateDir = tempDir();
    const project = byteNameFromSystem(Buffer.from('-srv-é\n').toString('latin1'));
    const units = [
      makeUnit({ sessionId: sessionIdOf(1), project, files: 3, bytes: 5_000, newestMtimeMs: NOW - DAY_MS + 0.5 }),
      makeUnit({ sessionId: sessionIdOf(2), project: undefined, hasTranscript: false }),
    ] as const;
    const recordOf = (unit: Unit, reason: string) => {
      return removalRecord({ ...unit, reason }, '/srv/.claude', '20261121T041700Z', NOW);
    };
    open(stateDir).recordRemovals([recordOf(units[0], 'over-size'), recordOf(units[1], 'orphan')]);
    expect(removalsIn(stateDir)).toMatchObject([
      {
        session_id: sessionIdOf(1),
        claude_dir: '/srv/.claude',
        trash_run: '20261121T041700Z',
        project: '-srv-é\\u000a',
        reason: 'over-size',
        files: 3,
        bytes: 5_000,
        newest_mtime: NOW - DAY_MS,
        removed_at: NOW,
      },
      { session_id: sessionIdOf(2), project: null, reason: 'orphan' },
    ]);
  });

  it('are written down once, and stay as they were written first', () => {
    const stateDir = tempDir();
    const ledger = open(stateDir);
    const removal = { ...makeUnit(), reason: 'expired' };
    ledger.recordRemovals([removalRecord(removal, '/srv/.claude', 'run', NOW)]);
    ledger.recordRemovals([removalRecord({ ...removal, reason: 'orphan' }, '/srv/.claude', 'run', NOW + 1)]);
    ledger.recordRemovals([removalRecord(removal, '/srv/other', 'run', NOW)]);
    expect(removalsIn(stateDir)).toMatchObject([
      { claude_dir: '/srv/.claude', reason: 'expired', removed_at: NOW },
      { claude_dir: '/srv/other', reason: 'expired', removed_at: NOW },
    ]);
  });

  it('are forgotten after 400 days', () => {
    const stateDir = tempDir();
    const ledger = open(stateDir);
    const removal = { ...makeUnit(), reason: 'expired' };
    ledger.recordRemovals([removalRecord(removal, '/srv/.claude', 'old', NOW - 401 * DAY_MS)]);
    ledger.recordRemovals([removalRecord(removal, '/srv/.claude', 'not-so-old', NOW - 399 * DAY_MS)]);
    ledger.recordRun(runOf());
    expect(removalsIn(stateDir)).toMatchObject([{ trash_run: 'not-so-old' }]);
  });
});

describe('what the trash holds', () => {
  it('is remembered by run, for each Claude directory by itself', () => {
    const ledger = open(tempDir());
    const known = { manifest: '1:2:3', sessions: 5, bytes: 700 };
    ledger.recordKnownFolders(
      '/srv/.claude',
      new Map([
        ['first', known],
        ['second', { ...known, sessions: 6 }],
      ]),
    );
    ledger.recordKnownFolders('/srv/other', new Map([['first', { ...known, bytes: 1 }]]));
    ledger.recordKnownFolders('/srv/.claude', new Map([['second', known]]));
    expect(ledger.knownFolders('/srv/.claude')).toEqual(new Map([['second', known]]));
    expect(ledger.knownFolders('/srv/other')).toEqual(new Map([['first', { ...known, bytes: 1 }]]));
  });
});

describe('opened for reading', () => {
  it('is nothing where there is none, and none is made', () => {
    const stateDir = tempDir();
    expect(Ledger.openForReading(stateDir)).toBeUndefined();
    expect(snapshot(stateDir)).toEqual(new Map());
  });

  it('tells what stands in it, changes no byte and refuses to', () => {
    const stateDir = tempDir();
    const writer = Ledger.open(stateDir);
    writer.recordRun(runOf({ increments: [{ name: 'runs', label: '', value: 1 }] }));
    writer.close();
    const before = [snapshot(stateDir), readFileSync(join(stateDir, 'ledger.db'))];
    const reader = Ledger.openForReading(stateDir);
    expect(reader?.lastRun('prune-transcripts')).toMatchObject({ outcome: 'ok' });
    expect(reader?.metrics()).toEqual([{ name: 'runs', label: '', value: 1 }]);
    expect(() => reader?.recordRun(runOf())).toThrow();
    reader?.close();
    expect([snapshot(stateDir), readFileSync(join(stateDir, 'ledger.db'))]).toEqual(before);
  });
});

describe('a damaged ledger', () => {
  it.each<{ what: string; damage: (path: string) => void }>([
    { what: 'no database', damage: (path) => writeFileSync(path, 'not a database at all '.repeat(100)) },
    { what: 'empty', damage: (path) => writeFileSync(path, '') },
    {
      what: 'overwritten in part',
      damage: (path) => {
        const bytes = readFileSync(path);
        bytes.fill(0xff, 4_096, 3 * 4_096);
        writeFileSync(path, bytes);
      },
    },
  ])('that is $what is kept under another name, and a new one begun', ({ damage }) => {
    const stateDir = tempDir();
    const ledger = Ledger.open(stateDir);
    ledger.recordRun(runOf());
    ledger.close();
    damage(join(stateDir, 'ledger.db'));
    const damaged = readFileSync(join(stateDir, 'ledger.db'));
    const told: string[] = [];
    const begun = Ledger.openOrBegin(stateDir, (name) => told.push(name));
    onTestFinished(() => begun.close());
    expect(begun.lastRun('prune-transcripts')).toBeUndefined();
    begun.recordRun(runOf());
    expect(told).toHaveLength(1);
    expect(readFileSync(join(stateDir, told[0] ?? ''))).toEqual(damaged);
  });

  it('from a newer release is not damaged: it is refused and left as it is', () => {
    const stateDir = tempDir();
    Ledger.open(stateDir).close();
    query(stateDir, (database) => database.exec('INSERT INTO versions VALUES (99, 0)'));
    expect(() => Ledger.openOrBegin(stateDir, () => undefined)).toThrow(expect.objectContaining({ kind: 'bad-data' }));
    expect(readdirSync(stateDir).filter((name) => name.includes('damaged'))).toEqual([]);
  });

  it('that is sound is opened as it is', () => {
    const stateDir = tempDir();
    open(stateDir).recordRun(runOf());
    const again = Ledger.openOrBegin(stateDir, () => expect.unreachable());
    onTestFinished(() => again.close());
    expect(again.lastRun('prune-transcripts')).toMatchObject({ outcome: 'ok' });
  });
});
