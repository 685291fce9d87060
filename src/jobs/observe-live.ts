/** Who is live when a run begins, by every source there is. */

import { type LiveIdsByProtection, type LiveSource, readAllSources } from '../live-sources/live-source.ts';

export interface LiveObservation {
  readonly ids: LiveIdsByProtection;
  readonly counts: Readonly<Record<string, number>>;
  /** Ids that were ever taken out on purpose, by live source. */
  readonly droppedOnPurpose: Readonly<Record<string, number>>;
  /** Entries that name no session; of sources that have any. */
  readonly malformed: Readonly<Record<string, number>>;
}

/** @throws OperatingError of any source that cannot be read in full: then nothing may be removed */
export async function observeLive(sources: readonly LiveSource[]): Promise<LiveObservation> {
  const { ids, counts } = await readAllSources(sources);
  const malformed = counts.filter((count) => count.malformed > 0);
  return {
    ids,
    counts: Object.fromEntries(counts.map(({ source, ids: count }) => [source, count])),
    droppedOnPurpose: Object.fromEntries(counts.map(({ source, droppedOnPurpose }) => [source, droppedOnPurpose])),
    malformed: Object.fromEntries(malformed.map(({ source, malformed: count }) => [source, count])),
  };
}
