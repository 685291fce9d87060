import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { cli } from './cli-here.ts';

const [A, B] = [sessionIdOf(1), sessionIdOf(2)] as const;

describe('The history', () => {
  it('tells of no run before there was one, and then of each', async () => {
    const place = tempPlace();
    const history = (...args: string[]) => cli([...place.flags, 'history', ...args]);
    expect(await history()).toMatchObject({ code: 0, stdout: 'Nothing has run yet.\n' });
    await cli([...place.flags, '--run-now']);
    expect((await history()).stdout).toMatch(/^STARTED .*\n.* purge-trash +ok .*\n.* prune-transcripts +ok/);
    expect(JSON.parse((await history('--json')).stdout)).toMatchObject({ runs: [{ job: 'purge-trash' }, {}, {}] });
  });

  it('names what has gone without this program, as the run, its log and doctor do', async () => {
    const place = tempPlace();
    const run = (...args: string[]) => cli([...place.flags, ...args]);
    for (const id of [A, B]) makeSession(place.claudeDir, { id, ageMs: 3 * DAY_MS });
    await run('--run-now');
    expect((await run('history', '--vanished')).stdout).toBe(
      'No session is known to have gone without this program.\n',
    );
    expect((await run('doctor')).stdout).toContain('vanished sessions: none');
    rmSync(place.at(`projects/-srv-app/${A}.jsonl`));
    expect((await run('--run-now', '--job', 'prune-transcripts')).stdout).toMatch(/vanished +1 session that no run/);
    expect((await run('history', '--vanished')).stdout).toMatch(
      new RegExp(`\\n${A} +unknown .* -srv-app\\n1 session\\n$`),
    );
    expect(JSON.parse((await run('history', '--vanished', '--json')).stdout)).toMatchObject({
      vanished: [{ sessionId: A, cause: 'unknown', project: '-srv-app', claudeDir: place.claudeDir }],
    });
    const doctor = await run('doctor');
    expect(doctor.code).toBe(1);
    expect(doctor.stdout).toMatch(
      new RegExp(`problem +vanished sessions: 1 have gone .*${A}.*\\n +→ look at history --vanished`),
    );
  });

  it('tells what happened to a session, by which run and why, and where it is now, also when it is purged', async () => {
    const place = tempPlace();
    const run = (...args: string[]) => cli([...place.flags, '--log-level', 'silent', ...args]);
    makeSession(place.claudeDir, { id: A, ageMs: 40 * DAY_MS });
    makeSession(place.claudeDir, { id: B, ageMs: 3 * DAY_MS });
    expect((await run('history', '--session', B)).stdout).toMatch(/nothing has happened .*\n +now +here\n$/);
    await run('--run-now');
    const taken = /1 session \(--run (\S+)\)/.exec((await run('history')).stdout)?.[1] ?? '';
    const inTrash = await run('history', '--session', A.slice(0, 35));
    expect(inTrash.code).toBe(64);
    expect((await run('history', '--session', A)).stdout).toMatch(
      new RegExp(`moved to the trash: expired, .*, by run ${taken}\\n +now +in the trash, until `),
    );
    expect((await run('history', '--run', taken)).stdout).toMatch(new RegExp(`\\n${A} +expired .* in the trash `));
    await run('trash', 'restore', A);
    expect((await run('history', '--session', A)).stdout).toMatch(/ now +here again\n$/);
    await run('remove', A);
    await run('trash', 'empty', '--yes');
    const purged = await run('history', '--session', A);
    expect(purged.stdout).toMatch(/expired, .*\n.*asked \(somebody named it\), .*\n +now +gone: destroyed/);
    expect(JSON.parse((await run('history', '--session', A, '--json')).stdout)).toMatchObject({
      now: 'gone',
      events: [{ what: 'removed', reason: 'expired', run: taken }, { reason: 'asked' }],
    });
  });

  it('knows nothing of what never was, and asks for one thing at a time', async () => {
    const place = tempPlace();
    const run = (...args: string[]) => cli([...place.flags, 'history', ...args]);
    expect((await run('--session', A)).code).toBe(65);
    expect((await run('--run', '20260101T000000Z')).code).toBe(65);
    expect((await run('--session', A, '--vanished')).code).toBe(64);
  });
});
