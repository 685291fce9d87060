import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startProgram } from '../support/forked.ts';
import { throwIfMissing } from '../support/installed.ts';
import { addressOf, runProgram } from '../support/process.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { seriesValue } from '../support/prometheus-text.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, makeTree, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';

const FAST = ['--schedule-jitter', '1ms', '--listen', '127.0.0.1:0'];
const EVERY_SECOND = [
  '--schedule-prune',
  '* * * * * *',
  '--schedule-sweep',
  '* * * * * *',
  '--schedule-purge',
  '* * * * * *',
];
const NEVER_SOON = ['--schedule-prune', '0 0 1 1 *', '--schedule-sweep', '0 0 1 1 *', '--schedule-purge', '0 0 1 1 *'];

const MINUTE_MS = 60_000;

/** An entry of the audit, as it is exported. */
interface Audited {
  readonly what: string;
  readonly actor: { readonly by: string; readonly command: string };
}

function runWasEarlier(ledger: string, byMs: number): void {
  const database = new Database(ledger);
  database.prepare('UPDATE runs SET started_at = started_at - @byMs, finished_at = finished_at - @byMs').run({ byMs });
  database.close();
}

/** On disk alone, as a failing one does it: whoever has read the page before goes on with what it has read. */
function damageTable(path: string, table: string): void {
  const database = new Database(path);
  database.pragma('wal_checkpoint(TRUNCATE)');
  const page = Number(database.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(table));
  const bytes = Number(database.pragma('page_size', { simple: true }));
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(bytes, 0xff), 0, bytes, (page - 1) * bytes);
  // Closed after the database: before, it would give back the locks that SQLite holds on the file.
  database.close();
  closeSync(fd);
}

async function metricsOf(address: string): Promise<string> {
  return (await fetch(`${address}/metrics`)).text();
}

async function untilMetric(address: string, series: string, isReached: (value: number) => boolean): Promise<string> {
  return until(series, async () => {
    const metrics = await metricsOf(address);
    const value = seriesValue(metrics, series);
    return value !== undefined && isReached(value) ? metrics : undefined;
  });
}

describe('the daemon', () => {
  it('prunes, sweeps and purges by itself, and says so in its metrics', async () => {
    const { claudeDir, flags: args } = tempPlace();
    makeTree(claudeDir, { sessions: 200, seed: 11 });
    await runProgram([...args, 'map', 'set', 'forgejo:a:acme/app:1', sessionIdOf(1)]);
    const daemon = startProgram([...args, ...FAST, ...EVERY_SECOND, '--trash-keep', '1s', '--sessions-max-age', '1ms']);
    const address = await addressOf(daemon);
    for (const series of [
      'session_sweeper_transcripts_removed_total{reason="expired"}',
      'session_sweeper_transcripts_removed_total{reason="orphan"}',
      'session_sweeper_rows_swept_total{reason="expired"}',
      'session_sweeper_purged_bytes_total',
    ]) {
      await untilMetric(address, series, (value) => value > 0);
    }
    const trash = join(claudeDir, 'session-sweeper/trash');
    await until('an empty trash', () => (readdirSync(trash).length === 0 ? true : undefined));
    expect(await (await fetch(`${address}/readyz`)).json()).toMatchObject({ status: 'ready' });
    const { stdout } = await runProgram([...args, 'history', 'export']);
    const audited = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Audited);
    expect(audited.map(({ what }) => what)).toEqual(expect.arrayContaining(['removed', 'row-swept', 'purged']));
    expect(audited.filter(({ actor }) => actor.by !== 'schedule' || actor.command !== 'daemon')).toEqual([]);
    expect(await runProgram([...args, 'history', 'verify'])).toMatchObject({ code: 0 });
  });

  it('begins its ledger anew where a run has found a page of it damaged, though its own look finds nothing', async () => {
    const { claudeDir, stateDir, flags: args } = tempPlace();
    makeSession(claudeDir, { id: sessionIdOf(1), ageMs: DAY_MS });
    const prunes = ['--schedule-prune', '* * * * * *', ...NEVER_SOON.slice(2)];
    const address = await addressOf(startProgram([...args, ...FAST, ...prunes]));
    const series = 'session_sweeper_runs_total{job="prune-transcripts",outcome="ok"}';
    await untilMetric(address, series, (runs) => runs > 0);
    damageTable(join(stateDir, 'ledger.db'), 'shielded');
    await until('a new ledger', () => readdirSync(stateDir).some((name) => name.startsWith('ledger.db.damaged-')));
    await untilMetric(address, series, (runs) => runs > 0);
    expect(await (await fetch(`${address}/readyz`)).json()).toMatchObject({ status: 'ready' });
  });

  it('keeps its last-success times over a restart, and catches up what it missed', async () => {
    const { claudeDir, stateDir, flags: args } = tempPlace();
    makeSession(claudeDir, { id: sessionIdOf(1), ageMs: DAY_MS });
    expect((await runProgram([...args, '--run-now'])).code).toBe(0);
    const first = startProgram([...args, ...FAST, ...NEVER_SOON]);
    const firstAddress = await addressOf(first);
    const series = 'session_sweeper_run_last_success_timestamp_seconds{job="prune-transcripts"}';
    const lastSuccess = seriesValue(await metricsOf(firstAddress), series);
    expect(lastSuccess).toBeGreaterThan(0);
    expect(
      seriesValue(await metricsOf(firstAddress), 'session_sweeper_runs_total{job="prune-transcripts",outcome="ok"}'),
    ).toBe(1);
    first.kill('SIGTERM');
    expect(await first.exit).toMatchObject({ code: 0 });

    // By this pattern, the run has been due since the last one: that is what a worker that was down finds.
    runWasEarlier(join(stateDir, 'ledger.db'), 60 * MINUTE_MS);
    const due = new Date(Date.now() - 30 * MINUTE_MS);
    const pattern = `${due.getUTCMinutes()} ${due.getUTCHours()} * * *`;
    const schedule = ['--schedule-time-zone', 'UTC', '--schedule-prune', pattern, ...NEVER_SOON.slice(2)];
    const second = startProgram([...args, ...FAST, ...schedule]);
    const secondAddress = await addressOf(second);
    const metrics = await untilMetric(secondAddress, series, (value) => value > (lastSuccess ?? 0));
    expect(seriesValue(metrics, 'session_sweeper_runs_total{job="prune-transcripts",outcome="ok"}')).toBe(2);
    expect(seriesValue(metrics, 'session_sweeper_runs_total{job="purge-trash",outcome="ok"}')).toBe(1);
  });

  it('catches up a first run whose time has passed at every start so far, as on a laptop, and one that was cut short', async () => {
    const { claudeDir, stateDir, flags: args } = tempPlace();
    makeSession(claudeDir, { id: sessionIdOf(1), ageMs: 40 * DAY_MS });
    const inLedger = (sql: string) => {
      const database = new Database(join(stateDir, 'ledger.db'));
      database.exec(sql);
      database.close();
    };
    const first = startProgram([...args, ...FAST, ...NEVER_SOON]);
    await addressOf(first);
    first.kill('SIGTERM');
    expect(await first.exit).toMatchObject({ code: 0 });
    inLedger(`UPDATE clock SET history = json_set(history, '$.sinceMs', ${Date.now() - 2 * DAY_MS})`);
    const daily = ['--schedule-prune', '0 0 * * *', ...NEVER_SOON.slice(2)];
    const series = 'session_sweeper_runs_total{job="prune-transcripts",outcome="ok"}';
    const second = startProgram([...args, ...FAST, ...daily]);
    await untilMetric(await addressOf(second), series, (runs) => runs === 1);
    second.kill('SIGTERM');
    await second.exit;
    inLedger(`UPDATE runs SET report = json_set(report, '$.stopped', json('true')) WHERE job = 'prune-transcripts'`);
    const third = startProgram([...args, ...FAST, ...daily]);
    await untilMetric(await addressOf(third), series, (runs) => runs === 2);
  });

  it('shows every known series from the start, as 0 or as unknown, and no more of them however hostile the names', async () => {
    const { claudeDir, flags: args } = tempPlace();
    const daemon = startProgram([...args, ...FAST, ...NEVER_SOON]);
    const address = await addressOf(daemon);
    const seriesOf = (metrics: string) =>
      metrics
        .split('\n')
        .filter((line) => /^(session_sweeper|claude_session)_/.test(line))
        .map((line) => line.replace(/ [^ ]*$/, ''));
    const fresh = await metricsOf(address);
    for (const series of [
      'claude_session_resume_failures_total',
      'claude_session_resume_attempts_total',
      'session_sweeper_runs_total{job="purge-trash",outcome="failed"}',
      'session_sweeper_transcripts_removed_total{reason="over-size"}',
    ]) {
      expect(seriesValue(fresh, series), series).toBe(0);
    }
    for (const series of [
      'session_sweeper_live_sessions{source="resume-map"}',
      'session_sweeper_run_last_success_timestamp_seconds{job="prune-transcripts"}',
      'session_sweeper_trash_bytes',
    ]) {
      expect(seriesValue(fresh, series), series).toBeNaN();
    }
    for (const series of [
      'session_sweeper_run_due_timestamp_seconds{job="prune-transcripts"}',
      'session_sweeper_ledger_begun_timestamp_seconds',
      'session_sweeper_database_bytes{database="ledger"}',
      'session_sweeper_disk_free_bytes{place="claude-dir"}',
      'session_sweeper_disk_size_bytes{place="state-dir"}',
    ]) {
      expect(seriesValue(fresh, series), series).toBeGreaterThan(0);
    }
    makeSession(claudeDir, { id: sessionIdOf(2), project: '-evil"}\n{job="x', ageMs: 40 * DAY_MS });
    const secret = 'forgejo:a:secret-token/app:1';
    await runProgram([...args, 'map', 'set', secret, sessionIdOf(3)]);
    expect((await runProgram([...args, '--run-now'])).code).toBe(0);
    const metrics = await untilMetric(address, 'session_sweeper_trash_sessions', (sessions) => sessions === 1);
    expect(seriesOf(metrics).filter((series) => !seriesOf(fresh).includes(series))).toEqual([]);
    expect(metrics).not.toMatch(/evil|secret-token|00000000-0000-4000/);
  });

  it('is scraped by a real Prometheus, whose linter has nothing to say', async () => {
    const { claudeDir, flags: args } = tempPlace();
    makeTree(claudeDir, { sessions: 60, seed: 12 });
    expect((await runProgram([...args, '--run-now'])).code).toBe(0);
    const daemon = startProgram([...args, ...FAST, ...NEVER_SOON]);
    const address = await addressOf(daemon);
    throwIfMissing('promtool', 'prometheus');
    const linted = spawnSync('promtool', ['check', 'metrics'], { input: await metricsOf(address), encoding: 'utf8' });
    expect(linted.stdout + linted.stderr).toBe('');
    expect(linted.status).toBe(0);

    const prometheus = await startPrometheus({
      job_name: 'sweeper',
      static_configs: [{ targets: [address.slice(7)] }],
    });
    const value = await until('Prometheus to show the figure', async () => {
      const [series] = await prometheus.query('session_sweeper_transcripts_removed_total{reason="expired"}');
      return series?.value[1];
    });
    expect(Number(value)).toBeGreaterThan(0);
  });

  it('counts the failures that a host writes down in the same database', async () => {
    const { flags: args } = tempPlace();
    const daemon = startProgram([...args, ...FAST, ...NEVER_SOON]);
    const address = await addressOf(daemon);
    const host = `import { openResumeMap } from 'claude-session-sweeper';
      const map = await openResumeMap({ stateDir: ${JSON.stringify(args[3])} });
      await map.incrementSessionResumeAttempts();
      await map.incrementSessionResumeFailures();
      await map.close();`;
    execFileSync(process.execPath, ['--input-type=module', '-e', host]);
    const metrics = await metricsOf(address);
    expect(seriesValue(metrics, 'claude_session_resume_attempts_total')).toBe(1);
    expect(seriesValue(metrics, 'claude_session_resume_failures_total')).toBe(1);
  });

  it('is one a Claude directory: a second ends with 75, a run by hand beside an idle one works', async () => {
    const { claudeDir, flags: args } = tempPlace();
    makeSession(claudeDir, { id: sessionIdOf(4), ageMs: 40 * DAY_MS });
    await addressOf(startProgram([...args, ...FAST, ...NEVER_SOON]));
    const second = await runProgram([...args, ...FAST]);
    expect(second).toMatchObject({ code: 75, stderr: expect.stringContaining('another worker runs on it') });
    expect((await runProgram([...args, '--run-now'])).code).toBe(0);
    expect(existsSync(join(claudeDir, `projects/-srv-app/${sessionIdOf(4)}.jsonl`))).toBe(false);
  });

  it('leaves with 0 on SIGTERM and on SIGINT', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const { flags: args } = tempPlace();
      const daemon = startProgram([...args, ...FAST, ...EVERY_SECOND]);
      await untilMetric(
        await addressOf(daemon),
        'session_sweeper_runs_total{job="purge-trash",outcome="ok"}',
        (runs) => runs > 0,
      );
      daemon.kill(signal);
      expect(await daemon.exit).toMatchObject({ code: 0 });
    }
  });

  it('goes on after a failed job, and says in its metrics and in /readyz what is wrong', async () => {
    const { claudeDir, stateDir, flags: args } = tempPlace();
    makeSession(claudeDir, { id: sessionIdOf(5), ageMs: 40 * DAY_MS });
    // Pins that cannot be read must not read as no pins, so nothing may go.
    mkdirSync(stateDir, { recursive: true });
    symlinkSync('/nonexistent', join(stateDir, 'pins'));
    const daemon = startProgram([...args, ...FAST, ...EVERY_SECOND]);
    const address = await addressOf(daemon);
    const failed = 'session_sweeper_runs_total{job="prune-transcripts",outcome="failed"}';
    const metrics = await untilMetric(address, failed, (runs) => runs >= 2);
    expect(
      seriesValue(metrics, 'session_sweeper_errors_total{job="prune-transcripts",kind="unavailable"}'),
    ).toBeGreaterThan(0);
    const ready = await fetch(`${address}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('read the keep list');
    expect(existsSync(join(claudeDir, `projects/-srv-app/${sessionIdOf(5)}.jsonl`))).toBe(true);
  });

  it('lives on while its state directory is away, and works again when that is back', async () => {
    const { claudeDir, stateDir, flags: args } = tempPlace();
    makeSession(claudeDir, { id: sessionIdOf(1), ageMs: 40 * DAY_MS });
    const daemon = startProgram([...args, ...FAST, ...EVERY_SECOND]);
    const address = await addressOf(daemon);
    const runs = (outcome: string) => `session_sweeper_runs_total{job="prune-transcripts",outcome="${outcome}"}`;
    await untilMetric(address, runs('ok'), (value) => value > 0);
    renameSync(stateDir, `${stateDir}.away`);
    writeFileSync(stateDir, 'not a directory');
    await until('two times at which nothing can be looked up', () => {
      return daemon.log().split('whether a run was missed cannot be told').length > 2 ? true : undefined;
    });
    rmSync(stateDir);
    renameSync(`${stateDir}.away`, stateDir);
    const before = seriesValue(await metricsOf(address), runs('ok')) ?? 0;
    await untilMetric(address, runs('ok'), (value) => value > before);
    expect(daemon.ended()).toBeUndefined();
  });

  it('does not start on a port that is in use, and names it', async () => {
    const { flags: args } = tempPlace();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const result = await runProgram([...args, '--listen', `127.0.0.1:${port}`]);
    expect(result).toMatchObject({
      code: 69,
      stderr: expect.stringContaining(`127.0.0.1:${port}: the port is in use`),
    });
  });

  it('answers garbage with 4xx and others meanwhile', async () => {
    const { flags: args } = tempPlace();
    const address = await addressOf(startProgram([...args, ...FAST, ...NEVER_SOON]));
    const port = Number(new URL(address).port);
    for (const path of ['/nope', '//metrics', '/metrics/../x', '/%00']) {
      const status = await rawStatus(port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(status, path).toMatch(/^HTTP\/1\.1 4\d\d/);
    }
    expect(await rawStatus(port, 'BREW /metrics HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 4\d\d/);
    expect(await rawStatus(port, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431/,
    );
    expect(
      (await fetch(`${address}/metrics`, { method: 'POST', body: 'x'.repeat(100_000) })).status,
    ).toBeGreaterThanOrEqual(400);
    expect(await (await fetch(`${address}/`)).text()).toMatch(/^<!doctype html>/);
    expect((await fetch(`${address}/healthz`)).status).toBe(200);
  });
});

function rawStatus(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    let answer = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer.split('\r\n')[0] ?? ''));
    // A refused request may be cut off while it is still being written.
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer.split('\r\n')[0] ?? '')));
  });
}
