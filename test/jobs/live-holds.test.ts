import { describe, expect, it } from 'vitest';
import { BusyError } from '../../src/errors.ts';
import { LiveHolds } from '../../src/jobs/live-holds.ts';
import { BrieflyBusyError, type LiveSource } from '../../src/live-sources/live-source.ts';
import { ShortHolds, withoutRests } from '../../src/sqlite/short-holds.ts';
import { scriptedSource } from '../support/scripted-source.ts';
import { sessionIdOf } from '../support/tree.ts';

const A = sessionIdOf(1);

/** Two maps: the first is free, and the second is busy for a number of times. */
function twoMaps(busyTimes: number) {
  const events: string[] = [];
  let left = busyTimes;
  const first: LiveSource = {
    ...scriptedSource(),
    withLive: async (_ids, act, onHeld) => {
      events.push('hold first');
      onHeld?.();
      try {
        return await act(new Set());
      } finally {
        events.push('free first');
      }
    },
  };
  const second = scriptedSource({
    atTheAct: [A],
    onHold: () => {
      left -= 1;
      if (left >= 0) throw new BrieflyBusyError('busy');
      events.push('hold second');
    },
  });
  const holds = new LiveHolds([first, second], new ShortHolds(withoutRests));
  const take = () =>
    holds.take([A], (live) => {
      events.push('act');
      return { live: live.size };
    });
  return { take, events };
}

describe('a hold of the writers of several maps', () => {
  it('lets those of the first go on while those of the second are busy, and comes again', async () => {
    const { take, events } = twoMaps(2);
    expect(await take()).toEqual({ live: 1 });
    expect(events).toEqual([
      ...['hold first', 'free first', 'hold first', 'free first'],
      ...['hold first', 'hold second', 'act', 'free first'],
    ]);
  });

  it('gives the batch up where they stay busy, and has not acted', async () => {
    const { take, events } = twoMaps(1_000);
    expect(await take()).toBeUndefined();
    expect(events).not.toContain('act');
    expect(await take()).toBeUndefined();
    await expect(take()).rejects.toThrow('busy');
  });

  it('does not act again where the act itself finds something busy', async () => {
    const holds = new LiveHolds([scriptedSource()], new ShortHolds(withoutRests));
    let acts = 0;
    const act = () => {
      acts += 1;
      throw new BusyError('mine');
    };
    expect(await holds.take([A], act)).toBeUndefined();
    expect(acts).toBe(1);
  });
});
