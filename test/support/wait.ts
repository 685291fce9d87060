/** Waits that end: a test asks for what it waits for, and never sleeps in the hope that it has come. */

import { setTimeout as sleep } from 'node:timers/promises';

/** Only what hangs takes so long: however busy the machine is, nothing that works does. */
const DEADLINE_MS = 90_000;
const INTERVAL_MS = 20;

/**
 * Asks again and again until there is an answer.
 * @param ask answers `undefined` or `false` as long as there is none, and may throw where there will never be one
 * @throws where none comes in a very long time
 */
export async function until<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${what}`);
    await sleep(INTERVAL_MS);
  }
}
