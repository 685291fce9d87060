/** Who is live when a run begins, by every source there is. */

import type { Clock } from '../clock.ts';
import {
  type LiveSessions,
  type LiveSource,
  type NamedSessions,
  readAllSources,
  type SourceCount,
  type SourceState,
  UnreadSourceError,
} from '../live-sources/live-source.ts';
import type { SourceFigure } from './figures/live-sources.ts';
import type { JobContext } from './job.ts';
import type { JobFault, RunEnd } from './report.ts';

export interface LiveObservation {
  readonly sessions: LiveSessions;
  /** By source. */
  readonly named: ReadonlyMap<string, NamedSessions>;
  /** How each source has answered, by its name. */
  readonly sources: Readonly<Record<string, SourceFigure>>;
  readonly counts: Readonly<Record<string, number>>;
  /** Ids that were ever taken out on purpose, by live source. */
  readonly droppedOnPurpose: Readonly<Record<string, number>>;
  /** Entries that name no session; of sources that have any. */
  readonly malformed: Readonly<Record<string, number>>;
  /** Entries that have had their time; of sources that have any. */
  readonly stale: Readonly<Record<string, number>>;
  readonly faults: readonly JobFault[];
}

/**
 * Does the work of a job with all that the sources name; nothing of it where one of them cannot be read in full, and the report then says
 * how each has answered.
 */
export async function withAllSources<Report extends RunEnd, Name>(
  job: Name,
  { sources, clock }: { readonly sources: readonly LiveSource[]; readonly clock: Clock },
  { shouldStop }: Pick<JobContext, 'shouldStop'>,
  work: (live: LiveObservation) => Promise<Report>,
): Promise<Report | (RunEnd & { readonly job: Name; readonly sources?: LiveObservation['sources'] })> {
  let live: LiveObservation;
  try {
    live = await observeLive(sources, clock);
  } catch (error) {
    if (!(error instanceof UnreadSourceError)) throw error;
    // Nobody has waited for their answers.
    if (await shouldStop()) return { job, faults: [], stopped: true };
    const { kind, message, states } = error;
    return { job, sources: figuresOf(states, clock), faults: [], failure: { kind, message } };
  }
  return work(live);
}

/** @throws UnreadSourceError where a source cannot be read in full: then nothing may be removed */
async function observeLive(sources: readonly LiveSource[], clock: Clock): Promise<LiveObservation> {
  const { sessions, named, counts, states, faults } = await readAllSources(sources);
  return {
    sessions,
    named,
    sources: figuresOf(states, clock),
    counts: Object.fromEntries(counts.map(({ source, ids: count }) => [source, count])),
    droppedOnPurpose: Object.fromEntries(counts.map(({ source, droppedOnPurpose }) => [source, droppedOnPurpose])),
    malformed: countsOf(counts, ({ malformed }) => malformed),
    stale: countsOf(counts, ({ stale }) => stale),
    faults: faults.map((message) => ({ kind: 'bad-data', message })),
  };
}

function figuresOf(states: readonly SourceState[], clock: Clock): LiveObservation['sources'] {
  const nowMs = clock.now();
  return Object.fromEntries(
    states.map(({ source, isUp, ids }) => [source, isUp ? { isUp, ids, answeredAtMs: nowMs } : { isUp, ids }]),
  );
}

function countsOf(counts: readonly SourceCount[], count: (of: SourceCount) => number): Record<string, number> {
  return Object.fromEntries(counts.filter((one) => count(one) > 0).map((one) => [one.source, count(one)]));
}
