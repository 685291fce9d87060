import { describe, expect, it, onTestFinished } from 'vitest';
import { PostgresSessionStore } from '../../src/library/postgres.ts';
import { AGENT, countingFold, describeSessionStoreContract, entry, MAIN, PROJECT } from '../contract/session-store.ts';
import { newSchema, type SchemaClock } from '../support/postgres-server.ts';
import { NOW } from '../support/units.ts';

function storeAt(url: string, options = {}) {
  const store = new PostgresSessionStore(url, { foldSessionSummary: countingFold, ...options });
  onTestFinished(() => store.close());
  return store;
}

/** The clock of the database, as a test sets it. */
function clockOf(server: SchemaClock) {
  let current = NOW;
  server.setClock(current);
  return {
    get nowMs() {
      return current;
    },
    set nowMs(nowMs: number) {
      current = nowMs;
      server.setClock(nowMs);
    },
  };
}

describeSessionStoreContract('PostgreSQL', async () => {
  const { url, outside, server } = await newSchema();
  const damage = async () => {
    await outside.unsafe(
      `UPDATE claude_session_entries SET entry = 'not JSON'; UPDATE claude_session_stored SET summary = '{'`,
    );
  };
  return {
    store: storeAt(url),
    clock: clockOf(server),
    programArgs: ['postgres', url],
    openAgain: () => storeAt(url),
    damage,
  };
});

const ofKind = (kind: string, message = '') =>
  expect.objectContaining({ kind, message: expect.stringContaining(message) });

describe('a session store in PostgreSQL', () => {
  it('works where a pooler forgets prepared statements, and with one connection', async () => {
    const store = storeAt((await newSchema()).url, { prepare: false, maxConnections: 1 });
    await Promise.all([1, 2, 3].map((number) => store.append(MAIN, [entry(number, `${number}`)])));
    await store.append(AGENT, [entry(4)]);
    expect((await store.load(MAIN))?.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(await store.listSubkeys(MAIN)).toEqual([AGENT.subpath]);
  });

  it('takes an entry of 50 MB', async () => {
    const store = storeAt((await newSchema()).url);
    const large = { ...entry(1, 'large'), text: `${'x'.repeat(50_000_000)}"\\ü` };
    await store.append(MAIN, [entry(0), large, entry(2)]);
    const loaded = await store.load(MAIN);
    expect(loaded?.map(({ number }) => number)).toEqual([0, 1, 2]);
    expect(loaded?.[1]?.text === large.text).toBe(true);
  });

  it('makes its tables once, however many hosts begin at the same moment', async () => {
    const { url } = await newSchema();
    const hosts = Array.from({ length: 8 }, () => storeAt(url));
    await Promise.all(hosts.map((host, number) => host.append(MAIN, [entry(number)])));
    expect(await hosts[0]?.load(MAIN)).toHaveLength(8);
  });

  it('knows when a session was used and how much it holds, in whatever way it grows and shrinks', async () => {
    const { url, outside, server } = await newSchema();
    const store = storeAt(url);
    const stored = () => outside.unsafe('SELECT bytes, last_used_at, mtime, has_main FROM claude_session_stored');
    server.setClock(NOW);
    await store.append(MAIN, [entry(1)]);
    const bytes = JSON.stringify(entry(1)).length;
    server.setClock(NOW + 1_000);
    await store.append(AGENT, [entry(2)]);
    expect([...(await stored())]).toEqual([
      { bytes: 2 * bytes, last_used_at: NOW + 1_000, mtime: NOW, has_main: true },
    ]);
    server.setClock(NOW + 2_000);
    await store.load(MAIN);
    await store.listSessions(PROJECT);
    await store.delete(AGENT);
    expect([...(await stored())]).toEqual([{ bytes, last_used_at: NOW + 2_000, mtime: NOW, has_main: true }]);
  });

  it("says so where its table is another program's, and leaves that alone", async () => {
    const { url, outside } = await newSchema();
    await outside.unsafe('CREATE TABLE claude_session_entries (id BIGSERIAL, project_key TEXT, entry JSONB)');
    const store = storeAt(url);
    await expect(store.append(MAIN, [entry(1)])).rejects.toEqual(ofKind('config', 'made by another program'));
    await outside.unsafe('DROP TABLE claude_session_entries');
    await store.append(MAIN, [entry(1)]);
    expect(await store.load(MAIN)).toEqual([entry(1)]);
  });

  it('is refused where its schema is of a later release', async () => {
    const { url, outside } = await newSchema();
    await storeAt(url).listSessions(PROJECT);
    await outside.unsafe('INSERT INTO claude_session_entries_versions VALUES (99, 0)');
    await expect(storeAt(url).load(MAIN)).rejects.toEqual(ofKind('bad-data', '99'));
  });

  it.each([{ sessionId: 'a\0b' }, { projectKey: '\ud800' }, { subpath: 'x'.repeat(3_000) }])(
    'refuses a key that would be stored as another, or not at all: %j',
    async (part) => {
      const store = storeAt('postgres://postgres@127.0.0.1:1/postgres');
      await expect(store.append({ ...MAIN, ...part }, [entry(1)])).rejects.toEqual(ofKind('usage'));
    },
  );

  it('names all options that are wrong, and never the password', () => {
    const open = () =>
      new PostgresSessionStore('mysql://bot:s3cret@db/claude', { maxConnections: 0, prepare: 1 } as object);
    expect(open).toThrow(ofKind('config', 'prepare: 1: expected'));
    expect(open).toThrow(/url: expected a URL/);
    expect(open).not.toThrow(/s3cret/);
  });
});
