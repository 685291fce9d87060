import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startProgram } from '../support/forked.ts';
import type { Place } from '../support/place.ts';
import { addressOf } from '../support/process.ts';
import { startReceiver } from '../support/receiver.ts';
import { tempPlace } from '../support/temp-place.ts';
import { DAY_MS, makeSession, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';

const NEVER_SOON = ['prune', 'sweep', 'purge'].flatMap((job) => [`--schedule-${job}`, '0 0 1 1 *']);
const EVERY_SECOND = [...NEVER_SOON, '--schedule-prune', '* * * * * *', '--schedule-jitter', '1ms'];

function placeWithSession(): Place {
  const place = tempPlace();
  makeSession(place.claudeDir, { id: sessionIdOf(1), ageMs: 40 * DAY_MS });
  return place;
}

function configOf(place: Place, settings: object): string[] {
  const file = join(place.directory, 'config.yaml');
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
  return ['--config', file];
}

/** A hook that writes down what it is told. */
function writer(place: Place) {
  const file = join(place.directory, 'told');
  const script = `const fs = require('fs'); fs.appendFileSync(${JSON.stringify(file)}, fs.readFileSync(0))`;
  const told = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []);
  return { argv: [process.execPath, '-e', script], told };
}

/** A hook that says who it is, and then nothing any more. */
function hangingHook(place: Place) {
  const file = join(place.directory, 'pid');
  const script = `require('fs').writeFileSync(${JSON.stringify(file)}, process.pid + ' '); setInterval(() => {}, 1e6)`;
  const pid = () => existsSync(file) && Number.parseInt(readFileSync(file, 'utf8'), 10);
  return { argv: [process.execPath, '-e', script], pid };
}

describe('a run by hand', () => {
  it('tells hooks of each job, and the dead-man switch of the prune, and ends as it would without them', async () => {
    const place = placeWithSession();
    const { argv, told } = writer(place);
    const { url, received } = await startReceiver();
    const config = configOf(place, { hooks: { before: argv, after: argv, onFailure: argv }, ping: { url } });
    const { code, stdout } = await place.run([...config, '--run-now', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ jobs: [{ outcome: 'ok' }, { outcome: 'ok' }, { outcome: 'ok' }] });
    const events = told().map((line) => JSON.parse(line) as { event: string; job: string });
    expect(events.map(({ event, job }) => `${event} ${job}`)).toEqual(
      ['sweep-sessions', 'prune-transcripts', 'purge-trash'].flatMap((job) => [`before ${job}`, `after ${job}`]),
    );
    expect(events[3]).toMatchObject({ outcome: 'ok', removed: { sessions: 1 } });
    expect(received.map(({ path }) => path)).toEqual(['/s3cret/start', '/s3cret']);
    expect(received[1]?.body).toContain('to trash: 1 session');
  });

  it('is not stopped by hooks that fail, nor by addresses where nobody is, and names none of these', async () => {
    const place = placeWithSession();
    // No port that fetch refuses by itself.
    const url = 'http://127.0.0.1:2/s3cret';
    const settings = { hooks: { before: ['false'], after: ['/nonexistent'] }, ping: { url }, webhook: { url } };
    const { code, stdout, stderr } = await place.run([...configOf(place, settings), '--run-now']);
    expect(code).toBe(0);
    expect(existsSync(place.at(`projects/-srv-app/${sessionIdOf(1)}.jsonl`))).toBe(false);
    expect(stderr).toContain('"hook":"before","error":"it ended with 1"');
    expect(stderr).toContain('"setting":"ping","error":"it could not be sent: ECONNREFUSED"');
    expect(stdout + stderr).not.toContain('s3cret');
  });

  it('that is told twice to leave does so, and leaves no hook behind', async () => {
    const place = placeWithSession();
    const { argv, pid } = hangingHook(place);
    const config = configOf(place, { hooks: { before: argv, timeout: '10m' } });
    const running = startProgram([...place.flags, ...config, '--run-now']);
    const hook = await until('the hook', pid);
    running.kill('SIGTERM');
    await until('word of it', () => running.log().includes('signal heard: stopping'));
    running.kill('SIGTERM');
    await running.exit;
    await until('its end', () => !existsSync(`/proc/${hook}`));
  });

  it('tells nobody where it is dry', async () => {
    const place = placeWithSession();
    const { argv, told } = writer(place);
    const { url, received } = await startReceiver();
    const config = configOf(place, { hooks: { before: argv, after: argv }, ping: { url }, webhook: { url } });
    expect((await place.run([...config, '--run-now', '--dry-run'])).code).toBe(0);
    expect([told(), received]).toEqual([[], []]);
  });
});

describe('the daemon', () => {
  it('tells of each run of its schedule', async () => {
    const place = placeWithSession();
    const { argv, told } = writer(place);
    const { url, received } = await startReceiver();
    const config = configOf(place, { hooks: { after: argv }, ping: { url } });
    startProgram([...place.flags, ...config, ...EVERY_SECOND, '--listen', 'off']);
    await until('two pings of runs', () => received.filter(({ path }) => path === '/s3cret').length >= 2);
    await until('both hooks', () => told().length >= 2);
    expect(received.slice(0, 3).map(({ path }) => path)).toEqual(['/s3cret/start', '/s3cret', '/s3cret/start']);
    expect(JSON.parse(told()[0] ?? '')).toMatchObject({ event: 'after', job: 'prune-transcripts', outcome: 'ok' });
  });

  it('is at no run any more while a hook of one that has ended is at work', async () => {
    const place = placeWithSession();
    const { argv, pid } = hangingHook(place);
    const config = configOf(place, { hooks: { after: argv, timeout: '10m' } });
    startProgram([...place.flags, ...config, ...EVERY_SECOND, '--listen', 'off']);
    await until('the hook', pid);
    const { stdout } = await place.run([...config, 'status', '--json']);
    expect(stdout).toMatch(/"running":\s*true/);
    expect(stdout).toMatch(/"now":\s*null/);
  });

  it('leaves in order while a hook hangs, which does not stay behind', async () => {
    const place = placeWithSession();
    const { argv, pid } = hangingHook(place);
    const config = configOf(place, { hooks: { after: argv, timeout: '10m' } });
    const daemon = startProgram([...place.flags, ...config, ...EVERY_SECOND, '--listen', 'off']);
    const hook = await until('the hook', pid);
    daemon.kill('SIGTERM');
    expect(await daemon.exit).toMatchObject({ code: 0 });
    await until('its end', () => !existsSync(`/proc/${hook}`));
  });
});

describe('a setting that is a secret', () => {
  it('is shown by no command, and by no log', async () => {
    const place = placeWithSession();
    const url = 'https://127.0.0.1:1/s3cret';
    const config = configOf(place, { ping: { url }, webhook: { url }, http: { token: 's3cret-s3cret-s3cret' } });
    for (const args of [['check-config'], ['check-config', '--json'], ['doctor'], ['status', '--json']]) {
      const { stdout, stderr } = await place.run([...config, ...args]);
      expect(stdout.length).toBeGreaterThan(0);
      expect(stdout + stderr, args.join(' ')).not.toContain('s3cret');
    }
    const wrong = await place.run(['--ping-url', 'ftp://s3cret', 'check-config']);
    expect(wrong.code).toBe(78);
    expect(wrong.stderr).toContain('--ping-url: expected an address');
    expect(wrong.stderr).not.toContain('s3cret');
  });

  it('is not told where it changes while the daemon runs', async () => {
    const place = placeWithSession();
    const config = configOf(place, {
      ping: { url: 'https://127.0.0.1:1/s3cret-1' },
      http: { token: 's3cret-s3cret-s3cret' },
    });
    const daemon = startProgram([...place.flags, ...config, ...NEVER_SOON, '--listen', '127.0.0.1:0']);
    await addressOf(daemon);
    configOf(place, {
      ping: { url: 'https://127.0.0.1:1/s3cret-2' },
      http: { token: 'another-s3cret-another' },
      logLevel: 'debug',
    });
    daemon.kill('SIGHUP');
    await until('the reload', () => daemon.log().includes('configuration reloaded'));
    expect(daemon.log()).toContain('"ping.url"');
    expect(daemon.log()).toContain('"http.token"');
    expect(daemon.log()).not.toContain('s3cret');
  });
});
