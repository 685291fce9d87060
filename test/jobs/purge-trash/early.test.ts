import { describe, expect, it } from 'vitest';
import { type DiskLimits, earlyPlanOf } from '../../../src/jobs/purge-trash/early.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

const MIB = 2 ** 20;
const NO_LIMITS: DiskLimits = { maxTotalBytes: 'off', minFreeBytes: 'off', keepAtLeastMs: DAY_MS };

interface Disk {
  readonly freeBytes: number;
  readonly freeInodes?: number;
  readonly limits?: Partial<DiskLimits>;
  readonly live?: readonly number[];
}

/** Three sessions of half a MiB in the trash: of three days, of one hour and of this very moment. */
async function planned({ freeBytes, freeInodes, limits = {}, live = [] }: Disk) {
  let looks = 0;
  const trashed = [3 * DAY_MS, DAY_MS / 24, 0].map((ageMs, index) => ({
    ...{ sessionId: sessionIdOf(index), trashedAtMs: NOW - ageMs, diskBytes: MIB / 2, isAlone: () => true },
  }));
  const trash = {
    room: () => ({ bytes: freeBytes, inodes: freeInodes }),
    diskUse: async () => {
      looks += 1;
      return { takenBytes: 10 * MIB, freeBytes, trashed };
    },
  };
  const plan = await earlyPlanOf(trash, {
    ...{ limits: { ...NO_LIMITS, ...limits }, keepMs: 7 * DAY_MS, nowMs: NOW },
    live: { has: (id) => live.some((number) => sessionIdOf(number) === id) },
    unwitnessedMs: () => 0,
    shouldStop: async () => false,
  });
  return { early: [0, 1, 2].filter((number) => plan.sessionIds.has(sessionIdOf(number))), looks };
}

describe('What goes from the trash before its time', () => {
  it('is nothing, and nothing is measured, where the disk has room and nobody has set a limit', async () => {
    expect(await planned({ freeBytes: MIB })).toEqual({ early: [], looks: 0 });
  });

  it('is what has lain longest where the disk is full, as much as makes room for the reserve again', async () => {
    expect(await planned({ freeBytes: 0 })).toMatchObject({ early: [0, 1] });
    expect(await planned({ freeBytes: 200_000 })).toMatchObject({ early: [0, 1] });
    expect(await planned({ freeBytes: 5 * MIB, freeInodes: 0 })).toMatchObject({ early: [0] });
  });

  it('is never what is live again', async () => {
    expect(await planned({ freeBytes: 0, live: [0] })).toMatchObject({ early: [1, 2] });
  });

  it('is nothing where not even all of it would make room', async () => {
    expect(await planned({ freeBytes: 0, live: [0, 1] })).toMatchObject({ early: [] });
  });

  it('keeps to the time that a limit has to spare, unless the disk is full', async () => {
    const limits = { minFreeBytes: 3 * MIB };
    expect(await planned({ freeBytes: MIB, limits })).toMatchObject({ early: [0] });
    expect(await planned({ freeBytes: 0, limits })).toMatchObject({ early: [0, 1] });
  });
});
