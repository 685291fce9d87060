import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mapAt, put, storedRows } from '../support/postgres-map.ts';
import { newSchema } from '../support/postgres-server.ts';
import { PROGRAM, run } from '../support/process.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';

const [A, B, C] = [sessionIdOf(1), sessionIdOf(2), sessionIdOf(3)] as const;

/** A host with three old sessions, of which A is resumed by this host, and B by another. */
async function newHost(more: object = {}) {
  const { url, outside, server } = await newSchema();
  server.setClock(Date.now());
  const place = tempPlace();
  const files = [A, B, C].map((id) =>
    join(place.claudeDir, makeSession(place.claudeDir, { id, ageMs: 40 * DAY_MS }).files[0] ?? ''),
  );
  await mapAt(url).check();
  const oldMs = Date.now() - 40 * DAY_MS;
  const row = (key: string, id: string) => ({ key, session_id: id, last_used_at: oldMs, created_at: oldMs });
  await put(outside, [row('ours', A)], 'here');
  await put(outside, [row('theirs', B)], 'there');
  const sweeper = (at: string, ...args: string[]) => {
    const sources = JSON.stringify([{ kind: 'postgres-map', name: 'shared', url: at, host: 'here', ...more }]);
    return run(process.execPath, [PROGRAM, ...place.flags, '--sources', sources, ...args], {
      env: { HOME: place.directory },
    });
  };
  return {
    outside,
    url,
    sweeper,
    isHere: () => files.map((file) => existsSync(file)),
    keys: async () => (await storedRows(outside)).map(({ key }) => key),
  };
}

describe('a host whose conversations are in PostgreSQL', () => {
  it('keeps what any host resumes, lets the rest go, and comes to an end', async () => {
    const { url, sweeper, isHere, keys } = await newHost();
    expect(await sweeper(url, 'run')).toMatchObject({ code: 0 });
    expect(isHere()).toEqual([true, true, false]);
    expect(await keys()).toEqual(['ours', 'theirs']);
  });

  it('loses nothing while the database cannot be asked, and is told so without its password', async () => {
    const { sweeper, isHere } = await newHost();
    const away = 'postgres://bot:s3cret@127.0.0.1:1/claude';
    const { code, stdout, stderr } = await sweeper(away, 'run');
    expect(code).toBe(69);
    expect(stdout + stderr).toContain('postgres://bot@127.0.0.1:1/claude');
    const others = await Promise.all([sweeper(away, 'doctor'), sweeper(away, 'status'), sweeper(away, 'check-config')]);
    expect([stdout, stderr, ...others.flatMap((one) => [one.stdout, one.stderr])].join('')).not.toContain('s3cret');
    expect(isHere()).toEqual([true, true, true]);
  });

  it('has its own stale rows swept where that is said, and no other host’s, and gets them back', async () => {
    const { url, sweeper, keys, outside } = await newHost({ sweep: true, maxAge: '30d' });
    const sweep = (...args: string[]) => sweeper(url, '--run-now', '--job', 'sweep-sessions', ...args);
    expect(await sweep('--dry-run')).toMatchObject({ code: 0 });
    expect(await keys()).toEqual(['ours', 'theirs']);
    expect(await sweep()).toMatchObject({ code: 0 });
    expect(await keys()).toEqual(['theirs']);
    expect((await sweeper(url, 'map', 'swept')).stdout).toContain('ours');
    expect(await sweeper(url, 'map', 'restore', 'ours')).toMatchObject({ code: 0 });
    expect(await keys()).toEqual(['ours', 'theirs']);
    expect([...(await outside.unsafe(`SELECT host FROM claude_sdk_sessions WHERE key = 'ours'`))]).toEqual([
      { host: 'here' },
    ]);
  });

  it('goes by the clock of the database, and not by its own, when it sweeps', async () => {
    const { url, sweeper, keys, outside } = await newHost({ sweep: true, maxAge: '30d' });
    // As if the clock of this host went 20 days fast.
    await outside.unsafe(
      `CREATE OR REPLACE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT pg_catalog.now() - interval ''20 days'''`,
    );
    expect(await sweeper(url, '--run-now', '--job', 'sweep-sessions')).toMatchObject({ code: 0 });
    expect(await keys()).toEqual(['ours', 'theirs']);
  });
});
