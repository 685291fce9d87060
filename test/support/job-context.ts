/** How a job is run in a test: for real, to its end, unless the test says otherwise. */

import type { JobContext } from '../../src/jobs/job.ts';

export function contextOf(overrides: Partial<JobContext> = {}): JobContext {
  return {
    dryRun: false,
    listsRemoved: 'all',
    shouldStop: async () => false,
    onProgress: () => undefined,
    ...overrides,
  };
}

/** Says no so many times, then yes. */
export function stopAfter(questions: number): () => Promise<boolean> {
  let asked = 0;
  return async () => asked++ >= questions;
}
