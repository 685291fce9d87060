import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { guardsBy } from '../../../src/jobs/guards/removals.ts';
import { purgeTrashJob } from '../../../src/jobs/purge-trash/index.ts';
import type { SweepReport } from '../../../src/jobs/report.ts';
import { sweepSessionsJob } from '../../../src/jobs/sweep-sessions/index.ts';
import { Ledger } from '../../../src/ledger/ledger.ts';
import { RESUME_MAP } from '../../../src/live-sources/resume-map-source.ts';
import type { MaintainableResumeMap } from '../../../src/resume-map/resume-map.ts';
import { SqliteResumeMap } from '../../../src/resume-map/sqlite.ts';
import { ShortHolds, withoutRests } from '../../../src/sqlite/short-holds.ts';
import { contextOf } from '../../support/job-context.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { DAY_MS, sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

const MAX_AGE_MS = 10 * DAY_MS;
const KEEP_MS = 7 * DAY_MS;
const HOUR_MS = DAY_MS / 24;

/** A host with a map on disk, and a worker with a ledger, whose clock a test sets. */
class Host {
  readonly clock = new SetClock(NOW);
  readonly stateDir = tempDir();
  readonly path = join(this.stateDir, 'sessions.db');
  readonly map = SqliteResumeMap.openOwn(this.path, { clock: this.clock });
  readonly ledger = Ledger.open(this.stateDir);

  constructor() {
    onTestFinished(async () => {
      await this.map.close();
      this.ledger.close();
    });
  }

  run(sql: string): void {
    const database = new Database(this.path);
    database.exec(sql);
    database.close();
  }

  insert(rows: number, usedAtMs = NOW): void {
    for (let row = 0; row < rows; row += 1) {
      const key = `key:${String(row).padStart(3, '0')}`;
      this.run(
        `INSERT INTO claude_sdk_sessions VALUES ('${key}', '${sessionIdOf(row)}', ${usedAtMs + row}, ${usedAtMs + row})`,
      );
    }
  }

  async count(): Promise<number> {
    return (await this.map.listSessions()).length;
  }

  sweep(map: MaintainableResumeMap = this.map, sweepsDangling = false): Promise<SweepReport> {
    return sweepSessionsJob({
      map,
      sourceName: RESUME_MAP,
      offSwitch: 'set sessions.maxAge to never',
      mapPath: this.path,
      sweptRows: this.ledger.sweptRows,
      claudeDirs: [],
      stores: [],
      areStoresWhole: true,
      maxAge: MAX_AGE_MS,
      minAgeMs: DAY_MS,
      sweepsDangling,
      guards: guardsBy(this.ledger, { mapIdentity: undefined, massPortion: 0.25, clock: this.clock }),
      history: this.ledger,
      holds: new ShortHolds(withoutRests),
      clock: this.clock,
    }).run(contextOf());
  }

  purge(unwitnessed = 0) {
    return purgeTrashJob({
      claudeDirs: [],
      stores: [],
      refusedStores: [],
      sources: [],
      keepMs: KEEP_MS,
      limits: { maxTotalBytes: 'off', minFreeBytes: 'off', keepAtLeastMs: 0 },
      unwitnessedMs: () => unwitnessed,
      sweptRows: this.ledger.sweptRows,
      guards: guardsBy(this.ledger, { mapIdentity: undefined, massPortion: 0.25, clock: this.clock }),
      holds: new ShortHolds(withoutRests),
      storeHolds: new ShortHolds(withoutRests),
      clock: this.clock,
    }).run(contextOf());
  }
}

describe('rows of which most would go at once', () => {
  it('are held for a day, go in portions with a day between, the oldest first, and the end comes by itself', async () => {
    const host = new Host();
    host.insert(40);
    await host.sweep();
    host.run(
      `UPDATE claude_sdk_sessions SET last_used_at = last_used_at - ${20 * DAY_MS}, created_at = created_at - ${20 * DAY_MS}`,
    );
    const first = await host.sweep();
    expect(first).toMatchObject({ swept: { expired: 0 }, kept: { held: 40 } });
    const nextAt = new Date(NOW + 23 * HOUR_MS).toISOString();
    expect(first.held).toEqual([
      {
        guard: 'mass-removal',
        portion: 0,
        message: expect.stringMatching(new RegExp(`40 of the 40 rows .*${nextAt}`)),
      },
    ]);
    const left: number[] = [];
    for (let hours = 1; hours <= 24 * 4; hours += 1) {
      host.clock.nowMs = NOW + hours * HOUR_MS;
      await host.sweep();
      left.push(await host.count());
      if (left.at(-1) === 30 && left.at(-2) === 40) {
        expect((await host.map.listSessions()).map(({ key }) => key)[0]).toBe('key:010');
      }
    }
    expect([...new Set(left)]).toEqual([40, 30, 23, 18, 0]);
    expect(left.filter((count) => count === 40)).toHaveLength(22);
    expect(left.filter((count) => count === 30)).toHaveLength(23);
  });

  it('of a dump that was restored a minute ago are young', async () => {
    const host = new Host();
    host.insert(40);
    await host.sweep();
    host.run(`UPDATE claude_sdk_sessions SET last_used_at = 0, created_at = ${NOW - 60_000}`);
    expect(await host.sweep()).toMatchObject({ swept: { expired: 0 }, kept: { 'in-use': 40 } });
  });

  it('are swept by a first run, which knows of none', async () => {
    const host = new Host();
    host.insert(40, NOW - 20 * DAY_MS);
    expect(await host.sweep()).toMatchObject({ swept: { expired: 40 } });
  });
});

describe('rows of which most lead nowhere', () => {
  it('are held for a day, go in portions with a day between, the oldest first, and the end comes by itself', async () => {
    const host = new Host();
    host.insert(40, NOW - 2 * DAY_MS);
    const left: number[] = [];
    for (let hours = 0; hours <= 24 * 4; hours += 1) {
      host.clock.nowMs = NOW + hours * HOUR_MS;
      await host.sweep(host.map, true);
      left.push(await host.count());
      if (left.at(-1) === 30 && left.at(-2) === 40) {
        expect((await host.map.listSessions()).map(({ key }) => key)[0]).toBe('key:010');
      }
    }
    expect([...new Set(left)]).toEqual([40, 30, 23, 18, 14]);
    expect(left.filter((count) => count === 40)).toHaveLength(23);
    expect(left.filter((count) => count === 30)).toHaveLength(23);
  });

  it('are held for a day from when it is so again: a disk that comes and goes is not gone', async () => {
    const host = new Host();
    host.insert(40, NOW - 2 * DAY_MS);
    await host.sweep(host.map, true);
    host.clock.nowMs = NOW + 20 * HOUR_MS;
    // The disk is there: nothing leads nowhere.
    await host.sweep(host.map, false);
    host.clock.nowMs = NOW + 30 * HOUR_MS;
    expect(await host.sweep(host.map, true)).toMatchObject({ swept: { dangling: 0 }, kept: { 'mass-dangling': 40 } });
  });
});

describe('swept rows', () => {
  it('are written down whole before they are deleted', async () => {
    const host = new Host();
    host.insert(3, NOW - 20 * DAY_MS);
    const atDeletion: number[] = [];
    const map = new Proxy(host.map, {
      get(target, property) {
        if (property === 'deleteUnchanged') atDeletion.push(host.ledger.sweptRows.kept(host.path).length);
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    await host.sweep(map);
    expect(atDeletion).toEqual([3]);
    expect(host.ledger.sweptRows.kept(host.path).map(({ key }) => key)).toEqual(['key:002', 'key:001', 'key:000']);
  });

  it('that a killed sweep had written down and left in the map are written down once', async () => {
    const host = new Host();
    host.insert(3, NOW - 20 * DAY_MS);
    const killed = new Proxy(host.map, {
      get(target, property) {
        if (property === 'deleteUnchanged') throw new Error('killed');
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    await expect(host.sweep(killed)).rejects.toThrow('killed');
    expect(await host.count()).toBe(3);
    await host.sweep();
    expect(host.ledger.sweptRows.kept(host.path)).toHaveLength(3);
  });

  it('are not kept of rows that a host has used in the moment', async () => {
    const host = new Host();
    host.insert(2, NOW - 20 * DAY_MS);
    const map = new Proxy(host.map, {
      get(target, property) {
        if (property === 'deleteUnchanged')
          host.run(`UPDATE claude_sdk_sessions SET last_used_at = ${NOW} WHERE key = 'key:000'`);
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    expect(await host.sweep(map)).toMatchObject({ swept: { expired: 1 } });
    expect(host.ledger.sweptRows.kept(host.path).map(({ key }) => key)).toEqual(['key:001']);
  });

  it('are spared by sweeps once they were brought back, for as long as a row that was used then', async () => {
    const host = new Host();
    host.insert(1, NOW - 20 * DAY_MS);
    await host.sweep();
    const [row] = host.ledger.sweptRows.kept(host.path);
    await host.map.restoreRow(row?.content ?? '');
    host.ledger.sweptRows.noteRestored(row?.number ?? 0, NOW);
    host.clock.nowMs = NOW + MAX_AGE_MS - 1;
    expect(await host.sweep()).toMatchObject({ swept: { expired: 0 }, kept: { restored: 1 } });
    host.clock.nowMs = NOW + MAX_AGE_MS + 1;
    expect(await host.sweep()).toMatchObject({ swept: { expired: 1 } });
  });

  it('are purged when their time in the trash is over, as something other than the wall clock has witnessed it', async () => {
    const host = new Host();
    host.insert(2, NOW - 20 * DAY_MS);
    await host.sweep();
    host.clock.nowMs = NOW + KEEP_MS;
    expect(await host.purge()).not.toHaveProperty('purgedRows');
    host.clock.nowMs = NOW + KEEP_MS + 1;
    expect(await host.purge(1)).not.toHaveProperty('purgedRows');
    expect(await host.purge()).toMatchObject({ purgedRows: 2 });
    expect(host.ledger.sweptRows.kept(host.path)).toEqual([]);
  });

  it('stay their whole time where a purge in between went by a clock that had gone back', async () => {
    const host = new Host();
    host.insert(1, NOW - 20 * DAY_MS);
    await host.sweep();
    host.clock.nowMs = NOW - 60 * DAY_MS;
    expect(await host.purge()).not.toHaveProperty('purgedRows');
    host.clock.nowMs = NOW + KEEP_MS;
    expect(await host.purge()).not.toHaveProperty('purgedRows');
    host.clock.nowMs = NOW + KEEP_MS + 1;
    expect(await host.purge()).toMatchObject({ purgedRows: 1 });
  });

  it('of a clock that was ahead stay until that time is over, too', async () => {
    const host = new Host();
    host.insert(1, NOW - 20 * DAY_MS);
    host.clock.nowMs = NOW + 400 * DAY_MS;
    await host.sweep();
    host.clock.nowMs = NOW + KEEP_MS + 1;
    expect(await host.purge()).not.toHaveProperty('purgedRows');
    host.clock.nowMs = NOW + 400 * DAY_MS + KEEP_MS + 1;
    expect(await host.purge()).toMatchObject({ purgedRows: 1 });
  });
});
