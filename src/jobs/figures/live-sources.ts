/** The figures of who said which sessions are live, and of what of it is worth nothing. */

import { BUILT_IN_SOURCE_NAMES } from '../../config/source-settings.ts';
import { formatCount } from '../../format/counts.ts';
import { type Counts, figure, line, mapped } from './figure.ts';

/** How a live source has answered. */
export interface SourceFigure {
  readonly isUp: boolean;
  /** Ids and prefixes. */
  readonly ids: number;
  /** Unix epoch ms; absent where it did not answer. */
  readonly answeredAtMs?: number;
  /** Sessions that are here and that no other source names; absent where that was not looked at. */
  readonly onlyIts?: number;
}

export const FIGURES_OF_LIVE_SOURCES = {
  /** By live source. */
  sources: figure<Readonly<Record<string, SourceFigure>>>({
    metrics: [
      {
        name: 'live_source_up',
        kind: 'gauge',
        help: '1 where a live source could be read in full when it was last asked; NaN before.',
        labels: ['source'],
        known: BUILT_IN_SOURCE_NAMES,
        unknown: 'each',
        values: (sources) => mapped(sources, ({ isUp }) => (isUp ? 1 : 0)),
      },
      {
        name: 'live_source_last_answer_timestamp_seconds',
        kind: 'gauge',
        help: 'When a live source could last be read in full, Unix time; NaN before.',
        labels: ['source'],
        known: BUILT_IN_SOURCE_NAMES,
        unknown: 'each',
        values: (sources) => given(sources, ({ answeredAtMs }) => answeredAtMs && answeredAtMs / 1000),
      },
      {
        name: 'live_source_only_protects',
        kind: 'gauge',
        help: 'Sessions on disk that a live source named in the last prune, and that no other one did; NaN before there was one.',
        labels: ['source'],
        known: BUILT_IN_SOURCE_NAMES,
        unknown: 'each',
        values: (sources) => given(sources, ({ onlyIts }) => onlyIts),
      },
    ],
  }),
  /** Ids by live source. */
  liveIds: figure<Counts>({
    metrics: [
      {
        name: 'live_sessions',
        kind: 'gauge',
        help: 'Session ids that a live source named in the last prune.',
        labels: ['source'],
        known: BUILT_IN_SOURCE_NAMES,
        unknown: 'together',
        values: (liveIds) => liveIds,
      },
    ],
  }),
  /** Entries of a live source that name no session, and so protect none. */
  malformedIds: figure<Counts>({
    lines: (countBySource) =>
      Object.entries(countBySource).map(([source, count]) => {
        const entries = formatCount(count, 'entry', 'entries');
        return {
          label: 'beware',
          text: `${entries} of ${source} name no session, and so protect none`,
          isWarning: true,
        };
      }),
  }),
  /** Entries of a live source that have had their time: they protect nothing, and may be deleted. */
  staleRecords: figure<Counts>({
    lines: (countBySource) =>
      Object.entries(countBySource).flatMap(([source, count]) => {
        return line(
          'stale',
          `${formatCount(count, 'entry', 'entries')} of ${source}: to no effect any more, and named by doctor`,
        );
      }),
  }),
};

/** Those that have one. */
function given<T>(values: Readonly<Record<string, T>>, value: (of: T) => number | undefined): Counts {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, one]) => {
      const found = value(one);
      return found === undefined ? [] : [[key, found]];
    }),
  );
}
