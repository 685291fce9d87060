import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { silentLogger } from '../../src/log.ts';
import { isProcessAlive } from '../../src/process/process-alive.ts';
import { jobInChild, type ProcessSettings } from '../../src/runs/job-in-child.ts';
import { runJob } from '../../src/runs/run-job.ts';
import type { JobAtWork, RunnableJob, RunRequest } from '../../src/runs/runnable-job.ts';
import { SetClock } from '../support/set-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { NOW } from '../support/units.ts';

const SCRIPT = new URL('./scripted-run.mjs', import.meta.url);

function jobThatIsTo(act: string, settings: Partial<ProcessSettings> = {}, tracePath?: string): RunnableJob {
  const config = { act, tracePath } as unknown as Config;
  return jobInChild('purge-trash', config, { script: SCRIPT, ...settings });
}

function requestOf(signal = new AbortController().signal): RunRequest {
  const options = {
    dryRun: false,
    jobs: ['prune-transcripts'],
    allowMassRemoval: false,
    listsRemoved: 'none',
  } as const;
  return { options, signal, onProgress: () => undefined };
}

async function pidOf(work: JobAtWork): Promise<number> {
  return (await work.report).kept?.pid ?? Number.NaN;
}

const allowCommand = () => 'sweep';

describe('A job in a process of its own', () => {
  it('works in another process for each run, which is gone once the run is let go', async () => {
    const job = jobThatIsTo('answer');
    const [first, second] = [job.start(requestOf()), job.start(requestOf())];
    const pids = [await pidOf(first), await pidOf(second)];
    expect(new Set([process.pid, ...pids]).size).toBe(3);
    expect(pids.map(isProcessAlive)).toEqual([true, true]);
    await Promise.all([first.release(), second.release()]);
    expect(pids.map(isProcessAlive)).toEqual([false, false]);
  });

  it('is not let go before the run is written down', async () => {
    const trace = join(tempDir(), 'trace');
    const isLetGo: boolean[] = [];
    const ledger = { recordRun: () => void isLetGo.push(existsSync(trace)) };
    const dependencies = { clock: new SetClock(NOW), log: silentLogger, ledger, clockGuard: undefined, allowCommand };
    await runJob(jobThatIsTo('answer', {}, trace), requestOf(), { ...dependencies, deadlineMs: 60_000 });
    expect(isLetGo).toEqual([false]);
    expect(existsSync(trace)).toBe(true);
  });

  it.each([
    { act: 'fail', error: { kind: 'io', message: 'the disk is full' } },
    { act: 'fail unforeseen', error: { message: 'x is no y', stack: 'at z' } },
    { act: 'throw', error: { message: expect.stringMatching(/died: exit code \d+$/), stack: /a programmer was here/ } },
    { act: 'leave', error: { message: 'the process of the run died: exit code 7' } },
    { act: 'abort', error: { message: 'the process of the run died: SIGABRT' } },
    { act: 'be cut off', error: { message: 'the process of the run died: SIGKILL' } },
  ])('ends with an error, and nothing else does, where it is to $act', async ({ act, error }) => {
    const work = jobThatIsTo(act).start(requestOf());
    const failure = (await work.report.catch((reason: unknown) => reason)) as Error;
    const { stack, ...rest } = error as { stack?: RegExp | string };
    expect(failure).toMatchObject(rest);
    expect(failure.stack).toMatch(stack ?? '');
    await work.release();
  });

  it('may fill its heap: that ends it alone, and what Node said of it is told', async () => {
    const environment = { NODE_OPTIONS: '--max-old-space-size=32' };
    const work = jobThatIsTo('fill the heap', { environment }).start(requestOf());
    const failure = (await work.report.catch((reason: unknown) => reason)) as Error;
    expect(failure.message).toBe('the process of the run died: SIGABRT');
    expect(failure.stack).toMatch(/heap out of memory/);
    await work.release();
  });

  it('may say more than anybody reads', async () => {
    const work = jobThatIsTo('talk').start(requestOf());
    await expect(pidOf(work)).resolves.toBeGreaterThan(0);
    await work.release();
  });

  it('is told to stop, be it before or while it works', async () => {
    for (const isAbortedBefore of [true, false]) {
      const stop = new AbortController();
      if (isAbortedBefore) stop.abort();
      const work = jobThatIsTo('obey').start(requestOf(stop.signal));
      stop.abort();
      await expect(work.report).resolves.toMatchObject({ stopped: true });
      await work.release();
    }
  });

  it('is killed where it does not end within its grace after the deadline', async () => {
    const dependencies = {
      clock: new SetClock(NOW),
      log: silentLogger,
      ledger: undefined,
      clockGuard: undefined,
      allowCommand,
    };
    const job = jobThatIsTo('hang', { graceMs: 20 });
    expect(await runJob(job, requestOf(), { ...dependencies, deadlineMs: 20 })).toMatchObject({
      outcome: 'failed',
      failure: { kind: 'io', message: 'the job did not end in time and was broken off' },
    });
  });

  it('is killed where it does not end once it is let go', async () => {
    const work = jobThatIsTo('hang when let go', { graceMs: 20 }).start(requestOf());
    const pid = await pidOf(work);
    await work.release();
    expect(isProcessAlive(pid)).toBe(false);
  });

  it('is given none of the secrets that stand in the environment', async () => {
    const environment = {
      ...{ SWEEPER_SESSIONS_DB: '/x', ANTHROPIC_API_KEY: 'x', NODE_AUTH_TOKEN: 'x', LD_SDK_KEY: 'x', HOME: '/x' },
      ...{ TZ: 'UTC', NODE_OPTIONS: '--no-deprecation', FAKETIME_NO_CACHE: '1' },
    };
    const work = jobThatIsTo('tell the environment', { environment }).start(requestOf());
    const { kept = {} } = await work.report;
    expect(Object.keys(kept).toSorted()).toEqual(['FAKETIME_NO_CACHE', 'NODE_OPTIONS', 'TZ']);
    await work.release();
  });

  it('says why it could not be started', async () => {
    const work = jobThatIsTo('answer', { script: new URL('./nowhere.mjs', import.meta.url) }).start(requestOf());
    const failure = (await work.report.catch((reason: unknown) => reason)) as Error;
    expect(failure.stack).toMatch(/nowhere\.mjs/);
    await work.release();
  });
});
