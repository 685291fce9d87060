import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
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
    expect(purged.stdout).toMatch(
      /expired, .*\n.*back from the trash: trash restore\n.*asked \(somebody named it\), .*\n.*destroyed .*: trash empty\n +now +gone: destroyed/,
    );
    expect(purged.stdout).toMatch(/\n {2}project {2}-srv-app\n/);
    expect(JSON.parse((await run('history', '--session', A, '--json')).stdout)).toMatchObject({
      now: 'gone',
      events: [
        { what: 'removed', reason: 'expired', run: taken },
        { what: 'restored', reason: 'trash restore', run: taken },
        { what: 'removed', reason: 'asked' },
        { what: 'purged', reason: 'trash empty' },
      ],
    });
  });

  it('lists what was removed by hand among the runs, and counts it, without taking it for a prune', async () => {
    const place = tempPlace();
    const run = (...args: string[]) => cli([...place.flags, '--log-level', 'silent', ...args]);
    const textfile = join(place.directory, 'metrics.prom');
    for (const id of [A, B]) makeSession(place.claudeDir, { id, ageMs: 40 * DAY_MS });
    await run('remove', A);
    expect((await run('history')).stdout).toMatch(/ remove +ok .* 1 session \(--run \S+\)\n$/);
    const planFile = join(place.directory, 'plan.json');
    await run('plan', '--out', planFile);
    await run('apply', planFile, '--dry-run');
    await run('apply', planFile);
    expect(JSON.parse((await run('history', '--json')).stdout)).toMatchObject({
      runs: [
        { job: 'apply', outcome: 'ok', removed: [{ sessions: 1 }] },
        { job: 'remove', outcome: 'ok', removed: [{ sessions: 1 }] },
      ],
    });
    expect(JSON.parse((await run('status', '--json')).stdout).jobs).toEqual(
      expect.arrayContaining([expect.objectContaining({ job: 'prune-transcripts', lastRun: null })]),
    );
    await run('run', '--job', 'purge-trash', '--metrics-textfile', textfile);
    const metrics = readFileSync(textfile, 'utf8');
    expect(metrics).toContain('session_sweeper_transcripts_removed_total{reason="asked"} 2');
    expect(metrics).toContain('session_sweeper_runs_total{job="prune-transcripts",outcome="ok"} 0');
  });

  it('says by whose hand each session went, came back and was destroyed, and that nobody has changed a word since', async () => {
    const place = tempPlace();
    const run = (...args: string[]) => cli([...place.flags, '--log-level', 'silent', ...args]);
    expect((await run('history', 'verify')).stdout).toBe('Nothing is in the audit yet.\n');
    expect(await run('history', 'export')).toMatchObject({ code: 0, stdout: '' });
    makeSession(place.claudeDir, { id: A, ageMs: 40 * DAY_MS });
    await run('run');
    await run('trash', 'restore', A);
    await run('remove', A);
    await run('trash', 'empty', '--yes');
    const entries = (await run('history', 'export')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(entries.map(({ what, subject, actor }) => `${what} ${subject} ${actor.by} ${actor.command}`)).toEqual([
      `removed ${A} hand run`,
      `restored ${A} hand trash restore`,
      `removed ${A} hand remove`,
      `purged ${A} hand trash empty`,
    ]);
    expect(entries.every(({ place: where }) => where === place.claudeDir)).toBe(true);
    const noted = entries[1].hash;
    expect((await run('history', 'verify')).stdout).toBe(
      `4 entries, each as it was written. The last has the hash\n${entries[3].hash}\n`,
    );
    expect((await run('history', 'verify', '--expect', noted)).code).toBe(0);
    expect((await run('history', 'verify', '--expect', 'f'.repeat(64))).code).toBe(65);
    expect((await run('history', 'verify', '--expect', 'f00')).code).toBe(64);
    const database = new Database(join(place.stateDir, 'ledger.db'));
    database.exec(`UPDATE audit SET reason = 'expired' WHERE number = 3`);
    database.close();
    expect(await run('history', 'verify')).toMatchObject({
      code: 65,
      stdout: 'The audit is not as it was written: entry 3: it was changed, moved or put in after it was written.\n',
    });
    expect(JSON.parse((await run('history', 'verify', '--json')).stdout)).toMatchObject({ isWhole: false, number: 3 });
  });

  it('knows nothing of what never was, and asks for one thing at a time', async () => {
    const place = tempPlace();
    const run = (...args: string[]) => cli([...place.flags, 'history', ...args]);
    expect((await run('--session', A)).code).toBe(65);
    expect((await run('--run', '20260101T000000Z')).code).toBe(65);
    expect((await run('--session', A, '--vanished')).code).toBe(64);
  });
});
