import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JobName, Outcome } from '../../src/jobs/job-names.ts';
import type { PruneReport } from '../../src/jobs/report.ts';
import { type NoticeOptions, Notices } from '../../src/runs/notices.ts';
import type { RunResult } from '../../src/runs/run-result.ts';
import { startReceiver } from '../support/receiver.ts';
import { tempDir } from '../support/temp-dir.ts';
import { NOW } from '../support/units.ts';

const OFF = { hooks: {}, 'ping.url': 'off', 'webhook.url': 'off' };
const PATH_OF_A_PROJECT = 'projects/-home-ada-secret';
const REPORT: PruneReport = {
  job: 'prune-transcripts',
  observed: { sessions: 9, files: 9, bytes: 9, diskBytes: 9, orphans: 0 },
  removed: { sessions: 3, files: 3, bytes: 2_048, byReason: { expired: 3 }, bytesByReason: { expired: 2_048 } },
  exposed: {
    '/home/ada/.claude': { sessions: 2, wanted: 1, byReason: {}, unshieldable: 0, notYetShielded: 0, shielded: 0 },
  },
  faults: [],
};
const FAULTY: PruneReport = { ...REPORT, faults: [{ kind: 'io', message: `read ${PATH_OF_A_PROJECT}: EACCES` }] };

function resultOf(outcome: Outcome, overrides: Partial<RunResult> = {}): RunResult {
  const about = { job: 'prune-transcripts', dryRun: false, startedAtMs: NOW, durationMs: 1_500 } as const;
  return { ...about, outcome, report: REPORT, failure: undefined, held: [], allowWith: undefined, ...overrides };
}

const ENDS: Readonly<Record<string, RunResult>> = {
  ok: resultOf('ok'),
  failed: resultOf('failed', { report: undefined, failure: { kind: 'unavailable', message: 'read the keep list' } }),
  partial: resultOf('partial', { report: FAULTY }),
  held: resultOf('held', { held: [{ guard: 'clock', message: `the clock, and ${PATH_OF_A_PROJECT}` }] }),
  skipped: resultOf('skipped', { report: undefined, failure: { kind: 'locked', message: 'another run' } }),
  stopped: resultOf('partial', { report: { ...REPORT, stopped: true } }),
  announcing: resultOf('ok', { report: { ...REPORT, announced: { sessions: 4, bytes: 4 } } }),
};

function noticesWith(settings: Partial<typeof OFF & { hooks: object }>, options: Partial<NoticeOptions> = {}) {
  const warnings: { readonly fields: object; readonly message: string }[] = [];
  const notices = new Notices(
    { ...OFF, ...settings },
    {
      log: { warn: (fields, message) => void warnings.push({ fields, message }) },
      environment: {
        PATH: process.env.PATH,
        SWEEPER_PING_URL: 's3cret',
        SWEEPER_WEBHOOK_URL: 's3cret',
        SWEEPER_HTTP_TOKEN: 's3cret',
      },
      shutdown: new AbortController().signal,
      ...options,
    },
  );
  return { notices, warnings };
}

/** Hooks that write down, one a line, what they are told. */
function writingHooks() {
  const file = join(tempDir(), 'told');
  const script = `const fs = require('fs');
    fs.appendFileSync(${JSON.stringify(file)}, fs.readFileSync(0, 'utf8'));
    if (JSON.stringify(process.env).includes('s3cret')) process.exit(9);`;
  const argv = [process.execPath, '-e', script];
  const hooks = { before: argv, after: argv, onFailure: argv, onHeld: argv, onNotice: argv };
  const told = () =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as { readonly event: string } & Readonly<Record<string, unknown>>)
      : [];
  return { hooks, told };
}

const run = (result: RunResult) => () => Promise.resolve(result);

describe('hooks', () => {
  it.each([
    ['ok', ['before', 'after']],
    ['failed', ['before', 'after', 'onFailure']],
    ['partial', ['before', 'after', 'onFailure']],
    ['held', ['before', 'after', 'onHeld']],
    ['skipped', ['before', 'after']],
    ['stopped', ['before', 'after']],
    ['announcing', ['before', 'after', 'onNotice']],
  ])('are called about a run that ends as %s: %j', async (end, events) => {
    const { hooks, told } = writingHooks();
    const { notices, warnings } = noticesWith({ hooks });
    const result = ENDS[end] ?? resultOf('ok');
    const seenByRun: string[] = [];
    await notices.around(result.job, async () => {
      seenByRun.push(...told().map(({ event }) => event));
      return result;
    });
    expect(seenByRun).toEqual(['before']);
    expect(told().map(({ event }) => event)).toEqual(events);
    expect(warnings).toEqual([]);
  });

  it('are told what the ledger has of the run', async () => {
    const { hooks, told } = writingHooks();
    await noticesWith({ hooks }).notices.around('prune-transcripts', run(ENDS.partial ?? resultOf('ok')));
    expect(told()[0]).toEqual({ event: 'before', job: 'prune-transcripts' });
    expect(told()[1]).toMatchObject({
      event: 'after',
      job: 'prune-transcripts',
      outcome: 'partial',
      startedAt: new Date(NOW).toISOString(),
      durationSeconds: 1.5,
      removed: { sessions: 3, bytes: 2_048 },
      errors: FAULTY.faults,
    });
  });

  it('that fail or are not there change nothing of the run, and are told of', async () => {
    const { notices, warnings } = noticesWith({ hooks: { before: ['/nonexistent'], onFailure: ['false'] } });
    const result = ENDS.failed ?? resultOf('failed');
    expect(await notices.around(result.job, run(result))).toBe(result);
    expect(warnings.map(({ fields }) => fields)).toEqual([
      { hook: 'before', error: 'it could not be started: ENOENT' },
      { hook: 'onFailure', error: 'it ended with 1' },
    ]);
  });

  it('that hang are killed, and hold up no run', async () => {
    const hang = [process.execPath, '-e', 'setInterval(() => {}, 1e6)'];
    const { notices, warnings } = noticesWith({ hooks: { before: hang, after: hang, timeout: 100 } });
    const result = resultOf('ok');
    expect(await notices.around(result.job, run(result))).toBe(result);
    const error = 'it was killed: its time was over';
    expect(warnings.map(({ fields }) => fields)).toEqual([
      { hook: 'before', error },
      { hook: 'after', error },
    ]);
  });

  it('have one moment in all where the process is to leave', async () => {
    const hang = [process.execPath, '-e', 'setInterval(() => {}, 1e6)'];
    const hooks = { after: hang, onFailure: hang, timeout: 600_000 };
    const shutdown = new AbortController();
    const { notices, warnings } = noticesWith({ hooks }, { shutdown: shutdown.signal });
    const ended = notices.around('purge-trash', run(ENDS.failed ?? resultOf('failed')));
    shutdown.abort();
    await ended;
    expect(warnings.map(({ fields }) => fields)).toEqual([
      { hook: 'after', error: 'it was killed: its time was over' },
      { hook: 'onFailure', error: 'it was not started: there was no time left' },
    ]);
  });
});

describe('a dead-man switch', () => {
  it.each([
    ['ok', ['/s3cret/start', '/s3cret']],
    ['announcing', ['/s3cret/start', '/s3cret']],
    ['failed', ['/s3cret/start', '/s3cret/fail']],
    ['partial', ['/s3cret/start', '/s3cret/fail']],
    ['held', ['/s3cret/start', '/s3cret/fail']],
    ['skipped', ['/s3cret/start']],
    ['stopped', ['/s3cret/start']],
  ])('hears of a prune that ends as %s: %j', async (end, paths) => {
    const { url, received } = await startReceiver();
    const { notices } = noticesWith({ 'ping.url': url });
    await notices.around('prune-transcripts', run(ENDS[end] ?? resultOf('ok')));
    expect(received.map(({ path }) => path)).toEqual(paths);
    expect(received.map(({ method }) => method)).toEqual(paths.map(() => 'POST'));
  });

  it('gets how it went, and neither a path nor what a fault says of one', async () => {
    const { url, received } = await startReceiver();
    await noticesWith({ 'ping.url': url }).notices.around('prune-transcripts', run(ENDS.partial ?? resultOf('ok')));
    expect(received[1]?.body).toContain(
      `prune-transcripts on ${hostname()}: partial, after 1.5 s\nerrors of kind io: 1\n`,
    );
    expect(received[1]?.body).toContain('to trash: 3 sessions, 3 files, 2.0 KiB (3 expired)');
    expect(JSON.stringify(received)).not.toMatch(/ada|projects/);
  });

  it('hears of no other job, and its query stays where it is', async () => {
    const { url, received } = await startReceiver();
    const { notices } = noticesWith({ 'ping.url': `${url}/?create=1` });
    for (const job of ['sweep-sessions', 'purge-trash', 'prune-transcripts'] satisfies JobName[])
      await notices.around(job, run({ ...resultOf('ok'), job }));
    expect(received.map(({ path }) => path)).toEqual(['/s3cret/start?create=1', '/s3cret?create=1']);
  });

  it('hears that a run could not even be begun', async () => {
    const { url, received } = await startReceiver();
    const { notices } = noticesWith({ 'ping.url': url });
    const broken = notices.around('prune-transcripts', () => Promise.reject(new Error('the ledger is away')));
    await expect(broken).rejects.toThrow('the ledger is away');
    expect(received.map(({ path }) => path)).toEqual(['/s3cret/start', '/s3cret/fail']);
  });

  it('that does not answer changes nothing, and the log does not name it', async () => {
    const { url } = await startReceiver(() => undefined);
    const { notices, warnings } = noticesWith({ 'ping.url': url, 'webhook.url': url }, { postTimeoutMs: 50 });
    const result = ENDS.held ?? resultOf('held');
    expect(await notices.around(result.job, run(result))).toBe(result);
    expect(warnings.map(({ message }) => message)).toEqual(Array(3).fill('notice of a run not delivered'));
    expect(JSON.stringify(warnings)).not.toMatch(/s3cret|127\.0/);
  });
});

describe('a webhook', () => {
  it.each([
    ['ok', 0],
    ['skipped', 0],
    ['stopped', 0],
    ['failed', 1],
    ['partial', 1],
    ['held', 1],
    ['announcing', 1],
  ])('of a run that ends as %s is sent %d times', async (end, times) => {
    const { url, received } = await startReceiver();
    const { notices } = noticesWith({ 'webhook.url': url });
    await notices.around('prune-transcripts', run(ENDS[end] ?? resultOf('ok')));
    expect(received).toHaveLength(times);
  });

  it('is JSON with a text for people and figures for programs, and names no path', async () => {
    const { url, received } = await startReceiver();
    await noticesWith({ 'webhook.url': url }).notices.around('prune-transcripts', run(ENDS.held ?? resultOf('held')));
    expect(received[0]).toMatchObject({ path: '/s3cret', contentType: 'application/json' });
    const body = JSON.parse(received[0]?.body ?? '') as { text: string };
    expect(body).toMatchObject({
      text: expect.stringContaining('held by clock'),
      content: body.text,
      run: { host: hostname(), job: 'prune-transcripts', outcome: 'held', held: ['clock'], errors: {} },
    });
    expect(received[0]?.body).not.toMatch(/ada|projects/);
  });
});
