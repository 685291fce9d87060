import { describe, expect, it } from 'vitest';
import { BusyError } from '../../src/errors.ts';
import { type Hold, ShortHolds } from '../../src/sqlite/short-holds.ts';
import { SetPacer } from '../support/hold-pacers.ts';

/** Works on as many units as a hold lasts for, each of which takes so long, and a commit at its end. */
function workOf(pacer: SetPacer, unitMs: number, commitMs = 0) {
  return (units: number) => (hold: Hold) => {
    hold.begin();
    let done = 0;
    while (done < units) {
      pacer.nowMs += unitMs;
      done += 1;
      if (hold.isOver()) break;
    }
    pacer.nowMs += commitMs;
    return { done };
  };
}

const busy = () => {
  throw new BusyError('hold writers: database is locked');
};

describe('A short hold', () => {
  it.each([
    { unitMs: 1, done: 5 },
    { unitMs: 2, done: 3 },
    { unitMs: 100, done: 1 },
    { unitMs: 0, done: 16 },
  ])('ends with the unit in hand after five milliseconds: $done of 16 that take $unitMs ms each', async (expected) => {
    const pacer = new SetPacer();
    const holds = new ShortHolds(pacer);
    expect(await holds.take(workOf(pacer, expected.unitMs)(holds.units))).toEqual({ done: expected.done });
  });

  it('is followed by a rest as long as it was, its commit included, before the next', async () => {
    const pacer = new SetPacer();
    const holds = new ShortHolds(pacer);
    await holds.take(workOf(pacer, 1, 30)(16));
    pacer.nowMs += 5;
    await holds.take(workOf(pacer, 0)(1));
    await holds.take(workOf(pacer, 0)(1));
    expect(pacer.rests).toEqual([30, 2]);
  });

  it('is not rested for where it has lasted for as long already since', async () => {
    const pacer = new SetPacer();
    const holds = new ShortHolds(pacer);
    await holds.take(workOf(pacer, 1)(16));
    pacer.nowMs += 5;
    await holds.take(workOf(pacer, 1)(16));
    expect(pacer.rests).toEqual([]);
  });

  it('counts from when the writers are held, to when they are free', async () => {
    const pacer = new SetPacer();
    const holds = new ShortHolds(pacer);
    await holds.take((hold) => {
      pacer.nowMs += 1_000;
      hold.begin();
      pacer.nowMs += 3;
      hold.end();
      pacer.nowMs += 1;
      return {};
    });
    await holds.take(workOf(pacer, 0)(1));
    expect(pacer.rests).toEqual([2]);
  });

  it('is taken for as many units as the last ones had time for, and twice as many at the most', async () => {
    const pacer = new SetPacer();
    const holds = new ShortHolds(pacer);
    const asked: number[] = [];
    for (const unitMs of [0, 0, 0, 0.125, 1, 1]) {
      asked.push(holds.units);
      await holds.take(workOf(pacer, unitMs)(holds.units));
    }
    expect(asked).toEqual([16, 32, 64, 128, 40, 16]);
  });

  it('is taken for fewer units where it is the commit that takes long', async () => {
    const pacer = new SetPacer();
    const holds = new ShortHolds(pacer);
    for (let round = 0; round < 4; round += 1) await holds.take(workOf(pacer, 0)(holds.units));
    const before = holds.units;
    await holds.take(workOf(pacer, 0, 20)(holds.units));
    expect(holds.units).toBeLessThan(before / 2);
  });

  it('that finds the writers busy is told, and is an error after the third in a row', async () => {
    const pacer = new SetPacer();
    const holds = new ShortHolds(pacer);
    const tell = async (work: (hold: Hold) => object) => (await holds.take(work)) !== undefined;
    const free = workOf(pacer, 0)(1);
    expect([await tell(busy), await tell(busy), await tell(free), await tell(busy), await tell(busy)]).toEqual([
      false,
      false,
      true,
      false,
      false,
    ]);
    await expect(holds.take(busy)).rejects.toThrow(BusyError);
  });

  it('is asked for few units again after the writers were busy', async () => {
    const pacer = new SetPacer();
    const holds = new ShortHolds(pacer);
    await holds.take(workOf(pacer, 0)(16));
    await holds.take(busy);
    expect(holds.units).toBe(16);
  });

  it('that fails is rested for as well, and its failure passed on', async () => {
    const pacer = new SetPacer();
    const holds = new ShortHolds(pacer);
    const failing = (hold: Hold) => {
      hold.begin();
      pacer.nowMs += 9;
      throw new Error('the disk is on fire');
    };
    await expect(holds.take(failing)).rejects.toThrow('the disk is on fire');
    await holds.take(workOf(pacer, 0)(1));
    expect(pacer.rests).toEqual([9]);
  });
});
