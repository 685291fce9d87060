import { readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { makeStore, STORE_PROJECT } from '../support/stored-sessions.ts';
import { tempDir } from '../support/temp-dir.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { cli } from './cli-here.ts';

const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;

function change(path: string, sql: string): void {
  const database = new Database(path);
  database.exec(sql);
  database.close();
}

/** A Claude directory with session A, and a store with session B, both unused for sixty days. */
async function newHost() {
  const claudeDir = makeClaudeDir(tempDir());
  makeSession(claudeDir, { id: A, ageMs: 60 * DAY_MS });
  // Nothing has come or gone in it a moment ago.
  const projects = join(claudeDir, 'projects');
  for (const name of readdirSync(projects)) utimesSync(join(projects, name), 1, 1);
  const stateDir = join(tempDir(), 'state');
  const { path } = await makeStore([B], Date.now() - 60 * DAY_MS);
  const flags = ['--claude-dir', claudeDir, '--state-dir', stateDir, '--json', '--log-level', 'silent'];
  return {
    path,
    stateDir,
    flags: (...stores: string[]) => [...flags, ...stores.flatMap((one) => ['--sessions-store', one])],
  };
}

interface Told {
  readonly outcome: string;
  readonly errors: readonly { readonly message: string }[];
  readonly removedSessions?: readonly { readonly sessionId: string }[];
}

async function runNow(flags: readonly string[]) {
  const { code, stdout } = await cli([...flags, '--run-now']);
  const { jobs } = JSON.parse(stdout) as { jobs: Told[] };
  const removed = jobs.flatMap(({ removedSessions = [] }) => removedSessions.map(({ sessionId }) => sessionId));
  return {
    code,
    removed: removed.toSorted(),
    errors: jobs.flatMap(({ errors }) => errors.map(({ message }) => message)),
  };
}

describe('a session store that cannot be worked in', () => {
  it("is named once where its table is another program's, and everything else is pruned", async () => {
    const host = await newHost();
    const foreign = join(tempDir(), 'foreign.db');
    change(
      foreign,
      'CREATE TABLE claude_session_entries (id INTEGER PRIMARY KEY, project_key, session_id, subpath, entry, created_at)',
    );
    const before = readFileSync(foreign);
    const { code, removed, errors } = await runNow(host.flags(foreign, host.path));
    expect(removed).toEqual([A, B]);
    expect(errors).toEqual([
      expect.stringContaining(`${foreign}: its table claude_session_entries was made by another`),
    ]);
    expect([code, readFileSync(foreign).equals(before)]).toEqual([74, true]);
  });

  it('ends the run with 65 where its schema is of a later release, is not touched, and everything else is pruned', async () => {
    const host = await newHost();
    const { path: future, store, sessions } = await makeStore([C], Date.now() - 60 * DAY_MS);
    sessions.close();
    store.close();
    change(future, 'INSERT INTO claude_session_entries_versions VALUES (99, 0); PRAGMA journal_mode = DELETE');
    const before = readFileSync(future);
    const { code, removed, errors } = await runNow(host.flags(future, host.path));
    expect(removed).toEqual([A, B]);
    expect(errors).toEqual(Array(2).fill(expect.stringContaining('its schema is version 99')));
    expect([code, readFileSync(future).equals(before)]).toEqual([65, true]);
  });

  it('ends no listing and no restore of what lies elsewhere', async () => {
    const host = await newHost();
    const missing = join(tempDir(), 'nowhere.db');
    expect((await runNow(host.flags(missing, host.path))).removed).toEqual([A, B]);
    const listed = await cli([...host.flags(missing, host.path), 'trash', 'list']);
    expect([listed.code, listed.stderr]).toEqual([74, expect.stringContaining('there is no such file')]);
    expect(listed.stdout).toContain(B);
    const restored = await cli([...host.flags(missing, host.path), 'trash', 'restore', A, B]);
    expect([restored.code, restored.stderr]).toEqual([0, expect.stringContaining('there is no such file')]);
    expect(JSON.parse(restored.stdout)).toMatchObject({ sessions: [{ restored: true }, { restored: true }] });
  });

  it('leaves rows alone that may lead into it', async () => {
    const host = await newHost();
    const key = 'forgejo:architect:acme/app:1';
    await cli([...host.flags(), 'map', 'set', key, C]);
    // A map most of whose rows lead nowhere is not believed.
    for (const issue of [2, 3, 4]) await cli([...host.flags(), 'map', 'set', `forgejo:a:b:${issue}`, A]);
    change(
      join(host.stateDir, 'sessions.db'),
      `UPDATE claude_sdk_sessions SET
      created_at = created_at - 7200000, last_used_at = last_used_at - 7200000`,
    );
    const sweep = async (...stores: string[]) => {
      const sweeps = ['--sessions-only-this-host', '--min-age', '1h', '--run-now', '--job', 'sweep-sessions'];
      await cli([...host.flags(...stores), ...sweeps]);
      return (await cli([...host.flags(), 'map', 'list'])).stdout.includes(C);
    };
    expect(await sweep(join(tempDir(), 'nowhere.db'))).toBe(true);
    expect(await sweep()).toBe(false);
  });
});

describe('a session store with odd entries', () => {
  it('brings a session that two projects have under one id back in both, and says so', async () => {
    const host = await newHost();
    change(
      host.path,
      `INSERT INTO claude_session_stored SELECT '-srv-other', session_id, mtime, last_used_at, bytes,
      has_main, summary, NULL, NULL FROM claude_session_stored`,
    );
    expect((await runNow(host.flags(host.path))).removed).toEqual([A, B, B]);
    const { stdout } = await cli([...host.flags(host.path), 'trash', 'restore', B]);
    const { sessions } = JSON.parse(stdout) as { sessions: { project: string }[] };
    expect(sessions[0]?.project.split(', ').toSorted()).toEqual([STORE_PROJECT, '-srv-other'].toSorted());
    const listed = await cli([...host.flags(host.path), 'trash', 'list']);
    expect(listed.stdout).not.toContain(B);
  });

  it.each([
    ['a time of use that is text', "UPDATE claude_session_stored SET last_used_at = 'long ago'"],
    ['a time of use that is bytes', "UPDATE claude_session_stored SET last_used_at = x'00ff'"],
    ['a size that is text', "UPDATE claude_session_stored SET bytes = 'many'"],
    ['a project that is bytes', "UPDATE claude_session_stored SET project_key = x'2d00ff'"],
    ['a time of removal in no calendar', 'UPDATE claude_session_stored SET trashed_at = 1e300'],
    [
      'a time of removal that is text',
      "UPDATE claude_session_stored SET trashed_at = 'yesterday', trash_reason = x'00'",
    ],
    ['a time of removal long before any', 'UPDATE claude_session_stored SET trashed_at = -1e17'],
  ])('keeps a session with %s, and prunes and purges everything else', async (_, sql) => {
    const host = await newHost();
    const { path: other } = await makeStore([C], Date.now() - 60 * DAY_MS);
    change(host.path, sql);
    const flags = [...host.flags(host.path, other), '--trash-keep', '1ms'];
    const { removed } = await runNow(flags);
    expect(removed).toEqual([A, C]);
    await runNow(flags);
    const database = new Database(host.path, { readonly: true });
    expect(database.prepare('SELECT count(*) FROM claude_session_entries').pluck().get()).toBe(1);
    database.close();
  });

  it.each([
    ['nested 100,000 levels deep', `'${'['.repeat(100_000)}1${']'.repeat(100_000)} "type":"tag"'`],
    ['of bytes', `x'00ff227479706522'`],
    ['with a NUL before all else and no end', `char(0) || '"type":"tag"' || hex(zeroblob(40000000))`],
    ['of half a surrogate', `CAST(x'eda080' AS TEXT) || '"type":"tag"'`],
  ])('prunes past an entry %s', async (_, value) => {
    const host = await newHost();
    change(
      host.path,
      `INSERT INTO claude_session_entries (project_key, session_id, entry, created_at)
       VALUES ('${STORE_PROJECT}', '${B}', ${value}, 0)`,
    );
    expect(await runNow(host.flags(host.path))).toEqual({ code: 0, removed: [A, B], errors: [] });
  });
});
