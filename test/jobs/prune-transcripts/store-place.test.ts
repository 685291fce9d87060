import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BusyError, OperatingError } from '../../../src/errors.ts';
import type { RemovalRecord } from '../../../src/jobs/ledger-contracts.ts';
import { SqliteSessionStore } from '../../../src/session-store/sqlite-session-store.ts';
import { StoredSessions } from '../../../src/session-store/stored-sessions.ts';
import { pacerOf } from '../../support/hold-pacers.ts';
import { scriptedSource } from '../../support/scripted-source.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { A, B, expiredSessions, left, prune } from './pruning.ts';

const PROJECT = '-srv-app';

/** A store with sessions 1…n, all of them expired. */
async function makeStore(
  count: number,
  usedAtMs = NOW - 40 * DAY_MS,
): Promise<{ path: string; sessions: StoredSessions; hidden: () => string[] }> {
  const path = join(tempDir(), 'entries.db');
  const store = new SqliteSessionStore(path, {
    clock: new SetClock(usedAtMs),
    foldSessionSummary: (_, { sessionId }) => ({ sessionId, mtime: 0, data: {} }),
  });
  for (let number = 1; number <= count; number += 1) {
    await store.append({ projectKey: PROJECT, sessionId: sessionIdOf(number) }, [{ type: 'user' }]);
  }
  store.close();
  const sessions = StoredSessions.open(path, { busyTimeoutMs: 20 });
  onTestFinished(() => sessions.close());
  const hidden = () => sessions.trashed().map(({ sessionId }) => sessionId);
  return { path, sessions, hidden };
}

function recording() {
  const records: RemovalRecord[] = [];
  const recordRemovals = (removals: readonly RemovalRecord[]) => {
    for (const removal of removals) {
      const isThere = records.some((one) => one.trashRun === removal.trashRun && one.sessionId === removal.sessionId);
      if (!isThere) records.push(removal);
    }
  };
  return { recorder: { recordRemovals }, ids: () => records.map(({ sessionId }) => sessionId).toSorted() };
}

describe('A session of which a directory and a store hold a copy', () => {
  it('stays in the directory while the store has used it', async () => {
    const path = expiredSessions(2);
    const { sessions, hidden } = await makeStore(1, NOW - 5 * DAY_MS);
    const report = await prune(path, { stores: [sessions] });
    expect([left(path), hidden()]).toEqual([[A], []]);
    expect(report.kept).toEqual({ 'within-retention': 1, 'copy-kept': 1 });
  });

  it('stays in the store while the directory keeps it: the SDK would resume that copy, however old', async () => {
    const path = makeClaudeDir(tempDir());
    makeSession(path, { id: A, ageMs: 5 * DAY_MS }, NOW);
    const { sessions, hidden } = await makeStore(2);
    const report = await prune(path, { stores: [sessions] });
    expect([left(path), hidden()]).toEqual([[A], [B]]);
    expect(report.kept).toEqual({ 'within-retention': 1, 'copy-kept': 1 });
  });

  it('stays in the store where something keeps the copy in the directory at the last moment', async () => {
    const path = expiredSessions(1);
    const { sessions, hidden } = await makeStore(2);
    const sources = [scriptedSource({ planned: [], atTheAct: [A] })];
    await prune(path, { stores: [sessions], sources });
    expect([left(path), hidden()]).toEqual([[A], [B]]);
  });

  it('goes from both in one run', async () => {
    const path = expiredSessions(2);
    const { sessions, hidden } = await makeStore(1);
    await prune(path, { stores: [sessions] });
    expect([left(path), hidden()]).toEqual([[], [A]]);
  });
});

describe('A prune of a session store', () => {
  it('hides what is expired and not live, and writes it down', async () => {
    const { path, sessions, hidden } = await makeStore(3);
    const { recorder, ids } = recording();
    const report = await prune([], { stores: [sessions], sources: [scriptedSource({ planned: [B] })], recorder });
    expect(report).toMatchObject({
      removed: { sessions: 2, byReason: { expired: 2 } },
      kept: { live: 1 },
      trash: { sessions: 2 },
      faults: [],
    });
    expect(hidden()).toEqual([A, sessionIdOf(3)]);
    expect(ids()).toEqual(hidden());
    expect(report.removedSessions).toMatchObject([{ claudeDir: path }, { claudeDir: path }]);
  });

  it('keeps a session that becomes live or is used between plan and apply', async () => {
    const { sessions, path, hidden } = await makeStore(3);
    const onHold = () => {
      const database = new Database(path);
      database.prepare('UPDATE claude_session_stored SET last_used_at = ? WHERE session_id = ?').run(NOW, B);
      database.close();
    };
    const sources = [scriptedSource({ planned: [], atTheAct: [A], onHold })];
    expect(await prune([], { stores: [sessions], sources })).toMatchObject({ kept: { live: 1, changed: 1 } });
    expect(hidden()).toEqual([sessionIdOf(3)]);
  });

  it('holds the map’s writers for as few sessions as the time allows', async () => {
    const { sessions, hidden } = await makeStore(20);
    const batches: number[] = [];
    const sources = [scriptedSource({ onHold: (ids) => batches.push(ids.length) })];
    await prune([], { stores: [sessions], sources, pacer: pacerOf(2) });
    expect(batches).toEqual([16, 16, 14, 11, 8, 5, 2]);
    expect(hidden()).toHaveLength(20);
  });

  it.each([
    { what: 'a live source cannot be asked any more', error: new OperatingError('io', 'read live ids: EIO'), holds: 3 },
    { what: 'the map is busy again and again', error: new BusyError('hold writers: database is locked'), holds: 5 },
  ])('writes down what it has hidden where $what', async ({ error, holds }) => {
    const { sessions, hidden } = await makeStore(200);
    const { recorder, ids } = recording();
    let held = 0;
    const onHold = () => {
      held += 1;
      if (held > 2) throw error;
    };
    const report = await prune([], { stores: [sessions], sources: [scriptedSource({ onHold })], recorder });
    expect(report.failure).toEqual({ kind: error.kind, message: error.message });
    expect(held).toBe(holds);
    expect(hidden()).toHaveLength(48);
    expect(ids()).toEqual(hidden());
  });

  it('goes on after one hold that found the map busy', async () => {
    const { sessions, hidden } = await makeStore(40);
    let held = 0;
    const onHold = () => {
      held += 1;
      if (held === 1) throw new BusyError('hold writers: database is locked');
    };
    const report = await prune([], { stores: [sessions], sources: [scriptedSource({ onHold })] });
    expect(report).toMatchObject({ removed: { sessions: 24 }, kept: { busy: 16 }, faults: [] });
    expect(hidden()).toHaveLength(24);
  });

  it('lets the map go where the store is written to in that very moment, and hides nothing then', async () => {
    const { path, sessions, hidden } = await makeStore(40);
    const host = new Database(path);
    onTestFinished(() => void host.close());
    const sources = [
      scriptedSource({
        onHold: () => {
          if (host.inTransaction) host.exec('ROLLBACK');
          else host.exec('BEGIN IMMEDIATE');
        },
      }),
    ];
    expect(await prune([], { stores: [sessions], sources })).toMatchObject({
      removed: { sessions: 0 },
      failure: { kind: 'unavailable' },
    });
    expect(hidden()).toEqual([]);
  });

  it('writes down what a killed run has hidden', async () => {
    const { sessions } = await makeStore(3);
    const [first] = sessions.sessions();
    if (first !== undefined) sessions.trash(first, 'expired', NOW - DAY_MS);
    const { recorder, ids } = recording();
    await prune([], { stores: [sessions], sources: [scriptedSource({ planned: [B] })], recorder });
    expect(ids()).toEqual([A, sessionIdOf(3)]);
  });

  it('changes nothing in a dry run, and names what the run then hides', async () => {
    const { sessions, hidden } = await makeStore(3);
    const options = { stores: [sessions], sources: [scriptedSource({ planned: [B] })] };
    const planned = await prune([], { ...options, context: { dryRun: true } });
    expect(hidden()).toEqual([]);
    const done = await prune([], options);
    expect(planned.removedSessions).toEqual(done.removedSessions);
  });
});

describe('A prune of several places', () => {
  it('prunes the others where a store cannot be worked on, and says so', async () => {
    const { path, sessions } = await makeStore(3);
    const broken = new Database(path);
    broken.exec('DROP TABLE claude_session_stored');
    broken.close();
    const directory = expiredSessions();
    const report = await prune(directory, { stores: [sessions] });
    expect(report).toMatchObject({ removed: { sessions: 3 }, incomplete: true });
    expect(report.failure).toBeUndefined();
    expect(report.faults).toEqual([{ kind: 'io', message: expect.stringContaining(path) }]);
    expect(left(directory)).toEqual([]);
  });
});
