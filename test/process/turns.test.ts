import { readFile } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { abortedBetweenTurns } from '../../src/process/turns.ts';

const LONG_ENOUGH_MS = 10_000;
const LONGER_THAN_BETWEEN_TURNS_MS = 50;

describe('Long work that asks between its steps whether it is to stop', () => {
  it('hears what a timer has to say, though it awaits nothing else', async () => {
    const stop = new AbortController();
    void setTimeout(1).then(() => stop.abort());
    const isAborted = abortedBetweenTurns(stop.signal);
    const startedAt = performance.now();
    while (!(await isAborted()) && performance.now() - startedAt < LONG_ENOUGH_MS);
    expect(stop.signal.aborted).toBe(true);
  });

  it('hears a signal that came while it worked on an answer of the system', async () => {
    const stop = new AbortController();
    const hear = () => stop.abort();
    process.once('SIGUSR2', hear);
    const isAborted = abortedBetweenTurns(stop.signal);
    await setTimeout(LONGER_THAN_BETWEEN_TURNS_MS);
    const heard = await new Promise<boolean>((resolve) => {
      readFile(import.meta.filename, () => {
        process.kill(process.pid, 'SIGUSR2');
        resolve(isAborted());
      });
    });
    process.off('SIGUSR2', hear);
    expect(heard).toBe(true);
  });

  it('is told so at once where it was aborted before', async () => {
    expect(await abortedBetweenTurns(AbortSignal.abort())()).toBe(true);
    expect(await abortedBetweenTurns(new AbortController().signal)()).toBe(false);
  });
});
