import { describe, expect, it } from 'vitest';
import { OperatingError } from '../../src/errors.ts';
import type { StoredSession } from '../../src/session-store/stored-session.ts';
import { ALL_FORMS, newSharedStore, OTHER_FORMS, OWN_FORM } from '../support/shared-stores.ts';
import { STORE_PROJECT } from '../support/stored-sessions.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const [A, B] = [sessionIdOf(1), sessionIdOf(2)] as const;
const OLD = NOW - 60 * DAY_MS;
type Store = Awaited<ReturnType<Awaited<ReturnType<typeof newSharedStore>>['open']>>;

const removalOf = (session: StoredSession) => ({ session, reason: 'expired' });
const idsOf = (sessions: readonly StoredSession[]) => sessions.map(({ sessionId }) => sessionId).toSorted();
const hide = async (store: Store) => store.trashSome((await store.sessions()).map(removalOf), NOW, () => false);

async function destroyMarked(store: Store) {
  const faults: (string | undefined)[] = [];
  for (const session of await store.marked()) {
    for (let isGone = false; !isGone; ) {
      const done = await store.destroySome(session, 1);
      faults.push(done.fault);
      ({ isGone } = done);
    }
  }
  return faults.filter((fault) => fault !== undefined);
}

describe.each(ALL_FORMS)('A shared store of the form: $name', (form) => {
  it('tells of each session when it was used last, and whether its main transcript is there', async () => {
    const made = await newSharedStore(form, NOW);
    await made.append({ sessionId: A, atMs: OLD });
    await made.append({ sessionId: A, atMs: OLD + 5_000 });
    await made.append({ sessionId: B, atMs: OLD, subpath: 'subagents/agent-1' });
    await made.append({ sessionId: B, atMs: OLD, projectKey: '-srv-other' });
    const sessions = await (await made.open()).sessions();
    expect(sessions.toSorted((left, right) => left.lastUsedAtMs - right.lastUsedAtMs)).toMatchObject([
      { sessionId: B, lastUsedAtMs: OLD },
      { sessionId: B, lastUsedAtMs: OLD },
      { projectKey: STORE_PROJECT, sessionId: A, lastUsedAtMs: OLD + 5_000, hasMain: true },
    ]);
    const ofB = sessions.filter(({ sessionId }) => sessionId === B);
    expect(new Map(ofB.map(({ projectKey, hasMain }) => [projectKey, hasMain]))).toEqual(
      new Map([
        [STORE_PROJECT, false],
        ['-srv-other', true],
      ]),
    );
    expect(sessions.every(({ bytes }) => bytes > 0)).toBe(true);
  });

  it('hides what is as it was read, and shows it again', async () => {
    const made = await newSharedStore(form, NOW);
    for (const sessionId of [A, B]) await made.append({ sessionId, atMs: OLD });
    const store = await made.open();
    expect(await hide(store)).toEqual([NOW, NOW]);
    expect(await store.sessions()).toEqual([]);
    const [first, ...others] = await store.trashed();
    expect(first).toMatchObject({ trashedAtMs: NOW, reason: 'expired', lastUsedAtMs: OLD, hasMain: true });
    expect(others).toHaveLength(1);
    expect(first && (await store.restore(first))).toBe(true);
    expect(idsOf(await store.sessions())).toEqual([first?.sessionId]);
    expect(await made.entries()).toEqual({ [A]: 1, [B]: 1 });
  });

  it('keeps a session that was written to since it was read', async () => {
    const made = await newSharedStore(form, NOW);
    for (const sessionId of [A, B]) await made.append({ sessionId, atMs: OLD });
    const store = await made.open();
    const removals = (await store.sessions()).map(removalOf);
    await made.append({ sessionId: A, atMs: NOW - 1_000 });
    const outcomes = await store.trashSome(removals, NOW, () => false);
    expect(
      removals.filter((_, index) => outcomes[index] !== undefined).map(({ session }) => session.sessionId),
    ).toEqual([B]);
    expect(idsOf(await store.sessions())).toEqual([A]);
  });

  it('has a session back that is written to in the trash, as young as that', async () => {
    const made = await newSharedStore(form, NOW);
    for (const sessionId of [A, B]) await made.append({ sessionId, atMs: OLD });
    const store = await made.open();
    await hide(store);
    await made.append({ sessionId: A, atMs: NOW - 1_000 });
    expect(idsOf(await store.trashed())).toEqual([B]);
    expect(await store.sessions()).toMatchObject([{ sessionId: A, lastUsedAtMs: NOW - 1_000 }]);
    await store.giveBack();
    expect(await made.entries()).toEqual({ [A]: 2, [B]: 1 });
    // It goes by its new age, and can be removed again.
    expect(await hide(store)).toEqual([NOW]);
    expect(idsOf(await store.trashed())).toEqual([A, B]);
  });

  it('destroys what is marked, and nothing else', async () => {
    const made = await newSharedStore(form, NOW);
    for (const sessionId of [A, A, A, B]) await made.append({ sessionId, atMs: OLD });
    await made.append({ sessionId: A, atMs: OLD, subpath: 'subagents/agent-1' });
    const store = await made.open();
    await hide(store);
    const [due] = (await store.trashed()).filter(({ sessionId }) => sessionId === A);
    expect(due && idsOf(await store.markSome([due]))).toEqual([A]);
    expect(idsOf(await store.trashed())).toEqual([B]);
    expect(await destroyMarked(store)).toEqual([]);
    expect(await made.entries()).toEqual({ [B]: 1 });
    expect(await store.marked()).toEqual([]);
  });

  it('marks nothing that was restored or written to since it was looked at', async () => {
    const made = await newSharedStore(form, NOW);
    for (const sessionId of [A, B]) await made.append({ sessionId, atMs: OLD });
    const store = await made.open();
    await hide(store);
    const due = await store.trashed();
    await made.append({ sessionId: A, atMs: NOW - 1_000 });
    const [ofB] = due.filter(({ sessionId }) => sessionId === B);
    if (ofB !== undefined) await store.restore(ofB);
    expect(await store.markSome(due)).toEqual([]);
    expect(await destroyMarked(store)).toEqual([]);
    expect(await made.entries()).toEqual({ [A]: 2, [B]: 1 });
  });

  it('tells what a session says of itself, the last word first', async () => {
    const made = await newSharedStore(form, NOW);
    for (const entry of [
      { type: 'tag', tag: 'keep' },
      { type: 'tag', tag: 'other' },
      { type: 'custom-title', customTitle: 'Bread' },
      { type: 'user', message: { content: 'a "type":"tag" and "tag":"keep"' } },
    ]) {
      await made.append({ sessionId: A, atMs: OLD, entry });
    }
    const store = await made.open();
    const [session] = await store.sessions();
    expect(session && (await store.marks(session))).toEqual({ tag: 'other', title: 'Bread' });
  });

  it('changes nothing where the fence is gone, or where it is only looked at', async () => {
    const made = await newSharedStore(form, NOW);
    await made.append({ sessionId: A, atMs: OLD });
    const isRead = await made.open({ isRead: true });
    expect([idsOf(await isRead.sessions()), await isRead.trashed(), await isRead.marked()]).toEqual([[A], [], []]);
    const lost = new OperatingError('unavailable', 'the lease is another’s');
    const fenced = await made.open({ fence: async () => Promise.reject(lost) });
    await expect(hide(fenced)).rejects.toBe(lost);
    const store = await made.open();
    expect(await store.trashed()).toEqual([]);
    await hide(store);
    const due = await store.trashed();
    await expect(fenced.markSome(due)).rejects.toBe(lost);
    await store.markSome(due);
    const [marked] = await store.marked();
    await expect(marked && fenced.destroySome(marked, 100)).rejects.toBe(lost);
    expect(await made.entries()).toEqual({ [A]: 1 });
  });

  it('makes nothing older by clocks that differ', async () => {
    const made = await newSharedStore(form, NOW);
    const store = await made.open({ clock: { now: () => NOW + DAY_MS } });
    await store.sessions();
    expect(store.clockLeadMs).toBe(DAY_MS);
    // A server that has jumped ahead makes nothing older.
    made.server.setClock(NOW + 40 * DAY_MS);
    await store.sessions();
    expect(store.clockLeadMs).toBe(0);
  });
});

describe.each(OTHER_FORMS)('A session in a store of the form: $name', (form) => {
  it('stays where its program writes to it as it is about to be destroyed', async () => {
    const made = await newSharedStore(form, NOW);
    await made.append({ sessionId: A, atMs: OLD });
    const store = await made.open();
    await hide(store);
    await store.markSome(await store.trashed());
    await made.append({ sessionId: A, atMs: NOW - 1_000 });
    expect(await destroyMarked(store)).toEqual([expect.stringContaining('written to as it was to be destroyed')]);
    expect(await made.entries()).toEqual({ [A]: 2 });
    expect(idsOf(await store.sessions())).toEqual([A]);
  });

  it('waits for a transaction of its program that is under way before anything of it is destroyed', async () => {
    const made = await newSharedStore(form, NOW);
    await made.append({ sessionId: A, atMs: OLD });
    const store = await made.open();
    await hide(store);
    await store.markSome(await store.trashed());
    const [marked] = await store.marked();
    await made.outside.unsafe('BEGIN');
    await made.append({ sessionId: A, atMs: NOW });
    await expect(marked && store.destroySome(marked, 100)).rejects.toThrow('lock timeout');
    await made.outside.unsafe('COMMIT');
    expect(await destroyMarked(store)).toHaveLength(1);
    expect(await made.entries()).toEqual({ [A]: 2 });
  });

  it('is spared that a killed purge had marked, where it is live again', async () => {
    const made = await newSharedStore(form, NOW);
    await made.append({ sessionId: A, atMs: OLD });
    const store = await made.open();
    await hide(store);
    await store.markSome(await store.trashed());
    const [marked] = await store.marked();
    if (marked !== undefined) await store.unmark(marked);
    expect(await destroyMarked(store)).toEqual([]);
    expect(idsOf(await store.sessions())).toEqual([A]);
  });

  it('is kept for as long as its age cannot be told', async () => {
    const made = await newSharedStore(form, NOW);
    await made.append({ sessionId: A, atMs: OLD });
    const column = form.settings.readAs === 'python' ? 'mtime = -1' : "created_at = 'infinity'";
    await made.outside.unsafe(`UPDATE ${form.table} SET ${column}`);
    expect((await (await made.open()).sessions()).map(({ lastUsedAtMs }) => lastUsedAtMs)).toEqual([Number.NaN]);
  });
});

describe('A shared store', () => {
  it('is not begun anew with what a purge had left of a session', async () => {
    const made = await newSharedStore(OWN_FORM, NOW);
    for (let count = 0; count < 3; count += 1) await made.append({ sessionId: A, atMs: OLD });
    const store = await made.open();
    await hide(store);
    await store.markSome(await store.trashed());
    const [marked] = await store.marked();
    if (marked !== undefined) await store.destroySome(marked, 1);
    expect(await made.own.load({ projectKey: STORE_PROJECT, sessionId: A })).toBeNull();
    await made.append({ sessionId: A, atMs: NOW - 1_000, entry: { type: 'user', uuid: 'new' } });
    expect(await made.own.load({ projectKey: STORE_PROJECT, sessionId: A })).toEqual([{ type: 'user', uuid: 'new' }]);
    expect([await store.marked(), idsOf(await store.sessions())]).toEqual([[], [A]]);
  });

  it('shows hosts nothing of a hidden session until it is restored', async () => {
    const made = await newSharedStore(OWN_FORM, NOW);
    await made.append({ sessionId: A, atMs: OLD });
    await made.append({ sessionId: A, atMs: OLD, subpath: 'subagents/agent-1' });
    const store = await made.open();
    await hide(store);
    const key = { projectKey: STORE_PROJECT, sessionId: A };
    const seen = async () => [
      await made.own.load(key),
      await made.own.listSessions(STORE_PROJECT),
      await made.own.listSessionSummaries(STORE_PROJECT),
      await made.own.listSubkeys(key),
    ];
    expect(await seen()).toEqual([null, [], [], []]);
    expect([await made.own.restore(A), await made.own.restore(A)]).toEqual([true, false]);
    expect(await seen()).toMatchObject([[{ type: 'user' }], [{ sessionId: A }], [{}], ['subagents/agent-1']]);
  });

  it('keeps a session that a host is writing to or loading at this moment', async () => {
    const made = await newSharedStore(OWN_FORM, NOW);
    for (const sessionId of [A, B]) await made.append({ sessionId, atMs: OLD });
    const store = await made.open();
    const removals = (await store.sessions()).map(removalOf);
    await made.outside.unsafe('BEGIN');
    await made.outside.unsafe(
      `SELECT pg_advisory_xact_lock(hashtextextended('${STORE_PROJECT}' || chr(31) || '${A}', 0))`,
    );
    await made.outside.unsafe(`UPDATE claude_session_stored SET last_used_at = ${NOW} WHERE session_id = '${B}'`);
    expect(await store.trashSome(removals, NOW, () => false)).toEqual([undefined, undefined]);
    await made.outside.unsafe('COMMIT');
  });

  it.each([
    {
      made: OTHER_FORMS[0],
      as: 'sweeper',
      says: 'was made by another program: it is of the form entries; give readAs: entries',
    },
    { made: OWN_FORM, as: 'entries', says: 'is not of the form entries: it is of the form sweeper' },
    { made: OTHER_FORMS[2], as: 'entries', says: 'there is no table claude_session_entries' },
  ] as const)('is refused where $as is said of another form', async ({ made: form, as, says }) => {
    if (form === undefined) throw new Error('no form');
    const made = await newSharedStore(form, NOW);
    if (form === OTHER_FORMS[2]) await made.outside.unsafe('DROP TABLE IF EXISTS claude_session_entries CASCADE');
    const { PostgresStoredSessions } = await import('../../src/session-store/postgres-stored-sessions.ts');
    const store = new PostgresStoredSessions({ url: made.url, readAs: as });
    await expect(store.check()).rejects.toThrow(says);
    await store.close();
  });

  it('destroys a long session a bounded part at a time', async () => {
    const [form = OWN_FORM] = OTHER_FORMS;
    const made = await newSharedStore(form, NOW);
    await made.outside.unsafe(`INSERT INTO claude_session_entries (project_key, session_id, entry, created_at)
      SELECT '${STORE_PROJECT}', '${A}', '{}', to_timestamp(${OLD / 1000}) FROM generate_series(1, 5000)`);
    const store = await made.open();
    await hide(store);
    await store.markSome(await store.trashed());
    const [marked] = await store.marked();
    expect(marked && (await store.destroySome(marked, 1))).toEqual({ isGone: false });
    expect(await made.entries()).toEqual({ [A]: 3000 });
    // What is left of it stays where somebody goes on with it.
    await made.append({ sessionId: A, atMs: NOW });
    expect(await destroyMarked(store)).toEqual([expect.stringContaining('what is left of it stays')]);
    expect(await made.entries()).toEqual({ [A]: 3001 });
  });
});
