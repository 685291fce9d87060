import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { allowAll, type Guards } from '../../../src/jobs/guards/guards.ts';
import { guardsBy } from '../../../src/jobs/guards/removals.ts';
import type { ClockHistory } from '../../../src/jobs/ledger-contracts.ts';
import { SqliteResumeMap } from '../../../src/resume-map/sqlite.ts';
import { snapshot } from '../../support/disk.ts';
import type { Place } from '../../support/place.ts';
import { runProgram } from '../../support/process.ts';
import { SetClock } from '../../support/set-clock.ts';
import { tempPlace } from '../../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../../support/tree.ts';
import { NOW } from '../../support/units.ts';

const HOUR_MS = DAY_MS / 24;

interface Known {
  readonly sessions?: number;
  /** How long most of them have been due, milliseconds. */
  readonly dueForMs?: number;
  readonly ids?: Readonly<Record<string, number>>;
  readonly droppedBefore?: number;
}

function guardsWith(known: Known): Guards {
  const knownIds = (source: string) => {
    const ids = known.ids?.[source];
    return ids === undefined ? undefined : { ids, droppedOnPurpose: known.droppedBefore ?? 0, readAtMs: 0 };
  };
  const massNoticedAtMs = () => (known.dueForMs === undefined ? undefined : NOW - known.dueForMs);
  const history = { knownSessions: () => known.sessions, massNoticedAtMs, knownIds };
  return guardsBy(history, { mapIdentity: undefined, massPortion: 0.25, clock: new SetClock(NOW) });
}

describe('a mass removal', () => {
  it.each([
    { what: 'of most of a tree that earlier runs knew', known: 100, sessions: 100, removals: 51, isRefused: true },
    { what: 'of all of it', known: 20, sessions: 20, removals: 20, isRefused: true },
    { what: 'of half of it', known: 100, sessions: 100, removals: 50, isRefused: false },
    { what: 'by a first run', known: undefined, sessions: 100, removals: 100, isRefused: false },
    { what: 'of a handful', known: 19, sessions: 19, removals: 19, isRefused: false },
    { what: 'of nothing', known: 100, sessions: 0, removals: 0, isRefused: false },
  ])('$what is refused: $isRefused', ({ known, sessions, removals, isRefused }) => {
    const guards = guardsWith(known === undefined ? {} : { sessions: known });
    expect(guards.massRemoval('/c', { sessions, removals }) !== undefined).toBe(isRefused);
  });

  it.each([
    { dueForMs: undefined, sessions: 100, portion: 0 },
    { dueForMs: 22 * HOUR_MS, sessions: 100, portion: 0 },
    { dueForMs: DAY_MS, sessions: 100, portion: 25 },
    { dueForMs: 90 * DAY_MS, sessions: 30, portion: 7 },
    { dueForMs: DAY_MS, sessions: 3, portion: 1 },
  ])(
    'of $sessions sessions that were due for $dueForMs ms may go on with $portion',
    ({ dueForMs, sessions, portion }) => {
      const guards = guardsWith({ sessions: 100, ...(dueForMs === undefined ? {} : { dueForMs }) });
      expect(guards.massRemoval('/c', { sessions, removals: sessions })?.portion).toBe(portion);
    },
  );
});

describe('a mass removal that is held', () => {
  it('says when the first portion goes', () => {
    const share = { sessions: 100, removals: 100 };
    const at = (ms: number) => new Date(ms).toISOString();
    expect(guardsWith({ sessions: 100 }).massRemoval('/c', share)?.message).toContain(
      `before ${at(NOW + 23 * HOUR_MS)}`,
    );
    const noticed = guardsWith({ sessions: 100, dueForMs: 3 * HOUR_MS });
    expect(noticed.massRemoval('/c', share)?.message).toContain(`before ${at(NOW + 20 * HOUR_MS)}`);
  });
});

describe('a live source that names nobody', () => {
  it.each([
    { source: 'resume-map', known: 10, now: 0, isRefused: true },
    { source: 'keep-list', known: 10, now: 0, isRefused: true },
    { source: 'former-state', known: 10, now: 0, isRefused: true },
    { source: 'resume-map', known: 100, now: 10, isRefused: true },
    { source: 'resume-map', known: 100, now: 11, isRefused: false },
    { source: 'resume-map', known: 9, now: 0, isRefused: false },
    { source: 'resume-map', known: undefined, now: 0, isRefused: false },
    { source: 'running-processes', known: 100, now: 0, isRefused: false },
  ])('and named $known before as $source is refused: $isRefused', ({ source, known, now, isRefused }) => {
    const guards = guardsWith(known === undefined ? {} : { ids: { [source]: known } });
    expect(guards.emptiedSource({ [source]: now }, {}) !== undefined).toBe(isRefused);
  });

  it('is refused as a former state directory where it is not there at all any more', () => {
    const guards = guardsWith({ ids: { 'former-state': 30 } });
    expect(guards.emptiedSource({ 'resume-map': 5 }, {})?.message).toContain('former-state named 30 sessions before');
    expect(guardsWith({}).emptiedSource({ 'resume-map': 5 }, {})).toBeUndefined();
  });

  it.each([
    { what: 'all that are missing', before: 3, now: 15, isRefused: false },
    { what: 'two of them', before: 3, now: 5, isRefused: true },
    { what: 'none of them, and it counts from the beginning again', before: 30, now: 2, isRefused: true },
  ])('is believed as far as its hosts took ids out on purpose: $what', ({ before, now, isRefused }) => {
    const guards = guardsWith({ ids: { 'resume-map': 12 }, droppedBefore: before });
    expect(guards.emptiedSource({ 'resume-map': 0 }, { 'resume-map': now }) !== undefined).toBe(isRefused);
  });
});

describe('rows of a resume map that lead nowhere', () => {
  it.each([
    { dangling: 3, fresh: 100, isRefused: false },
    { dangling: 50, fresh: 100, isRefused: false },
    { dangling: 51, fresh: 100, isRefused: true },
    { dangling: 1, fresh: 1, isRefused: true },
    { dangling: 10_000, fresh: 10_000, isRefused: true },
    { dangling: 0, fresh: 0, isRefused: false },
  ])('$dangling of $fresh at once are refused: $isRefused', ({ dangling, fresh, isRefused }) => {
    expect(guardsWith({}).massDangling('/map.db', { fresh, dangling }) !== undefined).toBe(isRefused);
  });
});

describe('a map of which most leads nowhere', () => {
  it.each([
    { dueForMs: undefined, portion: 0 },
    { dueForMs: 22 * HOUR_MS, portion: 0 },
    { dueForMs: DAY_MS, portion: 25 },
  ])('may go on with $portion of 100 rows once that was so for $dueForMs ms', ({ dueForMs, portion }) => {
    const guards = guardsWith(dueForMs === undefined ? {} : { dueForMs });
    expect(guards.massDangling('/map.db', { fresh: 100, dangling: 80 })?.portion).toBe(portion);
  });
});

describe('an operator who allows all', () => {
  it('is asked by no guard', () => {
    expect(allowAll.massRemoval('/c', { sessions: 100, removals: 100 })).toBeUndefined();
    expect(allowAll.emptiedSource({ 'resume-map': 0 }, {})).toBeUndefined();
    expect(allowAll.unknownMap('/c', { another: 100 })).toBeUndefined();
    expect(allowAll.massDangling('/map.db', { fresh: 100, dangling: 100 })).toBeUndefined();
  });
});

describe('the guards at work', () => {
  function makeHost(): Place {
    const place = tempPlace();
    for (let number = 0; number < 30; number += 1) {
      makeSession(place.claudeDir, { id: sessionIdOf(number), ageMs: 10 * DAY_MS });
    }
    return place;
  }

  const transcripts = (host: Place) => readdirSync(join(host.claudeDir, 'projects/-srv-app')).length;

  it('refuse a retention that a mistake has shortened, show it in a dry run, and give way when told', async () => {
    const host = makeHost();
    expect((await runProgram([...host.flags, '--run-now'])).code).toBe(0);
    const mistaken = [...host.flags, '--max-age', '3d', '--run-now'];
    const refused = await runProgram(mistaken);
    expect(refused.code).toBe(77);
    expect(refused.stdout).toContain('30 of the 30 sessions');
    expect(refused.stdout).toContain('--allow-mass-removal');
    expect(transcripts(host)).toBe(30);

    const before = snapshot(host.claudeDir);
    const dry = await runProgram([...mistaken, '--dry-run']);
    expect(dry.code).toBe(77);
    expect(dry.stdout).toContain('30 sessions');
    expect(dry.stdout).toContain('--allow-mass-removal');
    expect(snapshot(host.claudeDir)).toEqual(before);

    expect((await runProgram([...mistaken, '--allow-mass-removal'])).code).toBe(0);
    expect(transcripts(host)).toBe(0);
  });

  it.each([
    { what: 'has lost its rows', by: 'loss', code: 77 },
    { what: 'was emptied by its hosts, issue by issue', by: 'drop', code: 0 },
    { what: 'has been swept of them', by: 'sweep', code: 0 },
  ])('let a prune after the resume map $what end with $code', async ({ by, code }) => {
    const host = makeHost();
    const map = SqliteResumeMap.openOwn(join(host.stateDir, 'sessions.db'));
    onTestFinished(() => map.close());
    const keys = Array.from({ length: 10 }, (_, number) => `forgejo:a:acme/app:${number}`);
    for (const [number, key] of keys.entries()) await map.setSession(key, sessionIdOf(number));
    expect((await runProgram([...host.flags, '--run-now'])).code).toBe(0);
    const sweep = [...host.flags, '--run-now', '--job', 'sweep-sessions', '--sessions-max-age', '1ms'];
    if (by === 'drop') for (const key of keys) await map.dropSession(key);
    if (by === 'loss') {
      const database = new Database(join(host.stateDir, 'sessions.db'));
      database.exec('DELETE FROM claude_sdk_sessions');
      database.close();
    }
    expect((await runProgram(sweep)).code).toBe(0);
    const prune = await runProgram([...host.flags, '--run-now', '--job', 'prune-transcripts', '--max-age', '11d']);
    expect(prune.code).toBe(code);
    expect(prune.stdout.includes('resume-map named 10 sessions before')).toBe(by === 'loss');
  });

  it('let a mass removal go on in portions after a day, the oldest first, until all is gone, with nobody looking', async () => {
    const { claudeDir, stateDir, flags } = tempPlace();
    const inLedger = (sql: string) => {
      const database = new Database(join(stateDir, 'ledger.db'));
      database.exec(sql);
      database.close();
    };
    for (let number = 0; number < 80; number += 1) {
      makeSession(claudeDir, { id: sessionIdOf(number), ageMs: (number < 60 ? 50 + number / 100 : 1) * DAY_MS });
    }
    const left = () => readdirSync(join(claudeDir, 'projects/-srv-app')).length;
    const prune = () => runProgram([...flags, '--run-now', '--job', 'prune-transcripts']);
    expect((await runProgram([...flags, '--run-now', '--max-age', '90d'])).code).toBe(0);
    const first = await prune();
    expect([left(), first.stdout]).toEqual([80, expect.stringContaining('none goes before')]);
    inLedger(`UPDATE mass_notices SET noticed_at = noticed_at - ${DAY_MS}`);
    const second = await prune();
    expect([left(), second.stdout]).toEqual([60, expect.stringContaining('only the 20 oldest go now')]);
    expect(readdirSync(join(claudeDir, 'projects/-srv-app'))).not.toContain(`${sessionIdOf(59)}.jsonl`);
    const counts = [];
    for (let run = 0; run < 8 && left() > 20; run += 1) {
      await prune();
      counts.push(left());
    }
    expect(counts.at(-1)).toBe(20);
    expect((await prune()).code).toBe(0);
  });

  describe('of the clock', () => {
    /** As if the last run had seen the clock so much later. */
    function clockWas(host: Place, aheadMs: number): void {
      const database = new Database(join(host.stateDir, 'ledger.db'));
      const row = database.prepare('SELECT history FROM clock').pluck().get() as string;
      const history = JSON.parse(row) as ClockHistory;
      const last = { ...history.last, wallMs: history.last.wallMs + aheadMs };
      database.prepare('UPDATE clock SET history = ?').run(JSON.stringify({ ...history, last }));
      database.close();
    }

    it.each([
      { what: 'has jumped 40 days ahead', aheadMs: -40 * DAY_MS },
      { what: 'lies before the last run', aheadMs: DAY_MS },
    ])(
      'skip each job that removes by the clock where it $what, until an operator says that it is right',
      async ({ aheadMs }) => {
        const host = makeHost();
        expect((await runProgram([...host.flags, '--run-now'])).code).toBe(0);
        clockWas(host, aheadMs);
        const run = [...host.flags, '--max-age', '9d', '--run-now'];
        for (let round = 0; round < 2; round += 1) {
          const refused = await runProgram(run);
          expect(refused.code).toBe(77);
          expect(refused.stdout).toMatch(
            /the clock was put (forward by (39|40)d|back by (23|24|1d)h?) while the machine was up/,
          );
          expect(transcripts(host)).toBe(30);
        }
        expect((await runProgram([...run, '--allow-mass-removal'])).code).toBe(0);
        expect(transcripts(host)).toBe(0);
        expect((await runProgram(run)).code).toBe(0);
      },
    );
  });
});

describe('a lost ledger', () => {
  it.each(['lost', 'damaged'])('that is %s is filled again from the manifests in the trash', async (fate) => {
    const place = tempPlace();
    const { claudeDir, stateDir } = place;
    for (let number = 0; number < 5; number += 1)
      makeSession(claudeDir, { id: sessionIdOf(number), ageMs: 50 * DAY_MS });
    const removals = () => {
      const database = new Database(join(stateDir, 'ledger.db'), { readonly: true });
      const rows = database
        .prepare(
          'SELECT session_id, claude_dir, trash_run, project, reason, files, bytes FROM removals ORDER BY session_id',
        )
        .all();
      database.close();
      return rows;
    };
    await place.run(['--run-now']);
    const before = removals();
    expect(before).toHaveLength(5);
    if (fate === 'lost') {
      for (const name of readdirSync(stateDir).filter((one) => one.startsWith('ledger'))) rmSync(join(stateDir, name));
    } else writeFileSync(join(stateDir, 'ledger.db'), 'x'.repeat(10_000));
    const rerun = await place.run(['--run-now']);
    expect(rerun.code).toBe(0);
    expect(removals()).toEqual(before);
    expect(rerun.stderr.includes('ledger damaged')).toBe(fate === 'damaged');
  });
});

describe('a state directory that is not there any more', () => {
  function host() {
    const { directory: root, claudeDir, stateDir } = tempPlace();
    for (const number of [1, 2]) makeSession(claudeDir, { id: sessionIdOf(number), ageMs: 50 * DAY_MS });
    const args = (state = stateDir) => ['--claude-dir', claudeDir, '--state-dir', state];
    const transcripts = () => readdirSync(join(claudeDir, 'projects/-srv-app')).length;
    return { root, claudeDir, args, transcripts };
  }

  it('makes a new and empty resume map, which is not believed until an operator says so', async () => {
    const { root, args, transcripts } = host();
    // How old one is that was made younger stands in the state directory, too.
    await runProgram([...args(), 'map', 'set', 'forgejo:a:acme/app:1', sessionIdOf(1)]);
    expect((await runProgram([...args(), '--run-now', '--shield', 'off'])).code).toBe(0);
    expect(transcripts()).toBe(1);
    const unmounted = args(join(root, 'fresh'));
    for (const flags of [['--dry-run'], [], []]) {
      const refused = await runProgram([...unmounted, '--run-now', ...flags]);
      expect(refused.stdout).toContain('this is not the resume map that has named 1 sessions to earlier runs');
      expect([refused.code, transcripts()]).toEqual([77, 1]);
    }
    expect((await runProgram([...args(), '--run-now', '--shield', 'off'])).code).toBe(0);
    expect((await runProgram([...unmounted, '--run-now', '--allow-mass-removal'])).code).toBe(0);
    expect(transcripts()).toBe(0);
    expect((await runProgram([...unmounted, '--run-now'])).code).toBe(0);
  });

  it('makes an empty keep list, which is believed no more than the map beside it', async () => {
    const { root, args, transcripts } = host();
    await runProgram([...args(), 'pin', sessionIdOf(1)]);
    expect((await runProgram([...args(), '--run-now', '--shield', 'off'])).code).toBe(0);
    expect(transcripts()).toBe(1);
    expect((await runProgram([...args(join(root, 'fresh')), '--run-now'])).code).toBe(77);
    expect(transcripts()).toBe(1);
  });

  it('is no matter where the resume map named nobody', async () => {
    const { root, args, transcripts } = host();
    expect((await runProgram([...args(), '--run-now', '--max-age', '60d'])).code).toBe(0);
    expect((await runProgram([...args(join(root, 'fresh')), '--run-now'])).code).toBe(0);
    expect(transcripts()).toBe(0);
  });
});
