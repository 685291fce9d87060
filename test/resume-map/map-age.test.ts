import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { DEFAULT_SESSION_MAX_AGE_MS } from '../../src/config/settings/looked-after.ts';
import { type Forgotten, openResumeMap } from '../../src/library/index.ts';
import { openResumeMap as openByWorker, openResumeMapForReading } from '../../src/live-sources/open-sources.ts';
import type { SessionMaxAge } from '../../src/resume-map/row-age.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, sessionIdOf } from '../support/tree.ts';

const HOST_TABLE = 'CREATE TABLE claude_sdk_sessions (key TEXT PRIMARY KEY, session_id, last_used_at, created_at)';
const KEY = 'forgejo:architect:acme/my_app:12';

interface Place {
  readonly stateDir: string;
  readonly databasePath?: string;
}

function hostsOwn(): Place {
  const databasePath = join(tempDir(), 'host.db');
  new Database(databasePath).exec(HOST_TABLE).close();
  return { stateDir: tempDir(), databasePath };
}

async function host(place: Place, maxSessionAgeMs?: SessionMaxAge) {
  const map = await openResumeMap({ ...place, ...(maxSessionAgeMs === undefined ? {} : { maxSessionAgeMs }) });
  onTestFinished(() => map.close());
  return map;
}

const settingsOf = ({ stateDir, databasePath }: Place, maxAge?: SessionMaxAge) => ({
  stateDir,
  'sessions.db': databasePath ?? join(stateDir, 'sessions.db'),
  ownsSessionsDb: databasePath === undefined,
  'sessions.maxAge': maxAge ?? DEFAULT_SESSION_MAX_AGE_MS,
  setsRowAge: maxAge !== undefined,
  'sessions.defaultForge': 'forgejo',
});

function worker(place: Place, maxAge?: SessionMaxAge) {
  const map = openByWorker(settingsOf(place, maxAge), systemClock);
  onTestFinished(() => map.close());
  return map;
}

describe.each([
  { what: 'a map of its own', placed: (): Place => ({ stateDir: tempDir() }) },
  { what: "a host's own database", placed: hostsOwn },
])('the age of rows in $what', ({ placed }) => {
  it('is the host’s for a worker that says nothing', async () => {
    const place = placed();
    for (const age of ['never', 2 * DAY_MS, 400 * DAY_MS, 'never'] as const) {
      await host(place, age);
      expect(await worker(place).maxSessionAge()).toBe(age);
      expect(await (await host(place)).maxSessionAge()).toBe(age);
      const reading = await openResumeMapForReading(settingsOf(place), systemClock);
      expect(await reading.maxSessionAge()).toBe(age);
      await reading.close();
    }
  });

  it('is a worker’s own only where that keeps rows for longer', async () => {
    const place = placed();
    await host(place, 10 * DAY_MS);
    expect(await worker(place, DAY_MS).maxSessionAge()).toBe(10 * DAY_MS);
    expect(await worker(place, 20 * DAY_MS).maxSessionAge()).toBe(20 * DAY_MS);
    expect(await worker(place, 'never').maxSessionAge()).toBe('never');
    // Said by somebody, though it is the default.
    expect(await worker(place, DEFAULT_SESSION_MAX_AGE_MS).maxSessionAge()).toBe(30 * DAY_MS);
  });

  it('is everybody’s own where no host has written one', async () => {
    const place = placed();
    await host(place);
    expect(await worker(place, DAY_MS).maxSessionAge()).toBe(DAY_MS);
    expect(await worker(place).maxSessionAge()).toBe(30 * DAY_MS);
  });

  it('is what getSession and a sweep go by', async () => {
    const place = placed();
    const map = await host(place, 'never');
    await map.setSession(KEY, sessionIdOf(1));
    const database = new Database(settingsOf(place, 'never')['sessions.db']);
    database.exec('UPDATE claude_sdk_sessions SET last_used_at = 1704067200000, created_at = 1704067200000');
    database.close();
    expect(await worker(place).sweepStaleSessions()).toBe(0);
    expect(await worker(place, DAY_MS).getSession(KEY)).toBe(sessionIdOf(1));
    await host(place, 300 * DAY_MS);
    expect(await worker(place).sweepStaleSessions()).toBe(1);
  });

  it.each(['', '0', '-1', 'NaN', 'for ever'])('is as if unwritten where %j is written', async (value) => {
    const place = placed();
    await host(place, DAY_MS);
    const database = new Database(settingsOf(place, 'never')['sessions.db']);
    database.prepare('UPDATE claude_sdk_session_settings SET value = ?').run(value);
    database.close();
    expect(await worker(place).maxSessionAge()).toBe(30 * DAY_MS);
  });
});

describe('a conversation that has expired', () => {
  async function expired(options: { onForgotten?: (forgotten: Forgotten) => void }) {
    const place = { stateDir: tempDir() };
    const map = await openResumeMap({ ...place, ...options });
    onTestFinished(() => map.close());
    await map.setSession(KEY, sessionIdOf(1));
    const database = new Database(join(place.stateDir, 'sessions.db'));
    database.exec('UPDATE claude_sdk_sessions SET last_used_at = 1704067200000, created_at = 1704067200000');
    database.close();
    return map;
  }

  it('is told to the host with its reason, once, and counted', async () => {
    const told: Forgotten[] = [];
    const map = await expired({ onForgotten: (forgotten) => void told.push(forgotten) });
    expect([await map.getSession(KEY), await map.getSession(KEY)]).toEqual([null, null]);
    expect(told).toEqual([{ key: KEY, sessionId: sessionIdOf(1), reason: 'expired' }]);
    expect(await map.getForgottenTotals()).toEqual({ expired: 1, gone: 0 });
  });

  it('is one line of the log where the host does not ask to be told', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    onTestFinished(() => warn.mockRestore());
    expect(await (await expired({})).getSession(KEY)).toBeNull();
    expect(warn.mock.calls).toEqual([[expect.stringContaining('conversation forgotten, expired')]]);
  });

  it('ends no look-up where the host fails to hear it', async () => {
    const map = await expired({
      onForgotten: () => {
        throw new Error('not now');
      },
    });
    expect(await map.getSession(KEY)).toBeNull();
  });
});
