import { existsSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { SqliteSessionStore } from '../../src/session-store/sqlite-session-store.ts';
import { snapshot } from '../support/disk.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { cli } from './cli-here.ts';

const QUIET = { env: { SWEEPER_LOG_LEVEL: 'silent' } };
const ID = sessionIdOf(1);

/** A place with one session that is due, and two that are not. */
function host() {
  const place = tempPlace();
  const due = makeSession(place.claudeDir, { id: ID, ageMs: 40 * DAY_MS });
  makeSession(place.claudeDir, { id: sessionIdOf(2), ageMs: 29 * DAY_MS });
  makeSession(place.claudeDir, { id: sessionIdOf(3), ageMs: 2 * DAY_MS });
  const run = (...args: string[]) => cli([...place.flags, '--notice', '3d', ...args], QUIET);
  const path = place.at(due.files[0] ?? '');
  /** As if all that was announced had been announced so much earlier. */
  const later = (byMs: number) => {
    const ledger = new Database(join(place.stateDir, 'ledger.db'));
    ledger.prepare('UPDATE announced SET announced_at = announced_at - ?').run(byMs);
    ledger.close();
  };
  return { place, run, later, path, isThere: () => existsSync(path) };
}

async function listed(run: ReturnType<typeof host>['run'], ...args: string[]) {
  const { sessions } = JSON.parse((await run('list', '--json', ...args)).stdout);
  return new Map<string, Record<string, unknown>>(
    sessions.map((session: { sessionId: string }) => [session.sessionId, session]),
  );
}

describe('Notice', () => {
  it('is given before anything goes, and what was announced for so long goes', async () => {
    const { run, later, isThere } = host();
    const first = await run('run');
    expect(first.stdout).toMatch(/announced +1 session/);
    expect(isThere()).toBe(true);
    later(2 * DAY_MS);
    await run('run');
    expect(isThere()).toBe(true);
    later(1.01 * DAY_MS);
    await run('run');
    expect(isThere()).toBe(false);
  });

  it('is not given by a dry run or a look, which write nothing', async () => {
    const { place, run } = host();
    const before = snapshot(place.directory);
    for (const args of [['run', '--dry-run'], ['list'], ['upcoming'], ['why', ID]]) {
      expect((await run(...args)).stdout, args.join(' ')).toContain('announced');
    }
    expect(snapshot(place.directory)).toEqual(before);
  });

  it('is counted in when each goes', async () => {
    const { run, later } = host();
    const goesInDays = async (id: string) => {
      const at = (await listed(run)).get(id)?.goesAt;
      return Math.round((Date.parse(String(at)) - Date.now()) / DAY_MS);
    };
    expect(await goesInDays(ID)).toBe(3);
    expect(await goesInDays(sessionIdOf(2))).toBe(1 + 3);
    await run('run');
    later(2 * DAY_MS);
    expect(await goesInDays(ID)).toBe(1);
    const upcoming = JSON.parse((await run('upcoming', '--within', '36h', '--json')).stdout);
    expect(upcoming.sessions).toMatchObject([{ sessionId: ID, reason: 'announced', isGoing: false }]);
    later(2 * DAY_MS);
    expect((await listed(run, '--going')).get(ID)).toMatchObject({ reason: 'expired', isGoing: true });
  });

  it('is begun anew where a session was used since, though it is due again', async () => {
    const { run, later, path, isThere } = host();
    await run('run');
    later(10 * DAY_MS);
    const used = new Date(Date.now() - 5 * DAY_MS);
    utimesSync(path, used, used);
    await run('run', '--max-age', '4d');
    expect(isThere()).toBe(true);
    later(2 * DAY_MS);
    await run('run', '--max-age', '4d');
    expect(isThere()).toBe(true);
  });

  it('is forgotten where a session is not due any more', async () => {
    const { run, later, isThere } = host();
    await run('run');
    await run('run', '--max-age', '60d');
    await run('run');
    later(2.9 * DAY_MS);
    await run('run');
    expect(isThere()).toBe(true);
  });

  it('is begun anew where the ledger is lost: nothing goes sooner by it', async () => {
    const { place, run, later, isThere } = host();
    await run('run');
    later(10 * DAY_MS);
    rmSync(place.stateDir, { recursive: true });
    await run('run');
    expect(isThere()).toBe(true);
  });

  it('does not count time that a clock of the future has written down', async () => {
    const { run, later, isThere } = host();
    await run('run');
    later(-100 * DAY_MS);
    await run('run');
    later(2.9 * DAY_MS);
    await run('run');
    expect(isThere()).toBe(true);
    later(0.2 * DAY_MS);
    await run('run');
    expect(isThere()).toBe(false);
  });

  it('is given anew to what was brought back from the trash', async () => {
    const { run, later, isThere } = host();
    await run('run');
    later(4 * DAY_MS);
    await run('run');
    expect(isThere()).toBe(false);
    await run('trash', 'restore', ID);
    await run('run');
    expect(isThere()).toBe(true);
  });

  it('holds up no removal by hand', async () => {
    const { run, isThere } = host();
    expect((await run('remove', ID)).code).toBe(0);
    expect(isThere()).toBe(false);
  });

  it('is given in a session store, too', async () => {
    const { place, run, later } = host();
    const path = join(place.directory, 'entries.db');
    // The Agent SDK, which has one, need not be installed here.
    const store = new SqliteSessionStore(path, {
      foldSessionSummary: (_, { sessionId }) => ({ sessionId, mtime: 0, data: {} }),
    });
    const key = { projectKey: '-srv-app', sessionId: sessionIdOf(9) };
    await store.append(key, [{ type: 'user', timestamp: '2024-01-01T00:00:00Z' }]);
    store.close();
    const database = new Database(path);
    for (const table of database.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).pluck().all()) {
      const columns = database.prepare(`SELECT name FROM pragma_table_info(?)`).pluck().all(table) as string[];
      for (const column of columns.filter((name) => /_at$|mtime/.test(name))) {
        database
          .prepare(`UPDATE "${table}" SET "${column}" = ? WHERE "${column}" > 1e12`)
          .run(Date.now() - 50 * DAY_MS);
      }
    }
    database.close();
    const inStore = async () => (await listed(run, '--sessions-store', path)).get(sessionIdOf(9))?.reason;
    expect(await inStore()).toBe('announced');
    await run('run', '--sessions-store', path);
    expect(await inStore()).toBe('announced');
    later(4 * DAY_MS);
    expect(await inStore()).toBe('expired');
    await run('run', '--sessions-store', path);
    expect(await inStore()).toBeUndefined();
  });
});
