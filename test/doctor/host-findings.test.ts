import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { examineHost } from '../../src/doctor/host-findings.ts';
import { absenceLimits, ClockGuard } from '../../src/jobs/guards/clock.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { SqliteResumeMap } from '../../src/resume-map/sqlite.ts';
import { makeCertificate } from '../support/certificate.ts';
import { resolveConfig } from '../support/resolved-config.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, sessionIdOf, writeAged } from '../support/tree.ts';
import { NOW } from '../support/units.ts';

const CLOCK = new SetClock(NOW);

function configOfHost(): Config {
  const { claudeDir, stateDir } = tempPlace();
  return resolveConfig({ home: '/nonexistent', environment: {}, flags: { claudeDir: [claudeDir], stateDir } }).config;
}

async function findingOf(check: string, config: Config, clock = CLOCK): Promise<Finding | undefined> {
  return (await examineHost(config, clock)).find((finding) => finding.check === check);
}

function ledgerOf({ stateDir }: Config): Ledger {
  const ledger = Ledger.open(stateDir);
  onTestFinished(() => ledger.close());
  return ledger;
}

describe('What doctor says of a host', () => {
  it('names the project whose sessions come back again and again, and what to look for', async () => {
    const config = configOfHost();
    const [claudeDir = ''] = config.claudeDir;
    const ledger = ledgerOf(config);
    const session = { sessionId: sessionIdOf(1), project: '-srv-app' };
    ledger.recordReturned(claudeDir, [session], NOW - 2 * DAY_MS);
    expect(await findingOf('coming back', config)).toMatchObject({ level: 'notice' });
    ledger.recordReturned(claudeDir, [session], NOW - DAY_MS);
    expect(await findingOf('coming back', config)).toMatchObject({
      level: 'problem',
      message: expect.stringMatching(/1 session in .*, project -srv-app, byte for byte \(2 times, e\.g\. 0000/),
      advice: expect.stringContaining('a sync tool'),
    });
    expect(await findingOf('coming back', config, new SetClock(NOW + 60 * DAY_MS))).toMatchObject({ level: 'ok' });
  });

  it('tells who may read what is served, and until when', async () => {
    const config = configOfHost();
    const serving = (given: Partial<Config>) =>
      findingOf('metrics address', { ...config, ...given }, new SetClock(NOW));
    const listen = { host: '0.0.0.0', port: 9842 };
    expect(await serving({})).toMatchObject({ level: 'ok', message: '127.0.0.1:9842' });
    expect(await serving({ listen: 'off' })).toMatchObject({ level: 'ok', message: 'nothing is served' });
    expect(await serving({ listen })).toMatchObject({
      level: 'notice',
      message: '0.0.0.0:9842: whoever reaches it can read it',
    });
    expect(await serving({ listen, 'http.token': 's3cret-s3cret-s3cret' })).toMatchObject({
      level: 'notice',
      message: '0.0.0.0:9842: the token goes over the network as it is',
    });
    const missing = { cert: '/nonexistent/cert.pem', key: '/nonexistent/key.pem' };
    expect(await serving({ listen, 'http.tls': missing })).toMatchObject({
      level: 'problem',
      message: expect.stringContaining('/nonexistent/cert.pem: there is no such file'),
    });
    const tls = makeCertificate(tempDir(), 'doctor', 90);
    const inDays = (days: number) =>
      findingOf('metrics address', { ...config, listen, 'http.tls': tls }, new SetClock(Date.now() + days * DAY_MS));
    expect(await inDays(0)).toMatchObject({ level: 'ok', message: expect.stringContaining('is valid until 2') });
    expect(await inDays(80)).toMatchObject({ level: 'notice', advice: expect.stringContaining('SIGHUP') });
    expect(await inDays(91)).toMatchObject({ level: 'problem' });
  });

  it('is one finding for each thing that it looks at, and no problem where nothing has run yet', async () => {
    const findings = await examineHost(configOfHost(), CLOCK);
    expect(findings.map(({ check, level }) => `${check}: ${level}`)).toEqual([
      'resume map: ok',
      'keep list: ok',
      'ledger: notice',
      'databases: ok',
      'coming back: ok',
      'clock: ok',
      'state directory: notice',
      'metrics address: ok',
    ]);
  });

  it('counts the rows of the resume map that name no session or have a time that makes no sense', async () => {
    const config = configOfHost();
    const map = SqliteResumeMap.openOwn(config['sessions.db'], { clock: CLOCK });
    await map.setSession('forgejo:a:acme/app:1', sessionIdOf(1));
    await map.close();
    expect(await findingOf('resume map', config)).toMatchObject({ level: 'ok', message: 'names 1 sessions' });
    const database = new Database(config['sessions.db']);
    database.exec(`INSERT INTO claude_sdk_sessions VALUES ('x', 'no id', ${NOW}, ${NOW})`);
    database.exec(`INSERT INTO claude_sdk_sessions VALUES ('y', '${sessionIdOf(2)}', ${2 * NOW}, ${2 * NOW})`);
    database.close();
    expect(await findingOf('resume map', config)).toMatchObject({
      level: 'notice',
      message: expect.stringMatching(/^names 2 sessions; 1 rows have no session id, and 1 a time/),
    });
  });

  it('calls a resume map that cannot be read a problem, and looks at the rest all the same', async () => {
    const config = configOfHost();
    writeAged(config['sessions.db'], 'x'.repeat(5_000), NOW);
    const findings = await examineHost(config, CLOCK);
    expect(findings).toHaveLength(8);
    expect(findings[0]).toMatchObject({ level: 'problem', advice: 'until this is mended nothing is removed' });
  });

  it('counts the files of the keep list that pin nothing', async () => {
    const config = configOfHost();
    writeAged(join(config.stateDir, 'pins', sessionIdOf(1)), '', NOW);
    writeAged(join(config.stateDir, 'pins/my-session'), '', NOW);
    expect(await findingOf('keep list', config)).toMatchObject({
      level: 'problem',
      message: '1 files in pins/ name no session, and so pin none',
    });
  });

  it.each([
    { outcome: 'ok', level: 'ok' },
    { outcome: 'partial', level: 'problem' },
    { outcome: 'failed', level: 'problem' },
  ] as const)('tells of the last prune: one that was $outcome is $level', async ({ outcome, level }) => {
    const config = configOfHost();
    const run = { job: 'prune-transcripts', startedAtMs: NOW - DAY_MS, finishedAtMs: NOW - DAY_MS + 5 } as const;
    ledgerOf(config).recordRun({ ...run, outcome, report: { faults: [] }, increments: [], levels: [] });
    expect(await findingOf('ledger', config)).toMatchObject({
      level,
      message: `the last prune was ${outcome}, 2026-11-20T04:17:00.000Z`,
    });
  });

  it('calls a clock that has jumped since the last run a problem', async () => {
    const config = configOfHost();
    new ClockGuard(CLOCK, ledgerOf(config), absenceLimits({ rows: DAY_MS, transcripts: 30 * DAY_MS })).look();
    expect(await findingOf('clock', config)).toMatchObject({ level: 'ok' });
    const ahead = new SetClock(NOW + 40 * DAY_MS);
    expect(await findingOf('clock', config, ahead)).toMatchObject({
      level: 'problem',
      advice: expect.stringContaining('--allow-mass-removal'),
    });
  });

  it('tells who else can look into the state directory, and the command that ends it', async () => {
    const config = configOfHost();
    ledgerOf(config);
    expect(await findingOf('state directory', config)).toMatchObject({ level: 'ok' });
    chmodSync(config.stateDir, 0o750);
    expect(await findingOf('state directory', config)).toMatchObject({
      level: 'notice',
      advice: `chmod go-rwx ${config.stateDir}`,
    });
  });
});
