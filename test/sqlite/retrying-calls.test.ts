import { describe, expect, it } from 'vitest';
import { BusyError } from '../../src/errors.ts';
import { RetryingCalls } from '../../src/sqlite/retrying-calls.ts';

const LONG_MS = 10_000;

/** A call that finds the database locked so many times, and then answers. */
function lockedFor<T>(times: number, answer: () => T): () => T {
  let left = times;
  return () => {
    if (left-- > 0) throw new BusyError('database is locked');
    return answer();
  };
}

describe('calls that wait for a lock', () => {
  it('are done at once where nothing is locked and nobody waits', async () => {
    const calls = new RetryingCalls(LONG_MS);
    let done = 0;
    const both = [calls.run(() => ++done), calls.run(() => ++done)];
    expect(done).toBe(2);
    expect(await Promise.all(both)).toEqual([1, 2]);
  });

  it('leave the thread to others meanwhile', async () => {
    const calls = new RetryingCalls(LONG_MS);
    let isFree = false;
    const waiting = calls.run(() => {
      if (!isFree) throw new BusyError('database is locked');
      return 'done';
    });
    setImmediate(() => {
      isFree = true;
    });
    expect(await waiting).toBe('done');
  });

  it('keep the order in which they were asked for', async () => {
    const calls = new RetryingCalls(LONG_MS);
    const done: string[] = [];
    const ask = (name: string, locked: number) => calls.run(lockedFor(locked, () => done.push(name)));
    await Promise.all([ask('a', 5), ask('b', 0), ask('c', 3), ask('d', 0)]);
    await ask('e', 0);
    expect(done).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('give up after their time, and those behind them are tried all the same', async () => {
    const calls = new RetryingCalls(30);
    const never = calls.run(lockedFor(Number.POSITIVE_INFINITY, () => 'never'));
    const next = calls.run(() => 'next');
    await expect(never).rejects.toBeInstanceOf(BusyError);
    expect(await next).toBe('next');
    expect(await calls.run(() => 'later')).toBe('later');
  });

  it('hand on any other error at once, and are not tried again', async () => {
    const calls = new RetryingCalls(LONG_MS);
    const fault = new Error('disk I/O error');
    let tries = 0;
    const failing = calls.run(() => {
      tries += 1;
      throw fault;
    });
    await expect(failing).rejects.toBe(fault);
    expect(tries).toBe(1);
    expect(await calls.run(() => 'next')).toBe('next');
  });
});
