/** What every engine of the session store promises: one suite, run over each of them. */

import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type {
  FoldSummary,
  SessionStoreEntry,
  SessionStoreKey,
  SessionSummary,
} from '../../src/session-store/sdk-shapes.ts';
import { runTogether } from '../support/forked.ts';
import type { SetClock } from '../support/set-clock.ts';
import { sessionIdOf } from '../support/tree.ts';

/** The SDK's, and how to be done with it. */
export interface SessionStoreOfAnEngine {
  append(key: SessionStoreKey, entries: SessionStoreEntry[]): Promise<void>;
  load(key: SessionStoreKey): Promise<SessionStoreEntry[] | null>;
  listSessions(projectKey: string): Promise<{ sessionId: string; mtime: number }[]>;
  listSessionSummaries(projectKey: string): Promise<SessionSummary[]>;
  delete(key: SessionStoreKey): Promise<void>;
  listSubkeys(key: SessionStoreKey): Promise<string[]>;
  close(): void | Promise<void>;
}

export interface StoreUnderTest {
  readonly store: SessionStoreOfAnEngine;
  /** By which it stamps; it stands. */
  readonly clock: Pick<SetClock, 'nowMs'>;
  /** What `append-process.mjs` opens the same store by. */
  readonly programArgs: readonly string[];
  /** A second store on the same entries. Closed with the test. */
  openAgain(): SessionStoreOfAnEngine;
  /** Makes every entry and every summary what is no JSON, behind the store's back. */
  damage(): void | Promise<void>;
}

export const PROJECT = '-srv-app';
export const ID = sessionIdOf(1);
export const MAIN = { projectKey: PROJECT, sessionId: ID };
export const AGENT = { ...MAIN, subpath: 'subagents/agent-a1' };
const APPENDERS = new URL('../session-store/append-process.mjs', import.meta.url);

/** Counts what it is given, as the SDK's does not. */
export const countingFold: FoldSummary = (before, key, entries, options) => ({
  sessionId: key.sessionId,
  mtime: options?.mtime ?? before?.mtime ?? 0,
  data: { entries: Number(before?.data.entries ?? 0) + entries.length },
});

export const entry = (number: number, uuid?: string): SessionStoreEntry => ({
  type: 'user',
  ...(uuid === undefined ? {} : { uuid }),
  number,
});

export function describeSessionStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`a session store in ${name}`, () => {
    it('gives back what was appended, deep-equal and in its order', async () => {
      const json = fc.jsonValue({ maxDepth: 3 });
      const entries = fc.array(
        fc
          .record({ type: fc.string(), payload: json })
          .map((one) => JSON.parse(JSON.stringify(one)) as SessionStoreEntry),
        { minLength: 1, maxLength: 10 },
      );
      const { store } = await open();
      let run = 10;
      await fc.assert(
        fc.asyncProperty(fc.array(entries, { minLength: 1, maxLength: 4 }), async (batches) => {
          const key = { ...MAIN, sessionId: sessionIdOf(run) };
          run += 1;
          for (const batch of batches) await store.append(key, batch);
          expect(await store.load(key)).toEqual(batches.flat());
        }),
        { numRuns: 12 },
      );
    });

    it('stores an entry with a uuid once, and one without every time', async () => {
      const { store } = await open();
      const batch = [entry(1, 'a'), entry(2), entry(3, 'b')];
      await store.append(MAIN, batch);
      await store.append(MAIN, batch);
      await store.append(MAIN, [entry(4, 'b'), entry(5, 'c')]);
      expect((await store.load(MAIN))?.map(({ number }) => number)).toEqual([1, 2, 3, 2, 5]);
    });

    it('keeps the same uuid in the transcripts of a session and its subagent apart', async () => {
      const { store } = await open();
      await store.append(MAIN, [entry(1, 'a')]);
      await store.append(AGENT, [entry(2, 'a')]);
      expect([await store.load(MAIN), await store.load(AGENT)]).toEqual([[entry(1, 'a')], [entry(2, 'a')]]);
    });

    it('gives null for what was never written', async () => {
      const { store } = await open();
      await store.append(MAIN, [entry(1)]);
      expect(await store.load({ ...MAIN, sessionId: sessionIdOf(2) })).toBeNull();
      expect(await store.load({ ...MAIN, projectKey: 'other' })).toBeNull();
      expect(await store.load(AGENT)).toBeNull();
    });

    it('lists sessions of one project with whole milliseconds, and subagents of one session', async () => {
      const { store, clock } = await open();
      await store.append(MAIN, [entry(1)]);
      clock.nowMs += 1_500.7;
      await store.append({ ...MAIN, sessionId: sessionIdOf(2) }, [entry(1)]);
      await store.append({ ...MAIN, projectKey: 'other' }, [entry(1)]);
      for (const agent of ['subagents/agent-b', 'subagents/agent-a', 'subagents/workflows/wf_1/agent-c']) {
        await store.append({ ...MAIN, subpath: agent }, [entry(1), entry(2)]);
      }
      const listed = await store.listSessions(PROJECT);
      expect(listed.map(({ sessionId }) => sessionId).toSorted()).toEqual([ID, sessionIdOf(2)]);
      for (const { mtime } of listed) expect(Number.isInteger(mtime)).toBe(true);
      expect(await store.listSubkeys(MAIN)).toEqual([
        'subagents/agent-a',
        'subagents/agent-b',
        'subagents/workflows/wf_1/agent-c',
      ]);
    });

    it('changes the time of a session with every append, even where the clock stands', async () => {
      const { store } = await open();
      const times = [];
      for (let round = 0; round < 3; round += 1) {
        await store.append(MAIN, [entry(round)]);
        times.push((await store.listSessions(PROJECT))[0]?.mtime ?? 0);
      }
      expect(new Set(times).size).toBe(3);
      expect(times).toEqual(times.toSorted());
    });

    it('folds summaries of main transcripts alone, with what is new alone, in the time that it lists', async () => {
      const { store } = await open();
      await store.append(MAIN, [entry(1, 'a'), entry(2, 'b')]);
      await store.append(AGENT, [entry(9)]);
      await store.append(MAIN, [entry(1, 'a'), entry(3, 'c')]);
      const [summary] = await store.listSessionSummaries(PROJECT);
      const [listed] = await store.listSessions(PROJECT);
      expect(summary).toEqual({ sessionId: ID, mtime: listed?.mtime, data: { entries: 3 } });
    });

    it('changes nothing by an append of nothing: no session is made, and none is used', async () => {
      const { store } = await open();
      await store.append(MAIN, []);
      expect([await store.load(MAIN), await store.listSessions(PROJECT)]).toEqual([null, []]);
      await store.append(MAIN, [entry(1)]);
      const before = await store.listSessions(PROJECT);
      await store.append(MAIN, []);
      expect(await store.listSessions(PROJECT)).toEqual(before);
    });

    it('leaves the listed time in step with the summary where a subagent writes', async () => {
      const { store, clock } = await open();
      await store.append(MAIN, [entry(1)]);
      clock.nowMs += 60_000;
      await store.append(AGENT, [entry(2)]);
      const [[listed], [summary]] = [await store.listSessions(PROJECT), await store.listSessionSummaries(PROJECT)];
      expect(listed?.mtime).toBe(summary?.mtime);
    });

    it('deletes a session with all its subagents, or one subagent', async () => {
      const { store } = await open();
      await store.append(MAIN, [entry(1)]);
      await store.append(AGENT, [entry(1)]);
      await store.append({ ...MAIN, subpath: 'subagents/agent-b' }, [entry(1)]);
      await store.delete(AGENT);
      expect(await store.listSubkeys(MAIN)).toEqual(['subagents/agent-b']);
      await store.delete(MAIN);
      expect([await store.load(MAIN), await store.listSubkeys(MAIN)]).toEqual([null, []]);
      expect([await store.listSessions(PROJECT), await store.listSessionSummaries(PROJECT)]).toEqual([[], []]);
    });

    it('stores a batch whole or not at all', async () => {
      const { store } = await open();
      const circular: SessionStoreEntry = { type: 'user' };
      circular.self = circular;
      await expect(store.append(MAIN, [entry(1), circular])).rejects.toThrow(
        expect.objectContaining({ kind: 'bad-data' }),
      );
      expect(await store.load(MAIN)).toBeNull();
    });

    it('gives back an entry a thousand levels deep, and refuses one that nothing could write down', async () => {
      const { store } = await open();
      const nested = (levels: number) => JSON.parse(`${'['.repeat(levels)}1${']'.repeat(levels)}`) as unknown;
      await store.append(MAIN, [{ type: 'user', deep: nested(1_500) }]);
      const [loaded] = (await store.load(MAIN)) ?? [];
      expect(JSON.stringify(loaded?.deep)).toBe(JSON.stringify(nested(1_500)));
      await expect(store.append(MAIN, [{ type: 'user', deep: nested(100_000) }])).rejects.toThrow(
        expect.objectContaining({ kind: 'bad-data' }),
      );
    });

    it('says what is wrong with an entry that was written past it, and takes a damaged summary for none', async () => {
      const { store, damage } = await open();
      await store.append(MAIN, [entry(1)]);
      await damage();
      await expect(store.load(MAIN)).rejects.toThrow(expect.objectContaining({ kind: 'bad-data' }));
      expect(await store.listSessionSummaries(PROJECT)).toEqual([]);
      await store.append(MAIN, [entry(2)]);
      expect(await store.listSessionSummaries(PROJECT)).toMatchObject([{ data: { entries: 1 } }]);
    });

    it.each([{ projectKey: '' }, { sessionId: '' }, { subpath: '' }])('refuses the empty key %o', async (part) => {
      const { store } = await open();
      await expect(store.append({ ...MAIN, ...part }, [entry(1)])).rejects.toThrow(
        expect.objectContaining({ kind: 'usage' }),
      );
    });

    it('is the same for whoever opens it next', async () => {
      const { store, openAgain } = await open();
      await store.append(MAIN, [entry(1)]);
      expect(await openAgain().load(MAIN)).toEqual([entry(1)]);
    });

    it('keeps every character to the unit: NUL, lone surrogates, what no JSON column takes, in texts, names and uuids', async () => {
      const { store } = await open();
      const odd = [
        'a\0b',
        '\ud800',
        '\udc00x',
        '\\u0000',
        '\u2028',
        '\u{10ffff}',
        '"\\',
        '{}',
        'NULL',
        '',
        '_%',
        "'; --",
        'é',
        'e\u0301',
      ];
      const entries = odd.map(
        (text): SessionStoreEntry => ({ type: text, uuid: `${text}!`, [text]: text, big: 1e300, zero: -0 }),
      );
      await store.append(MAIN, entries);
      await store.append(MAIN, entries);
      expect(JSON.stringify(await store.load(MAIN))).toBe(JSON.stringify(entries));
      expect(await store.listSessionSummaries(PROJECT)).toMatchObject([{ data: { entries: odd.length } }]);
    });

    it('takes a batch of 500 entries, each with a twin in it, and a uuid of any length', async () => {
      const { store } = await open();
      const batch = Array.from({ length: 250 }, (_, number) => entry(number, `${number}-${'u'.repeat(number * 20)}`));
      await store.append(
        MAIN,
        batch.flatMap((one) => [one, one]),
      );
      await store.append(
        MAIN,
        Array.from({ length: 501 }, (_, number) => entry(number)),
      );
      const numbers = (await store.load(MAIN))?.map(({ number }) => number);
      expect(numbers).toEqual([...Array.from({ length: 250 }).keys(), ...Array.from({ length: 501 }).keys()]);
      expect(await store.listSessionSummaries(PROJECT)).toMatchObject([{ data: { entries: 751 } }]);
    });

    it('loses no entry of processes that append at once, and mixes none of their batches', async () => {
      const { store, programArgs } = await open();
      const said = await runTogether(
        APPENDERS,
        Array.from({ length: 4 }, (_, writer) => [...programArgs, String(writer), '30']),
      );
      expect(said).toEqual(['done', 'done', 'done', 'done']);
      const batches = ((await store.load(MAIN)) ?? []).map(({ batch }) => batch);
      expect(batches).toHaveLength(4 * 30 * 3);
      for (let start = 0; start < batches.length; start += 3) {
        expect(new Set(batches.slice(start, start + 3)).size).toBe(1);
      }
    });

    it('shows whoever loads while others append no entry before one that comes first in the end', async () => {
      const { store, openAgain, programArgs } = await open();
      const reading = { isOver: false };
      const loads: string[][] = [];
      const other = openAgain();
      const ids = async () => ((await other.load(MAIN)) ?? []).map(({ uuid }) => String(uuid));
      const reader = (async () => {
        while (!reading.isOver) {
          loads.push(await ids());
          await turn();
        }
      })();
      let rounds = 0;
      const seenLengths = () => new Set(loads.map(({ length }) => length)).size;
      // Until somebody has loaded in the midst of it, which a busy machine may not come to at once.
      do {
        const first = 4 * rounds;
        rounds += 1;
        await runTogether(
          APPENDERS,
          Array.from({ length: 4 }, (_, writer) => [...programArgs, String(first + writer), '15']),
        );
      } while (seenLengths() <= 2);
      reading.isOver = true;
      await reader;
      const all = (await store.load(MAIN))?.map(({ uuid }) => String(uuid)) ?? [];
      expect(all).toHaveLength(rounds * 4 * 15 * 3);
      for (const seen of loads) expect(seen).toEqual(all.slice(0, seen.length));
    });
  });
}
