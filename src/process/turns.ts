/** Lets the event loop have a turn between the steps of long work, which would else be deaf to signals, messages and timers. */

import { setImmediate as turn } from 'node:timers/promises';

/** So seldom that it costs nothing, so often that nobody waits. */
const TURN_EVERY_MS = 20;

/** @returns a question to be asked between steps: whether the signal is aborted, once it had the chance to be */
export function abortedBetweenTurns(signal: AbortSignal): () => Promise<boolean> {
  let lastAt = performance.now();
  return async () => {
    if (performance.now() - lastAt >= TURN_EVERY_MS) {
      // A turn of the event loop asks the system for signals and messages before it comes to this.
      await turn();
      lastAt = performance.now();
    }
    return signal.aborted;
  };
}
