/** Who is live when a run begins, by every source there is. */

import { type LiveSessions, type LiveSource, readAllSources, type SourceCount } from '../live-sources/live-source.ts';
import type { JobFault } from './report.ts';

export interface LiveObservation {
  readonly sessions: LiveSessions;
  readonly counts: Readonly<Record<string, number>>;
  /** Ids that were ever taken out on purpose, by live source. */
  readonly droppedOnPurpose: Readonly<Record<string, number>>;
  /** Entries that name no session; of sources that have any. */
  readonly malformed: Readonly<Record<string, number>>;
  /** Entries that have had their time; of sources that have any. */
  readonly stale: Readonly<Record<string, number>>;
  readonly faults: readonly JobFault[];
}

/** @throws OperatingError of any source that cannot be read in full: then nothing may be removed */
export async function observeLive(sources: readonly LiveSource[]): Promise<LiveObservation> {
  const { sessions, counts, faults } = await readAllSources(sources);
  return {
    sessions,
    counts: Object.fromEntries(counts.map(({ source, ids: count }) => [source, count])),
    droppedOnPurpose: Object.fromEntries(counts.map(({ source, droppedOnPurpose }) => [source, droppedOnPurpose])),
    malformed: countsOf(counts, ({ malformed }) => malformed),
    stale: countsOf(counts, ({ stale }) => stale),
    faults: faults.map((message) => ({ kind: 'bad-data', message })),
  };
}

function countsOf(counts: readonly SourceCount[], count: (of: SourceCount) => number): Record<string, number> {
  return Object.fromEntries(counts.filter((one) => count(one) > 0).map((one) => [one.source, count(one)]));
}
