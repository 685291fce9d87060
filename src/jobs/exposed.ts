/** What Claude's own clean-up would take of all Claude directories together: the sum that logs, figures and people are shown. */

import type { JobReport } from './job.ts';

export interface ExposedInAll {
  readonly sessions: number;
  readonly wanted: number;
}

/** Undefined where no Claude directory was looked at. */
export function exposedInAll({ exposed }: Pick<JobReport, 'exposed'>): ExposedInAll | undefined {
  const exposures = Object.values(exposed ?? {});
  if (exposures.length === 0) return undefined;
  return {
    sessions: exposures.reduce((total, { sessions }) => total + sessions, 0),
    wanted: exposures.reduce((total, { wanted }) => total + wanted, 0),
  };
}
