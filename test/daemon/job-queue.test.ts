import { describe, expect, it } from 'vitest';
import { JobQueue } from '../../src/daemon/job-queue.ts';
import type { JobName } from '../../src/jobs/job-names.ts';

/** A queue whose runs go on until the test ends them. */
class QueueUnderTest {
  readonly begun: JobName[] = [];
  readonly overlaps: JobName[] = [];
  readonly #endings: (() => void)[] = [];
  readonly queue = new JobQueue({
    run: (job) => {
      this.begun.push(job);
      return new Promise<void>((resolve) => this.#endings.push(resolve));
    },
    onOverlap: (job) => this.overlaps.push(job),
    onError: () => undefined,
  });

  /** Ends the run that goes on, and lets whatever follows from it happen. */
  async endRun(): Promise<void> {
    this.#endings.shift()?.();
    await settled();
  }
}

/** All promises that can settle now have settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('a queue of jobs', () => {
  it('runs one at a time, in the order in which they were added', async () => {
    const under = new QueueUnderTest();
    under.queue.add('purge-trash');
    under.queue.add('sweep-sessions');
    under.queue.add('prune-transcripts');
    await settled();
    expect(under.begun).toEqual(['purge-trash']);
    await under.endRun();
    expect(under.begun).toEqual(['purge-trash', 'sweep-sessions']);
    await under.endRun();
    expect(under.begun).toEqual(['purge-trash', 'sweep-sessions', 'prune-transcripts']);
    expect(under.overlaps).toEqual([]);
  });

  it('says which job is at work', async () => {
    const under = new QueueUnderTest();
    expect(under.queue.running).toBeUndefined();
    under.queue.add('sweep-sessions');
    under.queue.add('purge-trash');
    await settled();
    expect(under.queue.running).toBe('sweep-sessions');
    await under.endRun();
    expect(under.queue.running).toBe('purge-trash');
    await under.endRun();
    expect(under.queue.running).toBeUndefined();
  });

  it('does not begin a job again that is at work, and reports the overlap', async () => {
    const under = new QueueUnderTest();
    under.queue.add('sweep-sessions');
    await settled();
    under.queue.add('sweep-sessions');
    under.queue.add('sweep-sessions');
    expect(under.overlaps).toEqual(['sweep-sessions', 'sweep-sessions']);
    await under.endRun();
    expect(under.begun).toEqual(['sweep-sessions']);
  });

  it('does not add a job again that still waits for its turn, and reports the overlap', async () => {
    const under = new QueueUnderTest();
    under.queue.add('prune-transcripts');
    under.queue.add('sweep-sessions');
    under.queue.add('sweep-sessions');
    expect(under.overlaps).toEqual(['sweep-sessions']);
    for (let run = 0; run < 3; run += 1) await under.endRun();
    expect(under.begun).toEqual(['prune-transcripts', 'sweep-sessions']);
  });

  it('begins a job anew once its run is through', async () => {
    const under = new QueueUnderTest();
    for (let round = 1; round <= 3; round += 1) {
      under.queue.add('sweep-sessions');
      await settled();
      await under.endRun();
      expect(under.begun).toHaveLength(round);
    }
    expect(under.overlaps).toEqual([]);
  });

  it('is idle when all that was added is through, and not before', async () => {
    const under = new QueueUnderTest();
    await under.queue.idle();
    under.queue.add('sweep-sessions');
    under.queue.add('purge-trash');
    let isIdle = false;
    const idle = under.queue.idle().then(() => {
      isIdle = true;
    });
    await settled();
    await under.endRun();
    expect(isIdle).toBe(false);
    await under.endRun();
    await idle;
    expect(under.begun).toHaveLength(2);
  });

  it('goes on where a run or the report of an overlap throws, and says so', async () => {
    const begun: JobName[] = [];
    const errors: unknown[] = [];
    const queue = new JobQueue({
      run: async (job) => {
        begun.push(job);
        await settled();
        throw new Error(`${job} broke`);
      },
      onOverlap: (job) => {
        throw new Error(`${job} overlaps`);
      },
      onError: (job, error) => errors.push([job, String(error)]),
    });
    queue.add('prune-transcripts');
    queue.add('prune-transcripts');
    queue.add('sweep-sessions');
    await queue.idle();
    queue.add('prune-transcripts');
    await queue.idle();
    expect(begun).toEqual(['prune-transcripts', 'sweep-sessions', 'prune-transcripts']);
    expect(errors).toEqual([
      ['prune-transcripts', 'Error: prune-transcripts overlaps'],
      ['prune-transcripts', 'Error: prune-transcripts broke'],
      ['sweep-sessions', 'Error: sweep-sessions broke'],
      ['prune-transcripts', 'Error: prune-transcripts broke'],
    ]);
    expect(queue.running).toBeUndefined();
  });
});
