/** Lets the event loop have a turn between the steps of long work, which would else be deaf to signals, messages and timers. */

import { setImmediate as turn } from 'node:timers/promises';

/** So seldom that it costs nothing, so often that nobody waits. */
const TURN_EVERY_MS = 20;

/** @returns a question to be asked between steps: whether the signal is aborted, once it had the chance to be */
export function abortedBetweenTurns(signal: AbortSignal): () => Promise<boolean> {
  let lastAt = performance.now();
  return async () => {
    if (performance.now() - lastAt >= TURN_EVERY_MS) {
      // The system is asked for signals and messages at the head of a turn. Work that was itself begun by an
      // answer of the system is past it, so that only the second turn is sure to have asked.
      await turn();
      await turn();
      lastAt = performance.now();
    }
    return signal.aborted;
  };
}
