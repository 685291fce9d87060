import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import { ConfigError, openResumeMap, SessionSweeper, type SweeperOptions } from '../../src/library/index.ts';
import { outsideSweeper, snapshot } from '../support/disk.ts';
import { makeStore } from '../support/stored-sessions.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';

const [A, B, C, D] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3), sessionIdOf(4)] as const;

/** A unused for ten days, B for sixty, C for a moment. */
function newHost(options: Partial<SweeperOptions> = {}) {
  const claudeDir = makeClaudeDir(tempDir());
  const stateDir = join(tempDir(), 'state');
  const made = [
    makeSession(claudeDir, { id: A, ageMs: 10 * DAY_MS, companions: ['tool-results/1.txt'] }),
    makeSession(claudeDir, { id: B, ageMs: 60 * DAY_MS }),
    makeSession(claudeDir, { id: C, ageMs: 1_000 }),
  ];
  const sweeper = new SessionSweeper({ claudeDirs: [claudeDir], stateDir, ...options });
  const isHere = (id: string) => {
    const files = made.find((one) => one.id === id)?.files ?? [];
    return files.length > 0 && files.every((file) => existsSync(join(claudeDir, file)));
  };
  return { claudeDir, stateDir, sweeper, isHere };
}

const idsOf = (sessions: readonly { readonly sessionId: string }[]) => sessions.map(({ sessionId }) => sessionId);

describe('a sweeper in a host', () => {
  it('removes a session whatever its age, lists it in the trash with why, and brings it back whole', async () => {
    const { claudeDir, sweeper, isHere } = newHost();
    const before = snapshot(claudeDir);
    await sweeper.remove(A);
    expect([isHere(A), isHere(B), isHere(C)]).toEqual([false, true, true]);
    expect(await sweeper.listTrash()).toMatchObject([{ sessionId: A, place: claudeDir, reason: 'asked' }]);
    await sweeper.restore(A);
    expect(await sweeper.listTrash()).toEqual([]);
    expect(outsideSweeper(snapshot(claudeDir))).toEqual(outsideSweeper(before));
  });

  it('removes nothing by a clock that has jumped, and says so', async () => {
    const { stateDir, sweeper, isHere } = newHost();
    await sweeper.remove(B);
    const ledger = Ledger.open(stateDir);
    const history = ledger.clockHistory();
    if (history !== undefined) {
      const { last } = history;
      ledger.recordClockHistory({ ...history, last: { ...last, wallMs: last.wallMs - 40.5 * DAY_MS } });
    }
    ledger.close();
    await expect(sweeper.remove(A)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('the clock was put forward by 40'),
    });
    expect(isHere(A)).toBe(true);
  });

  it('refuses to remove what is live, pinned or was just used, and says why; nothing is moved', async () => {
    const { claudeDir, stateDir, sweeper } = newHost();
    const map = await openResumeMap({ stateDir });
    onTestFinished(() => map.close());
    await map.setSession('forgejo:a:b:1', A);
    await sweeper.pin(B);
    const before = snapshot(claudeDir);
    for (const [id, reason] of [
      [A, 'live'],
      [B, 'pinned'],
      [C, 'too-young'],
    ] as const) {
      await expect(sweeper.remove(id)).rejects.toMatchObject({
        kind: 'usage',
        message: `remove ${id}: it stays, as ${reason}`,
      });
    }
    await expect(sweeper.remove(D)).rejects.toMatchObject({ kind: 'bad-data' });
    await expect(sweeper.restore(D)).rejects.toMatchObject({ kind: 'bad-data' });
    expect(outsideSweeper(snapshot(claudeDir))).toEqual(outsideSweeper(before));
  });

  it('removes the last session of a map that it is told to, though most of the tree goes by that', async () => {
    const { sweeper, isHere } = newHost();
    await sweeper.remove(B);
    await sweeper.remove(A);
    expect([isHere(A), isHere(B)]).toEqual([false, false]);
  });

  it('foresees what the worker would take by the same settings, and changes nothing', async () => {
    const { claudeDir, stateDir, sweeper } = newHost();
    const before = snapshot(claudeDir);
    expect(await sweeper.dryRun()).toEqual({
      removals: [{ sessionId: B, place: claudeDir, reason: 'expired' }],
      kept: { 'within-retention': 1, 'too-young': 1 },
      held: [],
      errors: [],
    });
    const strict = new SessionSweeper({ claudeDirs: [claudeDir], stateDir, settings: { maxAge: '5d' } });
    expect(idsOf((await strict.dryRun()).removals).toSorted()).toEqual([A, B]);
    expect(idsOf(await sweeper.list())).toEqual([C, A, B]);
    expect(await sweeper.list({ limit: 1 })).toMatchObject([{ sessionId: C, reason: 'too-young', isGoing: false }]);
    expect(snapshot(claudeDir)).toEqual(before);
    expect(existsSync(stateDir)).toBe(false);
  });

  it('pins until it is unpinned, and says what it has changed', async () => {
    const { sweeper } = newHost();
    expect([await sweeper.pin(B), await sweeper.pin(B), idsOf(await sweeper.listPins())]).toEqual([true, false, [B]]);
    expect((await sweeper.dryRun()).removals).toEqual([]);
    expect([await sweeper.unpin(B), await sweeper.unpin(B), await sweeper.listPins()]).toEqual([true, false, []]);
    expect(idsOf((await sweeper.dryRun()).removals)).toEqual([B]);
  });

  it('hides what it removes from a session store, and shows it again', async () => {
    const { path, store } = await makeStore([D], Date.now() - 10 * DAY_MS);
    const { sweeper } = newHost({ sessionStores: [path] });
    const key = { projectKey: '-srv-app', sessionId: D };
    await sweeper.remove(D);
    expect(await store.load(key)).toBeNull();
    expect(await sweeper.listTrash()).toMatchObject([{ sessionId: D, place: path, reason: 'asked' }]);
    await sweeper.restore(D);
    expect(await store.load(key)).toHaveLength(1);
  });

  it('removes both copies of a session that is in a directory and in a store, and brings both back', async () => {
    const { path, store } = await makeStore([A], Date.now() - 10 * DAY_MS);
    const { sweeper, isHere } = newHost({ sessionStores: [path] });
    const key = { projectKey: '-srv-app', sessionId: A };
    await sweeper.remove(A);
    expect([isHere(A), await store.load(key)]).toEqual([false, null]);
    await sweeper.restore(A);
    expect([isHere(A), (await store.load(key))?.length]).toEqual([true, 1]);
  });

  it.each([
    [{}, 'claudeDirs: must be given'],
    [{ claudeDirs: ['~/.claude'] }, 'claudeDirs: "~/.claude": expected an absolute path (~ is not expanded)'],
    [
      { claudeDirs: ['/tmp'], settings: { maxage: '5d' } },
      'settings: maxage: there is no such setting here; did you mean maxAge?',
    ],
    [{ claudeDirs: ['/tmp'], settings: { maxAge: 5 } }, expect.stringContaining('--max-age: 5: expected a duration')],
    [
      { claudeDirs: ['/tmp'], stateDirectory: '/srv' },
      'stateDirectory: there is no such option; did you mean stateDir?',
    ],
  ])('is not made with %j', (options, fault) => {
    let faults: readonly string[] = [];
    try {
      new SessionSweeper(options as unknown as SweeperOptions);
    } catch (error) {
      faults = error instanceof ConfigError ? error.faults : [];
    }
    expect(faults).toEqual([typeof fault === 'string' ? `SessionSweeper: ${fault}` : fault]);
  });

  it.each(['pin', 'unpin', 'remove', 'restore'] as const)('refuses to %s what is no session id', async (call) => {
    const { sweeper } = newHost();
    await expect(sweeper[call]('../../etc')).rejects.toMatchObject({ name: 'OperatingError', kind: 'usage' });
  });
});
