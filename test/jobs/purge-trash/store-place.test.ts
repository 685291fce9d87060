import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BusyError } from '../../../src/errors.ts';
import { allowAll } from '../../../src/jobs/guards/guards.ts';
import type { JobContext } from '../../../src/jobs/job.ts';
import type { DiskLimits } from '../../../src/jobs/purge-trash/early.ts';
import { purgeTrashJob } from '../../../src/jobs/purge-trash/index.ts';
import type { PurgeReport } from '../../../src/jobs/report.ts';
import type { LiveSource } from '../../../src/live-sources/live-source.ts';
import { StoredSessions } from '../../../src/session-store/stored-sessions.ts';
import { type Pacer, ShortHolds } from '../../../src/sqlite/short-holds.ts';
import { pacerOf, SetPacer } from '../../support/hold-pacers.ts';
import { contextOf, stopAfter } from '../../support/job-context.ts';
import { scriptedSource } from '../../support/scripted-source.ts';
import { SetClock } from '../../support/set-clock.ts';
import { makeStore, STORE_PROJECT, trashAll } from '../../support/stored-sessions.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;

interface PurgeOptions {
  readonly sources?: readonly LiveSource[];
  readonly pacer?: Pacer;
  readonly storePacer?: Pacer;
  readonly limits?: Partial<DiskLimits>;
  readonly context?: Partial<JobContext>;
}

function purge(stores: readonly StoredSessions[], options: PurgeOptions = {}): Promise<PurgeReport> {
  return purgeTrashJob({
    claudeDirs: [],
    sweptRows: undefined,
    stores,
    refusedStores: [],
    sources: options.sources ?? [],
    keepMs: 7 * DAY_MS,
    limits: { maxTotalBytes: 'off', minFreeBytes: 'off', keepAtLeastMs: DAY_MS, ...options.limits },
    unwitnessedMs: () => 0,
    guards: allowAll,
    holds: new ShortHolds(options.pacer ?? new SetPacer()),
    storeHolds: new ShortHolds(options.storePacer ?? new SetPacer()),
    clock: new SetClock(NOW),
  }).run(contextOf(options.context));
}

/** A store whose sessions were hidden eight days ago. */
async function hiddenStore(ids: readonly (typeof A)[], entries = 1) {
  const made = await makeStore(ids, NOW - 40 * DAY_MS, entries);
  trashAll(made.sessions, NOW - 8 * DAY_MS);
  return made;
}

function entriesIn(path: string): Record<string, number> {
  const database = new Database(path, { readonly: true });
  const rows = database
    .prepare('SELECT session_id, count(*) FROM claude_session_entries GROUP BY session_id')
    .raw()
    .all() as [string, number][];
  database.close();
  return Object.fromEntries(rows);
}

describe('A purge of a session store', () => {
  it('destroys what has been hidden for longer than its time, and nothing else', async () => {
    const { path, store, sessions } = await hiddenStore([A, B], 3);
    await store.append({ projectKey: STORE_PROJECT, sessionId: C }, [{ type: 'user' }]);
    const report = await purge([sessions]);
    expect(report).toMatchObject({ purged: { sessions: 2 }, trash: { sessions: 0, bytes: 0 }, faults: [] });
    expect(report.purged?.bytes).toBeGreaterThan(100);
    expect(entriesIn(path)).toEqual({ [C]: 1 });
    expect([sessions.trashed(), sessions.marked()]).toEqual([[], []]);
  });

  it('gives what it has destroyed back to the disk, while the host has the store open', async () => {
    const { path, store, sessions } = await makeStore([A], NOW - 40 * DAY_MS);
    const text = 'x'.repeat(10_000);
    const entries = Array.from({ length: 300 }, () => ({ type: 'user', text }));
    await store.append({ projectKey: STORE_PROJECT, sessionId: B }, entries);
    trashAll(sessions, NOW - 8 * DAY_MS);
    await store.append({ projectKey: STORE_PROJECT, sessionId: C }, [{ type: 'user' }]);
    const report = await purge([sessions]);
    expect(report.givenBack).toBeGreaterThan(2_500_000);
    expect(statSync(path).size).toBeLessThan(500_000);
    expect(entriesIn(path)).toEqual({ [C]: 1 });
  });

  it('spares what is live again, before it and in the very moment', async () => {
    const { path, sessions } = await hiddenStore([A, B, C]);
    const sources = [scriptedSource({ planned: [A], atTheAct: [A, B] })];
    expect(await purge([sessions], { sources })).toMatchObject({ purged: { sessions: 1 }, kept: { live: 2 } });
    expect(Object.keys(entriesIn(path))).toEqual([A, B]);
  });

  it('destroys no byte while the map’s writers are held, and marks as few as the time allows', async () => {
    const { path, sessions } = await hiddenStore(
      Array.from({ length: 20 }, (_, number) => sessionIdOf(number + 1)),
      4,
    );
    const batches: number[] = [];
    const seen = new Set<number>();
    const onHold = (ids: readonly unknown[]) => {
      batches.push(ids.length);
      seen.add(Object.keys(entriesIn(path)).length);
    };
    await purge([sessions], { sources: [scriptedSource({ onHold })], pacer: pacerOf(2) });
    expect(batches).toEqual([16, 16, 14, 11, 8, 5, 2]);
    expect([...seen]).toEqual([20]);
    expect(entriesIn(path)).toEqual({});
  });

  it('destroys the entries of one session a few at a time, and rests in between', async () => {
    const { path, sessions } = await hiddenStore([A], 50);
    const storePacer = new SetPacer();
    const left: number[] = [];
    const pacer: Pacer = {
      now: () => {
        storePacer.nowMs += 1;
        return storePacer.nowMs;
      },
      rest: async (ms) => {
        left.push(entriesIn(path)[A] ?? 0);
        await storePacer.rest(ms);
      },
    };
    expect(await purge([sessions], { storePacer: pacer })).toMatchObject({ purged: { sessions: 1 } });
    expect(left.length).toBeGreaterThan(5);
    expect(left).toEqual(left.toSorted((one, other) => other - one));
    expect(entriesIn(path)).toEqual({});
  });

  it('goes on where a killed one left off, and counts what it ends', async () => {
    const { path, sessions } = await hiddenStore([A, B], 40);
    const stopped = await purge([sessions], { context: { shouldStop: stopAfter(2) } });
    expect(stopped).toMatchObject({ stopped: true, purged: { sessions: 0 } });
    const between = entriesIn(path)[A] ?? 0;
    expect(between).toBeGreaterThan(0);
    expect(between).toBeLessThan(40);
    expect(sessions.marked()).toHaveLength(2);
    const planned = await purge([sessions], { context: { dryRun: true } });
    const done = await purge([sessions]);
    expect(done).toMatchObject({ purged: { sessions: 2 }, trash: { sessions: 0 } });
    expect(planned.purged).toEqual(done.purged);
    expect(entriesIn(path)).toEqual({});
  });

  it('lets a session begin anew under a name that it is destroying, with nothing of the old one', async () => {
    const { store, sessions } = await hiddenStore([A], 40);
    await purge([sessions], { context: { shouldStop: stopAfter(2) } });
    const key = { projectKey: STORE_PROJECT, sessionId: A };
    expect(await store.load(key)).toBeNull();
    const entry = { type: 'user', uuid: '39', anew: true };
    await store.append(key, [entry]);
    expect(await store.load(key)).toEqual([entry]);
    expect(await purge([sessions])).toMatchObject({ purged: { sessions: 0 } });
    expect(await store.load(key)).toEqual([entry]);
  });

  it('leaves a session alone that is restored or written to in the very moment', async () => {
    const { store, sessions, path } = await hiddenStore([A, B]);
    const onHold = () => {
      const database = new Database(path);
      database.prepare('UPDATE claude_session_stored SET trashed_at = NULL WHERE session_id = ?').run(A);
      database.close();
    };
    const report = await purge([sessions], { sources: [scriptedSource({ onHold })] });
    expect(report).toMatchObject({ purged: { sessions: 1 }, kept: { recreated: 1 } });
    expect(await store.load({ projectKey: STORE_PROJECT, sessionId: A })).toHaveLength(1);
  });

  it('holds the map’s writers back only when a host that is writing to the store has had its turn', async () => {
    const { path } = await hiddenStore([A]);
    const sessions = StoredSessions.open(path);
    const host = new Database(path);
    onTestFinished(() => {
      sessions.close();
      host.close();
    });
    host.exec('BEGIN IMMEDIATE');
    setImmediate(() => host.exec('COMMIT'));
    const wasWriting: boolean[] = [];
    const source = scriptedSource({ onHold: () => void wasWriting.push(host.inTransaction) });
    expect(await purge([sessions], { sources: [source] })).toMatchObject({ purged: { sessions: 1 }, faults: [] });
    expect(wasWriting).toEqual([false]);
  });

  it('passes over a batch for which the map was too busy', async () => {
    const { sessions } = await hiddenStore(Array.from({ length: 20 }, (_, number) => sessionIdOf(number + 1)));
    let held = 0;
    const onHold = () => {
      held += 1;
      if (held === 1) throw new BusyError('hold writers: database is locked');
    };
    expect(await purge([sessions], { sources: [scriptedSource({ onHold })] })).toMatchObject({
      purged: { sessions: 4 },
      kept: { busy: 16 },
      faults: [],
    });
  });

  it('changes nothing in a dry run', async () => {
    const { path, sessions } = await hiddenStore([A, B]);
    const planned = await purge([sessions], { context: { dryRun: true } });
    expect(planned).toMatchObject({ purged: { sessions: 2 } });
    expect(Object.keys(entriesIn(path))).toEqual([A, B]);
    expect(sessions.trashed()).toHaveLength(2);
    expect((await purge([sessions])).purged).toEqual(planned.purged);
  });

  it('purges the others where one store cannot be worked on', async () => {
    const [broken, sound] = [await hiddenStore([A]), await hiddenStore([B])];
    const database = new Database(broken.path);
    onTestFinished(() => void database.close());
    database.exec('DROP TABLE claude_session_purged');
    const report = await purge([broken.sessions, sound.sessions]);
    expect(report).toMatchObject({ purged: { sessions: 1 }, incomplete: true });
    expect(report.faults).toEqual([{ kind: 'io', message: expect.stringContaining(broken.path) }]);
    expect(report.failure).toBeUndefined();
  });
});
