import { describe, expect, it } from 'vitest';
import { IdPrefixes, parseIdPrefix } from '../../src/claude-dir/id-prefixes.ts';
import type { SessionId } from '../../src/claude-dir/session-id.ts';
import { OperatingError } from '../../src/errors.ts';
import {
  BrieflyBusyError,
  type LiveReading,
  type LiveSessions,
  type LiveSource,
  PROTECTIONS,
  readAllSources,
  withFreshReading,
  withLiveOfAll,
} from '../../src/live-sources/live-source.ts';
import { scriptedSource } from '../support/scripted-source.ts';
import { sessionIdOf } from '../support/tree.ts';

const [A, B, C, D] = [1, 2, 3, 4].map(sessionIdOf) as [
  ReturnType<typeof sessionIdOf>,
  ReturnType<typeof sessionIdOf>,
  ReturnType<typeof sessionIdOf>,
  ReturnType<typeof sessionIdOf>,
];

function prefixesOf(...ids: readonly SessionId[]): IdPrefixes {
  return new IdPrefixes(ids.map(parseIdPrefix).filter((prefix) => prefix !== undefined));
}

function idsOf(sessions: LiveSessions): object {
  return Object.fromEntries(PROTECTIONS.map((protection) => [protection, [...sessions[protection].ids]]));
}

function failing(message: string): LiveSource {
  const fail = () => {
    throw new OperatingError('unavailable', message);
  };
  return scriptedSource({ onRead: fail, onHold: fail });
}

describe('all live sources together', () => {
  it('name every id of each, by what protects it, and count by source', async () => {
    const { sessions, counts } = await readAllSources([
      scriptedSource({ name: 'resume-map', planned: [A, B] }),
      scriptedSource({ name: 'running-processes', protection: 'running', planned: [B] }),
      scriptedSource({ name: 'running-processes', protection: 'running', planned: [C, D] }),
      scriptedSource({ name: 'keep-list', protection: 'pinned', planned: [] }),
    ]);
    expect(idsOf(sessions)).toEqual({ live: [A, B], running: [B, C, D], pinned: [] });
    expect(counts).toEqual([
      { source: 'resume-map', ids: 2, malformed: 0, stale: 0, droppedOnPurpose: 0 },
      { source: 'running-processes', ids: 3, malformed: 0, stale: 0, droppedOnPurpose: 0 },
      { source: 'keep-list', ids: 0, malformed: 0, stale: 0, droppedOnPurpose: 0 },
    ]);
  });

  it('gather what they name by its beginning or by its time, what is stale, and what somebody should see to', async () => {
    const reading = (more: Partial<LiveReading>): LiveReading => ({ ids: new Set(), malformed: 0, ...more });
    const sources: LiveSource[] = [
      {
        ...scriptedSource({ name: 'running-processes', protection: 'running' }),
        read: async () => reading({ writtenSinceMs: 7, stale: 2 }),
      },
      {
        ...scriptedSource({ name: 'running-processes', protection: 'running' }),
        read: async () => reading({ ids: new Set([A]), writtenSinceMs: 5, stale: 1, faults: ['look'] }),
      },
      {
        ...scriptedSource({ name: 'claude-pins', protection: 'pinned' }),
        read: async () => reading({ prefixes: prefixesOf(B), malformed: 1 }),
      },
    ];
    const { sessions, counts, faults } = await readAllSources(sources);
    expect(counts).toEqual([
      { source: 'running-processes', ids: 1, malformed: 0, stale: 3, droppedOnPurpose: 0 },
      { source: 'claude-pins', ids: 1, malformed: 1, stale: 0, droppedOnPurpose: 0 },
    ]);
    expect(faults).toEqual(['look']);
    expect(idsOf(sessions)).toEqual({ live: [], running: [A], pinned: [] });
    expect(PROTECTIONS.map((protection) => sessions[protection].prefixes.match(B))).toEqual([false, false, true]);
    const times = PROTECTIONS.map((protection) => sessions[protection].writtenSinceMs);
    expect(times).toEqual([Number.POSITIVE_INFINITY, 5, Number.POSITIVE_INFINITY]);
  });

  it.each([0, 1, 2])('fail as a whole where number %i fails, with its error', async (position) => {
    const sources = [scriptedSource({ planned: [A] }), scriptedSource({ planned: [B] })];
    sources.splice(position, 0, failing('the disk is on fire'));
    await expect(readAllSources(sources)).rejects.toThrow('the disk is on fire');
  });

  it('fail with the first error of several', async () => {
    await expect(readAllSources([failing('first'), failing('second')])).rejects.toThrow('first');
  });

  it('name nothing where there are none', async () => {
    const { sessions, counts } = await readAllSources([]);
    expect(idsOf(sessions)).toEqual({ live: [], running: [], pinned: [] });
    for (const { writtenSinceMs } of Object.values(sessions)) expect(writtenSinceMs).toBe(Number.POSITIVE_INFINITY);
    expect(counts).toEqual([]);
  });
});

describe('an act', () => {
  it('is told what any source protects at that moment', async () => {
    const sources = [
      scriptedSource({ planned: [A], atTheAct: [] }),
      scriptedSource({ protection: 'pinned', atTheAct: [B, D] }),
      scriptedSource({ protection: 'running', atTheAct: [C] }),
    ];
    expect(await withLiveOfAll(sources, [A, B, C], (live) => [...live].toSorted())).toEqual([B, C]);
  });

  it('runs while all of them are held, and each is let go again, the last first', async () => {
    const events: string[] = [];
    const holding = (name: string): LiveSource => ({
      ...scriptedSource(),
      withLive: async (_ids, act) => {
        events.push(`hold ${name}`);
        try {
          return await act(new Set());
        } finally {
          events.push(`release ${name}`);
        }
      },
    });
    const result = await withLiveOfAll([holding('one'), holding('two')], [A], () => events.push('act'));
    expect(result).toBe(3);
    expect(events).toEqual(['hold one', 'hold two', 'act', 'release two', 'release one']);
  });

  it.each([0, 1, 2])('is not begun where number %i cannot be held', async (position) => {
    const sources = [scriptedSource(), scriptedSource()];
    sources.splice(position, 0, failing('no answer'));
    let acted = 0;
    await expect(withLiveOfAll(sources, [A], () => (acted += 1))).rejects.toThrow('no answer');
    expect(acted).toBe(0);
  });

  it('comes after all that can only be asked, which are asked at once and before any is held', async () => {
    const events: string[] = [];
    const asked = (name: string, isFirst: boolean): LiveSource => ({
      ...scriptedSource(),
      ask: async (ids) => {
        events.push(`ask ${name}`);
        // The first one answers after the second was asked.
        if (isFirst) await new Promise<void>((resolve) => setImmediate(resolve));
        events.push(`answer of ${name}`);
        return new Set(ids.filter((id) => id === (isFirst ? A : B)));
      },
    });
    const held = scriptedSource({ atTheAct: [C], onHold: () => events.push('hold') });
    const sources = [asked('one', true), held, asked('two', false)];
    expect(await withLiveOfAll(sources, [A, B, C, D], (live) => [...live].toSorted())).toEqual([A, B, C]);
    expect(events).toEqual(['ask one', 'ask two', 'answer of two', 'answer of one', 'hold']);
  });

  it('is not begun, and nobody is held, where one that is asked does not answer', async () => {
    const events: string[] = [];
    const silent: LiveSource = {
      ...scriptedSource(),
      ask: async () => {
        throw new OperatingError('unavailable', 'no answer');
      },
    };
    const sources = [silent, scriptedSource({ onHold: () => events.push('hold') })];
    await expect(withLiveOfAll(sources, [A], () => events.push('act'))).rejects.toThrow('no answer');
    expect(events).toEqual([]);
  });

  it.each([
    { waitsMs: [400, 600], acted: 1 },
    { waitsMs: [400, 300, 301], acted: 0 },
  ])(
    'is not begun where waits for busy maps make the answers older than a second: $waitsMs',
    async ({ waitsMs, acted }) => {
      let nowMs = 0;
      let acts = 0;
      const asked: LiveSource = { ...scriptedSource(), ask: async () => new Set([A]) };
      const waiting = (waitMs: number) =>
        scriptedSource({
          onHold: () => {
            nowMs += waitMs;
          },
        });
      const act = () => {
        acts += 1;
        return acts;
      };
      const hold = (sources: readonly LiveSource[]) =>
        withLiveOfAll(
          sources,
          [A],
          act,
          () => undefined,
          () => nowMs,
        );
      const done = hold([asked, ...waitsMs.map(waiting)]).catch((error: unknown) => error);
      if (acted === 0) expect(await done).toBeInstanceOf(BrieflyBusyError);
      expect([await done, acts][1]).toBe(acted);
      // Where no answer was asked for, none is too old.
      acts = 0;
      expect(await hold(waitsMs.map(waiting))).toBe(1);
    },
  );

  it('is told of nothing where there are no sources', async () => {
    expect(await withLiveOfAll([], [A], (live) => live.size)).toBe(0);
  });

  it('is told of what a source without writers names by its beginning', async () => {
    const source: LiveSource = {
      ...scriptedSource(),
      read: async () => ({ ids: new Set([A]), prefixes: prefixesOf(B), malformed: 0 }),
    };
    const live = await withFreshReading(source, [A, B, C], async (named) => [...named]);
    expect(live).toEqual([A, B]);
  });

  it('lets its own error through', async () => {
    const fail = () => {
      throw new RangeError('mine');
    };
    await expect(withLiveOfAll([scriptedSource(), scriptedSource()], [A], fail)).rejects.toThrow(RangeError);
  });
});
