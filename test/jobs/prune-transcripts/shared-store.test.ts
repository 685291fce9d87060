import { describe, expect, it } from 'vitest';
import type { SharedStoreSettings } from '../../../src/config/store-settings.ts';
import type { LiveSource } from '../../../src/live-sources/live-source.ts';
import {
  PostgresStoredSessions,
  type PostgresStoreOptions,
} from '../../../src/session-store/postgres-stored-sessions.ts';
import { networkTo } from '../../support/network.ts';
import { scriptedSource } from '../../support/scripted-source.ts';
import { newSharedStore, OTHER_FORMS, OWN_FORM } from '../../support/shared-stores.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';
import { prune } from './pruning.ts';

/** However busy the machine is. */
const PATIENT = { lockTimeoutMs: 10_000, statementTimeoutMs: 60_000, graceMs: 10_000, connectTimeoutMs: 60_000 };
const MANY = Array.from({ length: 40 }, (_, number) => sessionIdOf(number + 1));
const LAST = sessionIdOf(99);
type Made = Awaited<ReturnType<typeof newSharedStore>>;
type Network = Awaited<ReturnType<typeof networkTo>>;

async function expired(ids: readonly (typeof LAST)[], form = OWN_FORM): Promise<Made> {
  const made = await newSharedStore(form, NOW);
  for (const sessionId of ids) await made.append({ sessionId, atMs: NOW - 60 * DAY_MS });
  return made;
}

async function openAt(settings: SharedStoreSettings, options: PostgresStoreOptions = {}) {
  return new PostgresStoredSessions(settings, { clock: { now: () => NOW }, limits: PATIENT, ...options });
}

/** Does something before each act, and waits for it. */
function sourceWith(befall: (act: number) => unknown): LiveSource {
  let acts = 0;
  const source = scriptedSource();
  return {
    ...source,
    withLive: async (ids, act, onHeld) => {
      acts += 1;
      await befall(acts);
      return source.withLive(ids, act, onHeld);
    },
  };
}

const recorded = () => {
  const ids = new Set<string>();
  return {
    ids,
    recorder: {
      recordRemovals: (records: readonly { readonly sessionId: string }[]) => {
        for (const { sessionId } of records) ids.add(sessionId);
      },
    },
  };
};

const endAll = ({ outside }: Made) =>
  outside.unsafe(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`);

const FAULTS: readonly {
  readonly what: string;
  readonly befall: (made: Made, network: Network) => unknown;
  /** In the middle of a transaction, which has begun by then. */
  readonly isInside?: true;
  readonly limits?: PostgresStoreOptions['limits'];
  readonly mend?: (made: Made, network: Network) => unknown;
}[] = [
  { what: 'whose connection is cut', befall: (_, network) => network.drop() },
  { what: 'whose server ends the connection', befall: (made) => endAll(made), isInside: true },
  {
    what: 'that falls silent',
    limits: { statementTimeoutMs: 2_000, graceMs: 100 },
    befall: (_, network) => network.setSilent(true),
    mend: (_, network) => network.setSilent(false),
  },
  {
    what: 'whose tables somebody else holds for long',
    limits: { lockTimeoutMs: 50 },
    befall: ({ outside }) => outside.unsafe('BEGIN; LOCK TABLE claude_session_entries_trash'),
    mend: ({ outside }) => outside.unsafe('ROLLBACK'),
  },
  {
    what: 'whose tables are gone',
    befall: ({ outside }) => outside.unsafe('ALTER TABLE claude_session_entries_trash RENAME TO elsewhere'),
    mend: ({ outside }) => outside.unsafe('ALTER TABLE elsewhere RENAME TO claude_session_entries_trash'),
  },
];

describe('A prune of a shared store', () => {
  it.each(FAULTS)(
    'stops before its next removal in one $what, and goes on elsewhere; the next prune does the rest',
    async ({ befall, mend, isInside = false, limits }) => {
      const [made, other] = [await expired(MANY), await expired([LAST])];
      const network = await networkTo(made.url);
      let hasBegun = false;
      const fence = async () => {
        if (!hasBegun) return;
        hasBegun = false;
        await befall(made, network);
      };
      const store = await openAt({ url: network.url }, { fence, limits: { ...PATIENT, ...limits } });
      const stores = [store, await openAt(other.settings)];
      const { ids, recorder } = recorded();
      // The others' writers are never held back for longer than it takes to give it up.
      let isBroken = false;
      const source = sourceWith(async (act) => {
        if (act !== 2) return;
        isBroken = true;
        if (isInside) hasBegun = true;
        else await befall(made, network);
      });
      const report = await prune([], { stores, sources: [source], recorder });
      expect(isBroken).toBe(true);
      expect(report).toMatchObject({ incomplete: true });
      expect(report.failure).toBeUndefined();
      expect(report.faults[0]?.message).toContain('session store postgres://');
      await mend?.(made, network);
      const hidden = async () =>
        (await made.outside.unsafe('SELECT session_id FROM claude_session_entries_trash')).length;
      expect([await hidden(), ids.size, ids.has(LAST)]).toEqual([16, 17, true]);
      const after = await prune([], { stores, sources: [scriptedSource()], recorder });
      expect([after.faults, after.incomplete, await hidden(), ids.size]).toEqual([[], undefined, 40, 41]);
      await Promise.all(stores.map((one) => one.close()));
    },
  );

  it('removes nothing in one that is set to be read-only, and goes on elsewhere', async () => {
    const [made, other] = [await expired([sessionIdOf(1)]), await expired([LAST])];
    const url = `${made.url}&options=${encodeURIComponent('-c default_transaction_read_only=on')}`;
    const stores = [await openAt({ url }), await openAt(other.settings)];
    const report = await prune([], { stores });
    expect(report.faults).toEqual([{ kind: 'unavailable', message: expect.stringContaining('read-only') }]);
    expect(report).toMatchObject({ removed: { sessions: 1 }, incomplete: true });
    await Promise.all(stores.map((one) => one.close()));
  });

  it('keeps what became live or was written to between plan and act, whoever writes', async () => {
    for (const form of [OWN_FORM, ...OTHER_FORMS]) {
      const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)];
      const made = await expired([A, B, C], form);
      const store = await made.open();
      const live = scriptedSource({ planned: [], atTheAct: [A] });
      const writing = sourceWith(() => made.append({ sessionId: B, atMs: NOW - 1_000 }));
      const report = await prune([], { stores: [store], sources: [writing, live] });
      expect(report).toMatchObject({ kept: { live: 1, changed: 1 }, removed: { sessions: 1 } });
      expect((await store.trashed()).map(({ sessionId }) => sessionId)).toEqual([C]);
    }
  });

  it.each([OWN_FORM, ...OTHER_FORMS])(
    'leaves what another host alone protects, also in the trash, in a store of the form: $name',
    async (form) => {
      const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)];
      const made = await expired([A, B, C], form);
      const [here, there] = await Promise.all(
        ['here', 'there'].map(async (host) => openAt({ ...made.settings, host })),
      );
      if (here === undefined || there === undefined) throw new Error('no stores');
      const sourcesThere = (planned: readonly (typeof A)[]) => [scriptedSource({ planned, protection: 'pinned' })];
      // Nobody there has had a turn yet, and C goes.
      const onlyC = scriptedSource({ planned: [A, B] });
      expect(await prune([], { stores: [here], sources: [onlyC] })).toMatchObject({ removed: { sessions: 1 } });
      expect(await prune([], { stores: [there], sources: sourcesThere([A, B, C]) })).toMatchObject({
        kept: { pinned: 2 },
      });
      expect(await prune([], { stores: [here] })).toMatchObject({ removed: { sessions: 0 }, kept: { changed: 2 } });
      expect(await here.markSome(await here.trashed())).toEqual([]);
      // What is not protected there any more goes by the next one.
      await prune([], { stores: [there], sources: sourcesThere([A]), settings: { maxAge: 'never' } });
      expect(await prune([], { stores: [here] })).toMatchObject({ removed: { sessions: 1 }, kept: { changed: 1 } });
      const due = await here.trashed();
      expect(due.map(({ sessionId }) => sessionId).toSorted()).toEqual([B, C]);
      expect(await here.markSome(due)).toHaveLength(2);
      expect((await there.sessions()).map(({ sessionId }) => sessionId)).toEqual([A]);
      await Promise.all([here.close(), there.close()]);
    },
  );

  it('tells other hosts what it protects before its first removal, also where nothing goes', async () => {
    const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)];
    const made = await expired([A, B, C]);
    await made.append({ sessionId: LAST, atMs: NOW - 60 * DAY_MS, projectKey: '-srv-other' });
    const [here, there] = [
      await openAt({ ...made.settings, host: 'here' }),
      await openAt({ ...made.settings, host: 'there' }),
    ];
    const removed: unknown[] = [];
    const meanwhile = {
      ...sourceWith(async () => {
        const report = await prune([], { stores: [there] });
        removed.push([report.removed?.sessions, report.kept?.changed]);
      }),
      name: 'meanwhile',
    };
    // Its first prune; the other host comes by while the first batch is about to go.
    const pinned = scriptedSource({ planned: [A], protection: 'pinned' });
    const running = { ...scriptedSource({ planned: [B], protection: 'running' }), name: 'running' };
    const project: LiveSource = {
      ...scriptedSource({ protection: 'pinned', name: 'project' }),
      read: async () => ({ ids: new Set(), malformed: 0, projects: [{ match: '-srv-other', why: undefined }] }),
    };
    const report = await prune([], { stores: [here], sources: [meanwhile, pinned, running, project] });
    expect(removed).toEqual([[1, 3]]);
    expect(report).toMatchObject({ removed: { sessions: 0 }, kept: { pinned: 2, running: 1, changed: 1 } });
    expect((await here.trashed()).map(({ sessionId }) => sessionId)).toEqual([C]);
    const late = { ...scriptedSource({ planned: [C], protection: 'pinned' }), name: 'late' };
    await prune([], { stores: [here], sources: [pinned, late, project], settings: { maxAge: 'never' } });
    const due = await there.trashed();
    expect([due.length, await there.markSome(due)]).toEqual([1, []]);
    expect(await prune([], { stores: [there] })).toMatchObject({ removed: { sessions: 1 }, kept: { changed: 2 } });
    expect((await there.sessions()).map(({ sessionId }) => sessionId).toSorted()).toEqual([A, LAST]);
    await Promise.all([here.close(), there.close()]);
  });

  it('tells nobody anything in a dry run', async () => {
    const made = await expired([LAST]);
    const store = await openAt({ ...made.settings, host: 'here' });
    await store.check();
    const pinned = scriptedSource({ planned: [LAST], protection: 'pinned' });
    await prune([], { stores: [store], sources: [pinned], context: { dryRun: true } });
    expect(await made.outside.unsafe('SELECT 1 FROM claude_session_entries_kept')).toHaveLength(0);
    await store.close();
  });

  it('heeds what a host has said last only until its word has had its time, and a purge deletes it then', async () => {
    const [A, B] = [sessionIdOf(1), sessionIdOf(2)];
    const made = await expired([A, B]);
    const [here, gone, lives] = [
      await openAt({ ...made.settings, host: 'here' }),
      await openAt({ ...made.settings, host: 'gone' }),
      await openAt({ ...made.settings, host: 'lives' }, { wordMs: 200 * DAY_MS }),
    ];
    await lives.tellProtected([A]);
    await gone.tellProtected([B]);
    const told = async () => {
      const rows = await made.outside.unsafe<{ host: string }[]>(
        'SELECT DISTINCT host FROM claude_session_entries_kept ORDER BY host',
      );
      return rows.map(({ host }) => host);
    };
    made.server.setClock(NOW + 30 * DAY_MS - 1);
    await here.giveBack();
    expect(await prune([], { stores: [here] })).toMatchObject({ removed: { sessions: 0 }, kept: { changed: 2 } });
    expect([await told(), await here.silentHosts()]).toEqual([
      ['gone', 'lives'],
      [
        { host: 'gone', sessions: 1, toldAtMs: NOW, countsUntilMs: NOW + 30 * DAY_MS },
        { host: 'lives', sessions: 1, toldAtMs: NOW, countsUntilMs: NOW + 200 * DAY_MS },
      ],
    ]);
    // It tells anew at each prune.
    await prune([], { stores: [lives], sources: [scriptedSource({ planned: [A] })], settings: { maxAge: 'never' } });
    made.server.setClock(NOW + 30 * DAY_MS);
    expect((await here.silentHosts()).map(({ host }) => host)).toEqual([]);
    expect(await prune([], { stores: [here] })).toMatchObject({ removed: { sessions: 1 }, kept: { changed: 1 } });
    expect((await here.trashed()).map(({ sessionId }) => sessionId)).toEqual([B]);
    expect(await here.markSome(await here.trashed())).toHaveLength(1);
    await made.outside.unsafe(
      `INSERT INTO claude_session_entries_kept (session_id, host, told_at, counts_until)
       SELECT 's' || number, 'pod', 0, 1 FROM generate_series(1, 2500) AS number`,
    );
    await here.giveBack();
    expect(await told()).toEqual(['lives']);
    await Promise.all([here, gone, lives].map((store) => store.close()));
  });

  it('heeds a word that an older release has written down without an end', async () => {
    const made = await expired([LAST]);
    const store = await openAt({ ...made.settings, host: 'here' });
    await store.check();
    await made.outside.unsafe(
      `ALTER TABLE claude_session_entries_kept DROP COLUMN counts_until;
       DELETE FROM claude_session_entries_trash_versions WHERE version = 3;
       INSERT INTO claude_session_entries_kept (session_id, host, told_at) VALUES ('${LAST}', 'before', ${NOW})`,
    );
    expect(await store.silentHosts()).toEqual([]);
    await store.check();
    expect(await prune([], { stores: [store] })).toMatchObject({ removed: { sessions: 0 }, kept: { changed: 1 } });
    made.server.setClock(NOW + 250 * DAY_MS);
    expect(await prune([], { stores: [store] })).toMatchObject({ removed: { sessions: 1 } });
    await store.close();
  });
});
