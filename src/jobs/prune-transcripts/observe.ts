/** Gathers what the plan decides on: who is live, and what is on disk. */

import type { ReadFault } from '../../claude-dir/measure.ts';
import { displayName } from '../../files/byte-name.ts';
import { type LiveIdsByProtection, type LiveSource, readAllSources } from '../../live-sources/live-source.ts';
import type { JobFault } from '../job.ts';

export interface LiveObservation {
  readonly ids: LiveIdsByProtection;
  readonly counts: Readonly<Record<string, number>>;
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
    malformed: Object.fromEntries(malformed.map(({ source, malformed: count }) => [source, count])),
  };
}

const EXAMPLES_MAX = 3;

/** Unreadable places are reported, many of a kind as one: a broken tree must not flood the log. */
export function scanFaults(faults: readonly ReadFault[]): JobFault[] {
  const faultsByCode = new Map<string, ReadFault[]>();
  for (const fault of faults) {
    const ofCode = faultsByCode.get(fault.code);
    if (ofCode === undefined) faultsByCode.set(fault.code, [fault]);
    else ofCode.push(fault);
  }
  return Array.from(faultsByCode, ([code, ofCode]): JobFault => {
    const examples = ofCode.slice(0, EXAMPLES_MAX).map((fault) => displayName(fault.path));
    const more = ofCode.length > examples.length ? ` and ${ofCode.length - examples.length} more` : '';
    return { kind: 'io', message: `read ${examples.join(', ')}${more}: ${code}` };
  });
}
