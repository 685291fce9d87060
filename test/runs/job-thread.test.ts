import { describe, expect, it, onTestFinished } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { JobThread } from '../../src/runs/job-thread.ts';
import type { RunRequest } from '../../src/runs/run-job.ts';

const SCRIPT = new URL('./scripted-thread.mjs', import.meta.url);

type Act = 'answer' | 'fail' | 'crash' | 'obey' | 'leave';

function scriptedThread(): { thread: JobThread; run(act: Act, overrides?: Partial<RunRequest>): Promise<number> } {
  const thread = new JobThread(SCRIPT);
  onTestFinished(() => thread.end());
  const run = async (act: Act, overrides: Partial<RunRequest> = {}) => {
    const request: RunRequest = {
      dryRun: false,
      afterSweep: false,
      allowMassRemoval: false,
      listsRemoved: 'none',
      signal: new AbortController().signal,
      onProgress: () => undefined,
      ...overrides,
    };
    const { kept } = await thread.job('purge-trash', { act } as unknown as Config).run(request);
    return kept?.thread ?? Number.NaN;
  };
  return { thread, run };
}

describe('the thread of the jobs', () => {
  it('is the same one for one job after the other', async () => {
    const { run } = scriptedThread();
    const first = await run('answer');
    expect(await run('answer')).toBe(first);
    expect(await run('answer')).toBe(first);
  });

  it('is the one that was started early', async () => {
    const { thread, run } = scriptedThread();
    thread.start();
    thread.start();
    const first = await run('answer');
    expect(await run('answer')).toBe(first);
  });

  it.each<{ act: Act; error: object }>([
    { act: 'fail', error: { kind: 'io', message: 'the disk is full' } },
    { act: 'crash', error: { message: 'a programmer was here' } },
    { act: 'leave', error: { kind: 'io', message: 'the job did not end in time and was broken off' } },
  ])('is another one after a job that ended by: $act', async ({ act, error }) => {
    const { run } = scriptedThread();
    const first = await run('answer');
    await expect(run(act)).rejects.toMatchObject(error);
    const second = await run('answer');
    expect(second).not.toBe(first);
    expect(await run('answer')).toBe(second);
  });

  it('tells a job to stop, and gives the next one a thread that nobody told so', async () => {
    const { run } = scriptedThread();
    const stop = new AbortController();
    const first = await run('obey', { signal: stop.signal, onProgress: () => stop.abort() });
    expect(await run('answer')).not.toBe(first);
  });

  it('can be ended when it was never used, never started, or twice', async () => {
    const { thread, run } = scriptedThread();
    await thread.end();
    thread.start();
    await thread.end();
    await run('answer');
    await Promise.all([thread.end(), thread.end()]);
    expect(process.getActiveResourcesInfo()).not.toContain('MessagePort');
  });
});
