/** Tells whoever waits for a host's own programs that the run is to stop: they are not to hold it up. */

import type { JobContext } from '../jobs/job.ts';

const LOOK_EVERY_MS = 100;

export interface StopSignal {
  readonly signal: AbortSignal;
  end(): void;
}

/** Asks the run now and then. */
export function stopSignal({ shouldStop }: Pick<JobContext, 'shouldStop'>): StopSignal {
  const stop = new AbortController();
  const looking = setInterval(() => {
    void shouldStop().then((isToStop) => {
      if (isToStop) stop.abort();
    });
  }, LOOK_EVERY_MS);
  looking.unref();
  return { signal: stop.signal, end: () => clearInterval(looking) };
}
