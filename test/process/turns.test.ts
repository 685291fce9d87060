import { describe, expect, it } from 'vitest';
import { abortedBetweenTurns } from '../../src/process/turns.ts';

const LONG_ENOUGH_MS = 10_000;

describe('Long work that asks between its steps whether it is to stop', () => {
  it('hears what a timer has to say, though it awaits nothing else', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 1);
    const isAborted = abortedBetweenTurns(stop.signal);
    const startedAt = performance.now();
    while (!(await isAborted()) && performance.now() - startedAt < LONG_ENOUGH_MS);
    expect(stop.signal.aborted).toBe(true);
  });

  it('is told so at once where it was aborted before', async () => {
    expect(await abortedBetweenTurns(AbortSignal.abort())()).toBe(true);
    expect(await abortedBetweenTurns(new AbortController().signal)()).toBe(false);
  });
});
