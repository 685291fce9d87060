import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { outsideSweeper, snapshot } from '../support/disk.ts';
import { makeStore } from '../support/stored-sessions.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { cli } from './cli-here.ts';

const QUIET = { env: { SWEEPER_LOG_LEVEL: 'silent' } };

/** A place with expired sessions, and a plan of what goes from it. */
async function planned(count = 3, ...flags: string[]) {
  const place = tempPlace();
  const made = Array.from({ length: count }, (_, number) => {
    return makeSession(place.claudeDir, { id: sessionIdOf(number), ageMs: (40 + number) * DAY_MS });
  });
  const file = join(place.directory, 'plan.json');
  const run = (...args: string[]) => cli([...place.flags, ...args], QUIET);
  const answer = await run('plan', '--out', file, ...flags);
  expect(answer).toMatchObject({ code: 0, stderr: '' });
  const edit = (change: (plan: Record<string, unknown> & { sessions: Record<string, unknown>[] }) => void) => {
    const plan = JSON.parse(readFileSync(file, 'utf8'));
    change(plan);
    writeFileSync(file, JSON.stringify(plan));
  };
  const pathOf = (number: number) => place.at(made[number]?.files[0] ?? '');
  return { place, file, run, edit, answer, pathOf, isThere: (number: number) => existsSync(pathOf(number)) };
}

describe('a plan', () => {
  it('is written without a change of anything else, names each session, and is private', async () => {
    const { place, file, answer, run } = await planned();
    expect(answer.stdout).toContain('3 sessions');
    const { sessions, places, expiresAt, madeAt } = JSON.parse(readFileSync(file, 'utf8'));
    expect(sessions).toHaveLength(3);
    expect(sessions[0]).toMatchObject({
      sessionId: sessionIdOf(2),
      place: place.claudeDir,
      reason: 'expired',
      files: 1,
    });
    expect(places).toEqual([place.claudeDir]);
    expect(Date.parse(expiresAt) - Date.parse(madeAt)).toBe(DAY_MS);
    const before = snapshot(place.claudeDir);
    expect((await run('plan', '--out', `${file}.2`)).code).toBe(0);
    expect(snapshot(place.claudeDir)).toEqual(before);
    expect(existsSync(place.stateDir)).toBe(false);
  });

  it('overwrites no file, and says where to', async () => {
    const { file, run } = await planned();
    expect(await run('plan', '--out', file)).toMatchObject({ code: 64, stderr: expect.stringContaining(file) });
    expect((await run('plan')).code).toBe(64);
    expect((await run('plan', '--out', `${file}.2`, '--expires', 'soon')).code).toBe(64);
  });

  it('is applied as it is, shows that in a dry run before, and can be undone', async () => {
    const { place, file, run, isThere, edit } = await planned();
    const before = outsideSweeper(snapshot(place.claudeDir));
    const dry = await run('apply', file, '--dry-run');
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('3 sessions') });
    expect(outsideSweeper(snapshot(place.claudeDir))).toEqual(before);
    edit((plan) => plan.sessions.splice(0, 1));
    const applied = await run('apply', file);
    expect(applied).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('2 sessions') });
    expect([isThere(0), isThere(1), isThere(2)]).toEqual([false, false, true]);
    expect((await run('trash', 'restore', sessionIdOf(0), sessionIdOf(1))).code).toBe(0);
    expect([isThere(0), isThere(1), isThere(2)]).toEqual([true, true, true]);
  });

  it('refuses one by one what is pinned, changed, used or gone since, and moves the others', async () => {
    const { file, run, isThere, pathOf } = await planned(5);
    await run('pin', sessionIdOf(0));
    appendFileSync(pathOf(1), '{"type":"x"}\n');
    const longAgo = new Date(Date.now() - 50 * DAY_MS);
    utimesSync(pathOf(1), longAgo, longAgo);
    utimesSync(pathOf(2), new Date(), new Date());
    rmSync(pathOf(3));
    const { code, stdout } = await run('apply', file);
    expect(stdout).toMatch(new RegExp(`${sessionIdOf(0)} .*stays now, as pinned`));
    expect(stdout).toMatch(new RegExp(`${sessionIdOf(1)} .*has changed`));
    expect(stdout).toMatch(new RegExp(`${sessionIdOf(2)} .*stays now, as too-young`));
    expect(stdout).toMatch(new RegExp(`${sessionIdOf(3)} .*not there any more`));
    expect(code).toBe(74);
    expect([0, 1, 2, 4].map(isThere)).toEqual([true, true, true, false]);
  });

  it('makes nothing go that a run would keep, whatever somebody has written into it', async () => {
    const { place, file, run, edit } = await planned(1);
    const ages = { young: DAY_MS / 48, kept: 10 * DAY_MS, live: 60 * DAY_MS, pinned: 60 * DAY_MS };
    const made = Object.values(ages).map((ageMs, index) => {
      return makeSession(place.claudeDir, { id: sessionIdOf(100 + index), ageMs });
    });
    await run('map', 'set', 'forgejo:a:acme/app:1', sessionIdOf(102));
    await run('pin', sessionIdOf(103));
    const listed = JSON.parse((await run('list', '--json')).stdout).sessions;
    edit((plan) => {
      for (const { sessionId, files, bytes, lastUsedAt } of listed) {
        if (sessionId === sessionIdOf(0)) continue;
        const lastUsedMs = made.find(({ id }) => id === sessionId)?.mtimeMs ?? Date.parse(lastUsedAt);
        plan.sessions.push({
          sessionId,
          place: place.claudeDir,
          reason: 'expired',
          files,
          bytes,
          lastUsedAt,
          lastUsedMs,
        });
      }
      plan.expiresAt = '2099-01-01T00:00:00Z';
    });
    expect((await run('apply', file)).code).toBe(74);
    for (const { files } of made) expect(existsSync(place.at(files[0] ?? ''))).toBe(true);
  });

  it('takes a session from the place that it names, and from no other', async () => {
    const [one, other] = [tempPlace(), tempPlace()];
    const id = sessionIdOf(7);
    makeSession(one.claudeDir, { id, ageMs: 40 * DAY_MS });
    const kept = makeSession(other.claudeDir, { id, ageMs: 10 * DAY_MS });
    const flags = [...one.flags, '--claude-dir', other.claudeDir];
    const file = join(one.directory, 'plan.json');
    await cli([...flags, 'plan', '--out', file], QUIET);
    expect((await cli([...flags, 'apply', file], QUIET)).code).toBe(0);
    expect(existsSync(other.at(kept.files[0] ?? ''))).toBe(true);
  });

  it('takes nothing of a store that holds one id under several projects: no word says which is meant', async () => {
    const place = tempPlace();
    const id = sessionIdOf(7);
    const { path, store, sessions } = await makeStore([id], Date.now() - 40 * DAY_MS);
    await store.append({ projectKey: '-srv-kept', sessionId: id }, [{ type: 'user' }]);
    const rules = ['--projects', JSON.stringify([{ match: '-srv-kept', maxAge: 'never' }])];
    const flags = [...place.flags, '--sessions-store', path, ...rules];
    const file = join(place.directory, 'plan.json');
    await cli([...flags, 'plan', '--out', file], QUIET);
    const { code, stdout } = await cli([...flags, 'apply', file], QUIET);
    expect({ code, stdout }).toMatchObject({ code: 74, stdout: expect.stringContaining('under several projects') });
    expect(sessions.trashed()).toEqual([]);
  });

  it('tells what it could not look into, and does the rest', async () => {
    const { place, file, run, isThere } = await planned(2);
    const stray = place.at('session-sweeper/trash/20260101T000000Z/stray');
    mkdirSync(dirname(stray), { recursive: true });
    writeFileSync(stray, 'precious');
    const { code, stderr } = await run('apply', file);
    expect(stderr).toMatch(/^claude-session-sweeper: io: read the trash folder 20260101T000000Z: ENOENT\n$/);
    expect(code).toBe(74);
    expect([isThere(0), isThere(1)]).toEqual([false, false]);
  });

  it.each([
    ['that has expired', { expiresAt: '2020-01-01T00:00:00Z' }, 65, 'it expired at'],
    ['of the future', { madeAt: '2099-01-01T00:00:00Z', expiresAt: '2099-01-02T00:00:00Z' }, 65, 'in the future'],
    ['of another place', { places: ['/srv/other'] }, 64, '/srv/other'],
    ['of other settings', { policy: 'sha256:0' }, 64, 'other settings'],
    ['of a later release', { version: 2 }, 65, 'no plan that this release'],
    ['of sessions that are none', { sessions: [{ sessionId: '../x' }] }, 65, 'no plan that this release'],
  ])('is refused as a whole where it is one %s', async (_, change, code, says) => {
    const { file, run, edit, isThere } = await planned();
    edit((plan) => Object.assign(plan, change));
    expect(await run('apply', file)).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(says) });
    expect(isThere(0)).toBe(true);
  });

  it('is refused by other settings of what stays, and where it is no file or no plan', async () => {
    const { place, file, run } = await planned();
    expect((await run('apply', file, '--max-age', '60d')).code).toBe(64);
    expect((await run('apply', place.at('none.json'))).code).toBe(65);
    const ofDirectory = await run('apply', place.directory);
    expect(ofDirectory).toMatchObject({ code: 65, stderr: expect.stringContaining(place.directory) });
    writeFileSync(`${file}.x`, 'not json');
    expect((await run('apply', `${file}.x`)).code).toBe(65);
  });
});
