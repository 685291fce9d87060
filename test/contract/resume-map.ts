/** What every backend of the resume map promises: one suite, run over each of them. */

import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { DEFAULT_SESSION_MAX_AGE_MS } from '../../src/config/settings/looked-after.ts';
import { parseSessionKey, sessionKey } from '../../src/resume-map/keys.ts';
import type { MaintainableResumeMap } from '../../src/resume-map/resume-map.ts';
import type { SessionMaxAge } from '../../src/resume-map/row-age.ts';
import { deleteUnchanged } from '../support/deleted-rows.ts';
import { SetClock } from '../support/set-clock.ts';
import { sessionIdOf } from '../support/tree.ts';

/** A row as the store holds it, whatever its columns hold. */
export interface StoredRow {
  readonly key: string;
  readonly session_id: unknown;
  readonly last_used_at: unknown;
  readonly created_at: unknown;
}

export interface MapOptions {
  readonly clock: Clock;
  readonly maxSessionAge?: SessionMaxAge;
}

/** A map, and other ways to its store than the map itself. */
export interface MapUnderTest {
  readonly map: MaintainableResumeMap;
  /** A second map on the same store, as another process has it. Closed with the test. */
  openAgain(): MaintainableResumeMap;
  /** Writes rows behind the map's back, as a host may. */
  store(rows: readonly StoredRow[]): void | Promise<void>;
  /** The rows, ordered by key, read behind the map's back. */
  stored(): readonly StoredRow[] | Promise<readonly StoredRow[]>;
  /** Inserts or replaces a row as another process does, without waiting for long. @returns whether it could */
  writeFromOutside(row: StoredRow): boolean | Promise<boolean>;
}

export type OpenMap = (options: MapOptions) => MapUnderTest | Promise<MapUnderTest>;

/** A day in the middle of all times that can be believed. */
const NOW_MS = Date.UTC(2026, 5, 15, 12);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_275760_MS = 8.64e15;

const KEY = 'forgejo:architect:acme/my_app:12';
const ID = sessionIdOf(1);
const OTHER_ID = sessionIdOf(2);

/** Times that no host can have meant. NULL and text do not fit in every backend's columns. */
const SENSELESS_TIMES = [-1, -NOW_MS, 1, Math.floor(NOW_MS / 1000), NOW_MS + 1, YEAR_275760_MS];

function rowOf(key: string, lastUsedAtMs: unknown = NOW_MS, id: unknown = ID): StoredRow {
  return { key, session_id: id, last_used_at: lastUsedAtMs, created_at: lastUsedAtMs };
}

/** `k0007`: keys in order. */
function numbered(count: number, lastUsedAtMs: number): StoredRow[] {
  return Array.from({ length: count }, (_, number) =>
    rowOf(`k${String(number).padStart(5, '0')}`, lastUsedAtMs, sessionIdOf(number)),
  );
}

export function describeResumeMapContract(name: string, openMap: OpenMap): void {
  describe(`the resume map in ${name}`, () => {
    let clock: SetClock;
    let opened: MapUnderTest;
    let map: MaintainableResumeMap;

    beforeEach(async () => {
      clock = new SetClock(NOW_MS);
      opened = await openMap({ clock, maxSessionAge: DAY_MS });
      map = opened.map;
    });

    const keys = async () => (await opened.stored()).map((row) => row.key);

    describe('a conversation', () => {
      it('resumes the session that was set, here and in every other process', async () => {
        expect(await map.getSession(KEY)).toBeNull();
        await map.setSession(KEY, ID);
        expect(await map.getSession(KEY)).toBe(ID);
        expect(await opened.openAgain().getSession(KEY)).toBe(ID);
      });

      it('keeps created_at and refreshes last_used_at when it is set again, to the same session or another', async () => {
        await map.setSession(KEY, ID);
        clock.nowMs += HOUR_MS;
        await map.setSession(KEY, ID);
        expect(await opened.stored()).toEqual([
          { key: KEY, session_id: ID, last_used_at: NOW_MS + HOUR_MS, created_at: NOW_MS },
        ]);
        clock.nowMs += HOUR_MS;
        await map.setSession(KEY, OTHER_ID);
        expect(await opened.stored()).toEqual([
          { key: KEY, session_id: OTHER_ID, last_used_at: NOW_MS + 2 * HOUR_MS, created_at: NOW_MS },
        ]);
      });

      it('is not refreshed by reading it', async () => {
        await map.setSession(KEY, ID);
        clock.nowMs += HOUR_MS;
        await map.getSession(KEY);
        expect((await opened.stored()).map((row) => row.last_used_at)).toEqual([NOW_MS]);
      });

      it('is dropped once, and says so', async () => {
        await map.setSession(KEY, ID);
        expect(await map.dropSession(KEY)).toBe(true);
        expect(await map.dropSession(KEY)).toBe(false);
        expect(await map.getSession(KEY)).toBeNull();
      });

      it('is told from every other by its exact key: case, wildcards and accents count', async () => {
        const alike = ['a_1', 'ab1', 'A_1', 'a%', 'a%1', 'a\\_1', 'a_1 ', 'é', 'e\u0301', 'É', "a'1", '0', '00', '0.0'];
        for (const [number, key] of alike.entries()) await map.setSession(key, sessionIdOf(number));
        for (const [number, key] of alike.entries()) expect(await map.getSession(key)).toBe(sessionIdOf(number));
        expect(await map.dropSession('a_1')).toBe(true);
        expect(await keys()).toHaveLength(alike.length - 1);
        expect(await map.getSession('ab1')).toBe(sessionIdOf(1));
      });

      it('may have any key of one line that a host likes, up to the greatest length', async () => {
        const liked = ['slack:C1:1700000000.000100', "'; DELETE FROM claude_sdk_sessions; --", '🦊', 'k'.repeat(1024)];
        for (const key of liked) {
          await map.setSession(key, ID);
          expect(await map.getSession(key)).toBe(ID);
        }
        expect(new Set(await keys())).toEqual(new Set(liked));
      });

      it.each(['', 'a\0b', 'a\nb', '\u007f', 'k'.repeat(1025), 'k'.repeat(10_000)])(
        'is refused the key %j, whatever is asked of it',
        async (key) => {
          const refusal = expect.objectContaining({ kind: 'usage' });
          await expect(map.setSession(key, ID)).rejects.toEqual(refusal);
          await expect(map.getSession(key)).rejects.toEqual(refusal);
          await expect(map.dropSession(key)).rejects.toEqual(refusal);
          expect(await opened.stored()).toEqual([]);
        },
      );

      it.each([
        '',
        'not-an-id',
        '../../etc/passwd',
        `${ID}\0`,
        `${ID}\n`,
        `${ID}/..`,
        sessionIdOf(10).toUpperCase(),
        'a'.repeat(10_000),
      ])('is refused the session id %j, and keeps the one that it has', async (id) => {
        await map.setSession(KEY, ID);
        await expect(map.setSession(KEY, id)).rejects.toEqual(expect.objectContaining({ kind: 'usage' }));
        expect(await map.getSession(KEY)).toBe(ID);
      });

      it('resumes nothing where its row holds what is no session id, and leaves the row', async () => {
        await opened.store([
          rowOf(KEY, NOW_MS, '../../etc/passwd'),
          rowOf('upper', NOW_MS, sessionIdOf(10).toUpperCase()),
        ]);
        expect(await map.getSession(KEY)).toBeNull();
        expect(await map.getSession('upper')).toBeNull();
        expect(await keys()).toEqual([KEY, 'upper']);
      });
    });

    describe('the maximum age', () => {
      it('is thirty days where none is given', async () => {
        expect(DEFAULT_SESSION_MAX_AGE_MS).toBe(30 * DAY_MS);
        const byDefault = await openMap({ clock });
        await byDefault.store([rowOf('at the edge', NOW_MS - 30 * DAY_MS), rowOf('over it', NOW_MS - 30 * DAY_MS - 1)]);
        expect(await byDefault.map.getSession('at the edge')).toBe(ID);
        expect(await byDefault.map.getSession('over it')).toBeNull();
      });

      it('is counted from the last use, not from the making', async () => {
        await map.setSession(KEY, ID);
        clock.nowMs += DAY_MS;
        await map.setSession(KEY, ID);
        clock.nowMs += DAY_MS;
        expect(await map.getSession(KEY)).toBe(ID);
      });

      it('deletes the row that is read over it, and no other', async () => {
        await opened.store([rowOf('stale', NOW_MS - 2 * DAY_MS), rowOf('stale too', NOW_MS - 2 * DAY_MS)]);
        expect(await map.getSession('stale')).toBeNull();
        expect(await keys()).toEqual(['stale too']);
      });

      it('ends the oldest rows of all, which never knew a time of use, at once', async () => {
        await opened.store([rowOf(KEY, 0)]);
        expect(await map.getSession(KEY)).toBeNull();
        expect(await keys()).toEqual([]);
      });

      it('may be changed', async () => {
        await opened.store([rowOf(KEY, NOW_MS - 2 * HOUR_MS)]);
        map.setMaxSessionAgeMs(2 * HOUR_MS);
        expect(await map.getSession(KEY)).toBe(ID);
        map.setMaxSessionAgeMs(HOUR_MS);
        expect(await map.getSession(KEY)).toBeNull();
      });

      it('may be never: then no row is stale, however old', async () => {
        map.setMaxSessionAgeMs('never');
        await opened.store([rowOf(KEY, Date.UTC(2023, 0, 1)), rowOf('oldest', 0)]);
        expect(await map.getSession(KEY)).toBe(ID);
        expect(await map.getSession('oldest')).toBe(ID);
        expect(await map.sweepStaleSessions()).toBe(0);
        expect(await keys()).toHaveLength(2);
      });

      it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1d' as unknown as number])(
        'is refused as %j, and stays what it was',
        async (maxAge) => {
          expect(() => map.setMaxSessionAgeMs(maxAge)).toThrow(expect.objectContaining({ kind: 'usage' }));
          await opened.store([rowOf('fresh', NOW_MS - DAY_MS), rowOf('stale', NOW_MS - DAY_MS - 1)]);
          expect(await map.sweepStaleSessions()).toBe(1);
        },
      );
    });

    describe('dropping all conversations of an issue', () => {
      const keyOf = (repo: string, issue: string | number, forge = 'forgejo', agent = 'architect') =>
        sessionKey({ forge, agent, repo, issue });

      it('drops those of every agent and forge, and says how many', async () => {
        const own = [keyOf('acme/app', 1), keyOf('acme/app', 1, 'github'), keyOf('acme/app', 1, 'forgejo', 'tester')];
        await opened.store([...own, KEY].map((key) => rowOf(key)));
        expect(await map.dropAllForIssue('acme/app', 1)).toBe(3);
        expect(await keys()).toEqual([KEY]);
        expect(await map.dropAllForIssue('acme/app', 1)).toBe(0);
      });

      it('keeps to one forge where one is named', async () => {
        await opened.store([keyOf('acme/app', 1), keyOf('acme/app', 1, 'github')].map((key) => rowOf(key)));
        expect(await map.dropAllForIssue('acme/app', 1, { forge: 'git' })).toBe(0);
        expect(await map.dropAllForIssue('acme/app', 1, { forge: 'github' })).toBe(1);
        expect(await keys()).toEqual([keyOf('acme/app', 1)]);
      });

      it('takes stale rows along, and an issue as a number or as text', async () => {
        await opened.store([rowOf(keyOf('acme/app', 7), NOW_MS - 9 * DAY_MS), rowOf(keyOf('acme/app', 'pr-7'), -1)]);
        expect(await map.dropAllForIssue('acme/app', '7')).toBe(1);
        expect(await map.dropAllForIssue('acme/app', 'pr-7')).toBe(1);
      });

      const NEIGHBOURS: readonly (readonly [string, string | number, readonly string[]])[] = [
        ['acme/app', 1, [keyOf('acme/app', 11), keyOf('x-acme/app', 1), keyOf('acme/app', '01'), keyOf('app', 1)]],
        ['acme/my_app', 1, [keyOf('acme/my-app', 1), keyOf('acme/myXapp', 1), keyOf('acme/my__app', 1)]],
        ['acme/%', 1, [keyOf('acme/app', 1), keyOf('acme/%%', 1), keyOf('x/acme/%', 1), keyOf('acme/', 1)]],
        ['a\\_b', 1, [keyOf('a_b', 1), keyOf('a\\\\_b', 1), keyOf('a\\Xb', 1)]],
        ['acme/app', '%', [keyOf('acme/app', 1), keyOf('acme/app', '%%')]],
        ['acme/app', '_', [keyOf('acme/app', 1), keyOf('acme/app', 'a')]],
        ['acme/app', 'a', [keyOf('ACME/APP', 'a'), keyOf('Acme/app', 'a'), keyOf('acme/app', 'A')]],
        ['größe', 'ä', [keyOf('grösse', 'ä'), keyOf('GRÖSSE', 'Ä'), keyOf('größe', 'a\u0308')]],
        ['🦊', 1, [keyOf('🦊🦊', 1), keyOf('🦋', 1)]],
        ['acme/*', 1, [keyOf('acme/app', 1), keyOf('acme/[a]', 1), keyOf('acme/?', 1)]],
      ];

      it.each(NEIGHBOURS)('%s:%s means itself alone', async (repo, issue, neighbours) => {
        await opened.store([keyOf(repo, issue), ...neighbours].map((key) => rowOf(key)));
        expect(await map.dropAllForIssue(repo, issue)).toBe(1);
        expect(new Set(await keys())).toEqual(new Set(neighbours));
      });

      it("leaves keys of a host's own shape alone, even where they end alike", async () => {
        const opaque = [
          'acme/app:1',
          ':acme/app:1',
          'x:acme/app:1',
          'a:b:c:acme/app:1',
          '::acme/app:1',
          'a:b:acme/app:1:',
        ];
        await opened.store(opaque.map((key) => rowOf(key)));
        expect(await map.dropAllForIssue('acme/app', 1)).toBe(0);
        expect(await keys()).toHaveLength(opaque.length);
      });

      it.each([
        ['tester:acme/app', '1'],
        ['acme', 'app:1'],
        ['acme:app', '1'],
        ['', '1'],
        ['acme/app', ''],
        ['', ''],
      ])('finds nothing for %j:%j, which no key of ours can hold', async (repo, issue) => {
        const whole = [
          'forgejo:tester:acme/app:1',
          'forgejo:tester:acme:app:1',
          'forgejo:acme:app:1',
          'f:t::1',
          'f:t:acme/app:',
        ];
        await opened.store(whole.map((key) => rowOf(key)));
        expect(await map.dropAllForIssue(repo, issue)).toBe(0);
        expect(await keys()).toHaveLength(whole.length);
      });

      it('drops exactly the keys whose repository and issue are these, for names of every kind', async () => {
        const part = fc.string({
          unit: fc.constantFrom('a', 'A', 'b', '_', '%', '\\', '1', 'ä'),
          minLength: 1,
          maxLength: 3,
        });
        const parts = fc.record({ forge: fc.constantFrom('f', 'F'), agent: part, repo: part, issue: part });
        await fc.assert(
          fc.asyncProperty(fc.array(parts, { minLength: 1, maxLength: 30 }), async (conversations) => {
            const all = new Set(conversations.map((conversation) => sessionKey(conversation)));
            await opened.store([...all].map((key) => rowOf(key)));
            const [{ repo, issue } = { repo: '', issue: '' }] = conversations;
            const expected = [...all].filter((key) => {
              const its = parseSessionKey(key);
              return its?.repo !== repo || its.issue !== issue;
            });
            expect(await map.dropAllForIssue(repo, issue)).toBe(all.size - expected.length);
            expect(new Set(await keys())).toEqual(new Set(expected));
            for await (const page of map.readPages()) await deleteUnchanged(map, page);
          }),
          { numRuns: 25 },
        );
      });
    });

    describe('the live ids', () => {
      it('are those of every row, stale or not: while a row is there, its transcript is live', async () => {
        await opened.store([
          rowOf('fresh', NOW_MS, ID),
          rowOf('stale', NOW_MS - 90 * DAY_MS, OTHER_ID),
          rowOf('old', 0, sessionIdOf(3)),
        ]);
        expect(await map.listLiveSessionIds()).toEqual(new Set([ID, OTHER_ID, sessionIdOf(3)]));
      });

      it('are none of an empty map', async () => {
        expect(await map.readLiveIds()).toEqual({
          ids: new Set(),
          malformed: 0,
          senselessTimes: 0,
          droppedOnPurpose: 0,
        });
      });

      it('name a transcript in its own lower case, however the row writes it', async () => {
        await opened.store([rowOf(KEY, NOW_MS, sessionIdOf(0xabcdef).toUpperCase())]);
        expect(await map.listLiveSessionIds()).toEqual(new Set([sessionIdOf(0xabcdef)]));
      });

      it('leave out what is no id, and count it', async () => {
        await opened.store([
          rowOf('a', NOW_MS, ID),
          rowOf('b', NOW_MS, ''),
          rowOf('c', NOW_MS, '../../etc/passwd'),
          rowOf('d', NOW_MS, ` ${ID}`),
        ]);
        expect(await map.readLiveIds()).toEqual({
          ids: new Set([ID]),
          malformed: 3,
          senselessTimes: 0,
          droppedOnPurpose: 0,
        });
      });

      it('hold those of rows with senseless times, and count them', async () => {
        await opened.store(SENSELESS_TIMES.map((time, number) => rowOf(`k${number}`, time, sessionIdOf(number))));
        const { ids, senselessTimes } = await map.readLiveIds();
        expect(ids.size).toBe(SENSELESS_TIMES.length);
        expect(senselessTimes).toBe(SENSELESS_TIMES.length);
      });
    });

    describe('the rows', () => {
      it('are listed in the order of their keys, with their times', async () => {
        await opened.store([rowOf('b', NOW_MS - 1, OTHER_ID), rowOf('a', NOW_MS - 2, ID)]);
        expect(await map.listSessions()).toEqual([
          { key: 'a', sessionId: ID, lastUsedAtMs: NOW_MS - 2, createdAtMs: NOW_MS - 2 },
          { key: 'b', sessionId: OTHER_ID, lastUsedAtMs: NOW_MS - 1, createdAtMs: NOW_MS - 1 },
        ]);
      });

      it('are listed all, however many', async () => {
        const rows = numbered(2_345, NOW_MS);
        await opened.store(rows);
        expect((await map.listSessions()).map((row) => row.key)).toEqual(rows.map((row) => row.key));
      });

      it('are read page by page, unchecked, each once, even where rows go between two pages', async () => {
        await opened.store([...numbered(1_999, NOW_MS), rowOf('z', -1, 'not-an-id')]);
        const seen: unknown[] = [];
        for await (const page of map.readPages()) {
          for (const row of page) seen.push(row.key);
          // All that was seen goes, as a sweep would have it.
          await deleteUnchanged(map, page);
        }
        expect(seen).toHaveLength(2_000);
        expect(new Set(seen).size).toBe(2_000);
        expect(seen.at(-1)).toBe('z');
        expect(await keys()).toEqual([]);
      });
    });

    describe('a sweep', () => {
      it('removes the rows over the maximum age, no other, and says how many', async () => {
        await opened.store([
          rowOf('fresh', NOW_MS),
          rowOf('at the edge', NOW_MS - DAY_MS),
          rowOf('over it', NOW_MS - DAY_MS - 1),
          rowOf('never used', 0),
        ]);
        expect(await map.sweepStaleSessions()).toBe(2);
        expect(await keys()).toEqual(['at the edge', 'fresh']);
        expect(await map.sweepStaleSessions()).toBe(0);
      });

      it('takes exactly those that a reader would be refused', async () => {
        const ages = [0, 1, DAY_MS - 1, DAY_MS, DAY_MS + 1, 400 * DAY_MS];
        const times = [0, ...SENSELESS_TIMES, ...ages.map((age) => NOW_MS - age)];
        await opened.store(times.map((time, number) => rowOf(`k${number}`, time)));
        expect(await map.sweepStaleSessions()).toBe(3);
        const left = await keys();
        await opened.store(times.map((time, number) => rowOf(`k${number}`, time)));
        for (const number of times.keys()) await map.getSession(`k${number}`);
        expect(await keys()).toEqual(left);
      });

      it.each(SENSELESS_TIMES)('keeps a row whose time is %i', async (time) => {
        await opened.store([rowOf(KEY, time)]);
        expect(await map.sweepStaleSessions()).toBe(0);
        expect(await map.getSession(KEY)).toBe(ID);
      });

      it('goes through many rows, stale and fresh ones mixed', async () => {
        const rows = numbered(1_500, NOW_MS).map((row, number) =>
          number % 3 === 0 ? row : rowOf(row.key, NOW_MS - 2 * DAY_MS, row.session_id),
        );
        await opened.store(rows);
        expect(await map.sweepStaleSessions()).toBe(1_000);
        expect(await keys()).toEqual(rows.filter((_, number) => number % 3 === 0).map((row) => row.key));
      });

      it('keeps a row that is used while it goes on', async () => {
        await opened.store(numbered(2_000, NOW_MS - 2 * DAY_MS));
        const host = opened.openAgain();
        const sweeping = map.sweepStaleSessions();
        await host.setSession('k01999', OTHER_ID);
        expect(await sweeping).toBe(1_999);
        expect(await host.getSession('k01999')).toBe(OTHER_ID);
      });
    });

    describe('deleting rows that were read', () => {
      const readAll = async () => {
        const rows = [];
        for await (const page of map.readPages()) rows.push(...page);
        return rows;
      };

      it('deletes those that still are as they were read, and says how many', async () => {
        await opened.store([...numbered(600, NOW_MS - DAY_MS), rowOf('z', -1, 'not-an-id')]);
        expect(await deleteUnchanged(map, await readAll())).toBe(601);
        expect(await keys()).toEqual([]);
      });

      it('keeps a row that was used, that names another session, or that came anew since then', async () => {
        await opened.store(['a', 'b', 'c', 'd'].map((key) => rowOf(key, NOW_MS - HOUR_MS)));
        const rows = await readAll();
        const host = opened.openAgain();
        await host.setSession('a', ID);
        await opened.store([rowOf('b', NOW_MS - HOUR_MS, OTHER_ID)]);
        await host.dropSession('c');
        await host.setSession('c', ID);
        expect(await deleteUnchanged(map, rows)).toBe(1);
        expect(await keys()).toEqual(['a', 'b', 'c']);
      });

      it('counts a row that is gone already, or that is given twice, once at the most', async () => {
        await opened.store(['a', 'b'].map((key) => rowOf(key)));
        const rows = await readAll();
        await map.dropSession('a');
        expect(await deleteUnchanged(map, [...rows, ...rows])).toBe(1);
        expect(await deleteUnchanged(map, [])).toBe(0);
      });
    });

    describe('with its writers held', () => {
      it('says which of the asked ids are live at that moment, stale or in upper case', async () => {
        await opened.store([
          rowOf('a', NOW_MS, ID),
          rowOf('b', NOW_MS - 90 * DAY_MS, OTHER_ID),
          rowOf('c', -1, sessionIdOf(0xabc).toUpperCase()),
          rowOf('d', NOW_MS, 'not-an-id'),
          rowOf('e', NOW_MS, sessionIdOf(5)),
        ]);
        const asked = [ID, OTHER_ID, sessionIdOf(0xabc), sessionIdOf(4)];
        const live = await map.withWritersHeld(asked, (found) => new Set(found));
        expect(live).toEqual(new Set([ID, OTHER_ID, sessionIdOf(0xabc)]));
        expect(await map.withWritersHeld([], (found) => found.size)).toBe(0);
      });

      it('finds the live ones among thousands', async () => {
        await opened.store(numbered(3_000, NOW_MS).filter((_, number) => number % 2 === 0));
        const asked = Array.from({ length: 3_000 }, (_, number) => sessionIdOf(number));
        expect(await map.withWritersHeld(asked, (live) => live.size)).toBe(1_500);
      });

      it('sees what was written a moment before', async () => {
        await opened.openAgain().setSession(KEY, ID);
        expect(await map.withWritersHeld([ID], (live) => live.has(ID))).toBe(true);
        await opened.openAgain().dropSession(KEY);
        expect(await map.withWritersHeld([ID], (live) => live.has(ID))).toBe(false);
      });

      it('lets no other process write until it is through, then every one', async () => {
        const row = rowOf(KEY);
        const during = await map.withWritersHeld([ID], async () => {
          const first = await opened.writeFromOutside(row);
          return [first, await opened.writeFromOutside(row)];
        });
        expect(during).toEqual([false, false]);
        expect(await opened.writeFromOutside(row)).toBe(true);
        expect(await map.getSession(KEY)).toBe(ID);
      });

      it('hands on what the act returns, and what it throws, and lets the writers go in either case', async () => {
        expect(await map.withWritersHeld([ID], () => 'done')).toBe('done');
        const fault = new Error('the act went wrong');
        const throwing = map.withWritersHeld([ID], () => {
          throw fault;
        });
        await expect(throwing).rejects.toBe(fault);
        expect(await opened.writeFromOutside(rowOf('a'))).toBe(true);
        await expect(map.withWritersHeld([ID], () => Promise.reject(fault))).rejects.toBe(fault);
        expect(await opened.writeFromOutside(rowOf('b'))).toBe(true);
        expect(await keys()).toEqual(['a', 'b']);
      });

      it('changes nothing in the map, and leaves it usable', async () => {
        await opened.store([rowOf('a'), rowOf('b', NOW_MS - 90 * DAY_MS)]);
        const before = await opened.stored();
        for (let round = 0; round < 3; round += 1) await map.withWritersHeld([ID], () => undefined);
        expect(await opened.stored()).toEqual(before);
        await map.setSession('a', OTHER_ID);
        expect(await map.getSession('a')).toBe(OTHER_ID);
      });
    });

    describe('the counters of resumes', () => {
      it('begin at nothing, and count attempts and failures apart', async () => {
        expect(await map.getSessionResumeAttemptsTotal()).toBe(0);
        expect(await map.getSessionResumeFailuresTotal()).toBe(0);
        await map.incrementSessionResumeAttempts();
        await map.incrementSessionResumeAttempts();
        await map.incrementSessionResumeFailures();
        expect(await map.getSessionResumeAttemptsTotal()).toBe(2);
        expect(await map.getSessionResumeFailuresTotal()).toBe(1);
      });

      it('take down what befalls conversations, each event apart', async () => {
        expect(await map.events?.totals()).toMatchObject({ restored: 0, 'writes-lost': 0 });
        for (const event of ['restored', 'mirror-error', 'restored'] as const) await map.events?.count(event);
        expect(await map.events?.totals()).toMatchObject({ restored: 2, 'mirror-error': 1, 'dead-turn': 0 });
        expect(await map.getSessionResumeFailuresTotal()).toBe(0);
      });

      it('outlive the process that counted, and add up over processes', async () => {
        await map.incrementSessionResumeFailures();
        await opened.openAgain().incrementSessionResumeFailures();
        await map.incrementSessionResumeFailures();
        await map.close();
        expect(await opened.openAgain().getSessionResumeFailuresTotal()).toBe(3);
      });

      it('are not touched by a sweep', async () => {
        await map.incrementSessionResumeFailures();
        await opened.store([rowOf(KEY, 0)]);
        await map.sweepStaleSessions();
        expect(await map.getSessionResumeFailuresTotal()).toBe(1);
      });
    });

    it('can be asked whether it can be read', async () => {
      await expect(map.check()).resolves.toBeUndefined();
    });
  });
}
