/** A host that writes again and again, and answers every message with what each write has taken since the last one, milliseconds. */

import { setTimeout as sleep } from 'node:timers/promises';

/** Ends when whoever started it has gone. @param write is given how many there were before */
export async function writeAndTell(intervalMs: number, write: (number: number) => Promise<void>): Promise<never> {
  let waits: number[] = [];
  process.on('message', () => {
    process.send?.(waits);
    waits = [];
  });
  process.on('disconnect', () => process.exit());
  for (let number = 0; ; number += 1) {
    const startedAt = performance.now();
    await write(number);
    waits.push(performance.now() - startedAt);
    await sleep(intervalMs);
  }
}
