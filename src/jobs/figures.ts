/**
 * The figures of runs, each declared once with how it is shown: the log, `--json` and the ledger have each under its name, and the text for
 * people and the metrics go by these declarations.
 */

import { BUILT_IN_SOURCE_NAMES } from '../config/source-settings.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatAmount, formatCount, formatReasons } from '../format/counts.ts';

import type { Amount } from '../trash/known-folders.ts';
import { type ExposureByDirectory, exposedInAll } from './exposed.ts';
import { REMOVE_REASONS } from './prune-transcripts/plan.ts';
import { SWEEP_REASONS } from './sweep-sessions/plan.ts';
import { TRANSCRIPT_STATES } from './transcript-states.ts';

type Counts = Readonly<Record<string, number>>;

export interface AmountOfFiles extends Amount {
  readonly files: number;
}

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

/** The figures of all jobs. */
export interface Figures {
  /** What an earlier run had left half-done when it was killed, by what has become of it. */
  readonly reconciled: { readonly undone: number; readonly completed: number };
  /** What is there, and what of the disk is allocated to it; orphans are sessions of which only companions are left, and are among them. */
  readonly observed: AmountOfFiles & { readonly orphans: number; readonly diskBytes: number };
  readonly removed: AmountOfFiles & { readonly byReason: Counts; readonly bytesByReason: Counts };
  /** Project directories that went since nothing is left in them. */
  readonly emptyProjects: number;
  readonly swept: { readonly expired: number; readonly dangling: number };
  readonly purged: Amount;
  /** Those of the purged that went before their time, since the disk was to have the room. */
  readonly purgedEarly: Amount;
  /** Bytes by which the files of session stores have become shorter. */
  readonly givenBack: number;
  /** Bytes of the disk by which a limit is missed, and that nothing which may go would free. */
  readonly overLimit: number;
  /** Swept rows that cannot be brought back any more. */
  readonly purgedRows: number;
  /** Sessions or rows that stay, by reason. */
  readonly kept: Counts;
  /** Live sessions whose files were made younger, so that Claude's own clean-up spares them. */
  readonly shielded: number;
  /** What lies in the trash afterwards. */
  readonly trash: Amount;
  /** By live source. */
  readonly sources: Readonly<Record<string, SourceFigure>>;
  /** Ids by live source. */
  readonly liveIds: Counts;
  /** Entries of a live source that name no session, and so protect none. */
  readonly malformedIds: Counts;
  /** Entries of a live source that have had their time: they protect nothing, and may be deleted. */
  readonly staleRecords: Counts;
  /** Sessions that are gone since the last prune, and that nothing of ours removed. */
  readonly vanished: number;
  /** What is due, and stays until that was announced for long enough. */
  readonly announced: Amount;
  /** What Claude's own clean-up would delete although this configuration keeps it, by Claude directory. */
  readonly exposed: ExposureByDirectory;
  /** Of the removed, what something had brought back as it lay in the trash: no second copy of it is kept. */
  readonly cameBack: Amount;
  /** Bytes that were kept for a full disk, and were given up so that what goes could be written down. */
  readonly reserveGivenUp: number;
  /** What is on disk afterwards, by state. */
  readonly transcripts: Readonly<Record<string, Amount>>;
}

export type FigureName = keyof Figures;

/** A metric that shows a part of a figure; names without the program's prefix. */
export interface MetricDeclaration {
  readonly name: string;
  /** A counter grows by each run; a gauge is what the last whole run found. */
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  /** Every label there can be, so that each series is there from the start. */
  readonly known: readonly string[];
  /**
   * A gauge whose 0 would lie shows NaN: each label until something is known of it, or all of them together until one run has told of
   * any. Absent for what is 0 until it is counted.
   */
  readonly unknown?: 'each' | 'together';
}

interface FigureMetric<T> extends MetricDeclaration {
  /** By label; two of them are joined by a comma. */
  values(value: T): Counts;
}

/** A line for people. */
export interface TextLine {
  readonly label: string;
  readonly text: string;
  readonly isWarning?: boolean;
}

interface FigureDeclaration<T> {
  /** How people are told; not at all where it is for programs alone. @param isDone false in a dry run */
  lines?(value: T, isDone: boolean): readonly TextLine[];
  readonly metrics?: readonly FigureMetric<T>[];
}

const NO_LABEL = '';

const line = (label: string, text: string): TextLine[] => [{ label, text }];
const because = (amount: Amount, byReason: Counts) => (amount.sessions > 0 ? ` (${formatReasons(byReason)})` : '');

/** In the order in which they are shown. */
const FIGURES: { readonly [Name in FigureName]: FigureDeclaration<Figures[Name]> } = {
  reconciled: {
    lines: ({ undone, completed }) => line('mended', `${undone} put back, ${completed} completed, of a killed run`),
  },
  observed: {
    lines: (observed) => {
      const orphans = observed.orphans > 0 ? ` (${observed.orphans} without a transcript)` : '';
      return line('found', `${formatAmount(observed)}${orphans}, ${formatBytes(observed.diskBytes)} of the disk`);
    },
  },
  removed: {
    lines: (removed, isDone) => {
      return line(isDone ? 'to trash' : 'would go', `${formatAmount(removed)}${because(removed, removed.byReason)}`);
    },
    metrics: [
      {
        name: 'transcripts_removed_total',
        kind: 'counter',
        help: 'Sessions moved to the trash, by reason.',
        labels: ['reason'],
        known: REMOVE_REASONS,
        values: ({ byReason }) => byReason,
      },
      {
        name: 'removed_bytes_total',
        kind: 'counter',
        help: 'Bytes moved to the trash, by reason.',
        labels: ['reason'],
        known: REMOVE_REASONS,
        values: ({ bytesByReason }) => bytesByReason,
      },
    ],
  },
  emptyProjects: {
    lines: (count, isDone) => {
      const text = formatCount(count, 'empty project directory', 'empty project directories');
      return line(isDone ? 'removed' : 'would go', text);
    },
  },
  swept: {
    lines: ({ expired, dangling }, isDone) => {
      const undo = isDone && expired + dangling > 0 ? '; map restore --last-run brings them back' : '';
      const text = `${formatCount(expired, 'expired row')}, ${dangling} dangling${undo}`;
      return line(isDone ? 'swept' : 'would go', text);
    },
    metrics: [
      {
        name: 'rows_swept_total',
        kind: 'counter',
        help: 'Rows of the resume map deleted, by reason.',
        labels: ['reason'],
        known: SWEEP_REASONS,
        values: (swept) => ({ ...swept }),
      },
    ],
  },
  purged: {
    lines: (purged, isDone) => line(isDone ? 'purged' : 'would go', formatAmount(purged)),
    metrics: [
      {
        name: 'purged_bytes_total',
        kind: 'counter',
        help: 'Bytes of purged trash.',
        labels: [],
        known: [NO_LABEL],
        values: ({ bytes }) => ({ [NO_LABEL]: bytes }),
      },
    ],
  },
  purgedEarly: {
    lines: (early) => {
      const text = `${formatAmount(early)} of them before their time, since the disk is full, or maxTotalBytes or minFree needs the room`;
      return [{ label: 'early', text, isWarning: true }];
    },
  },
  givenBack: {
    lines: (bytes) => line('given back', `${formatBytes(bytes)} of session stores to the disk`),
  },
  overLimit: {
    lines: (bytes) => [
      {
        label: 'over',
        text: `${formatBytes(bytes)} over maxTotalBytes or minFree: what else lies in the trash has not lain there for trash.keepAtLeast yet`,
        isWarning: true,
      },
    ],
  },
  purgedRows: {
    lines: (rows, isDone) => line(isDone ? 'purged' : 'would go', formatCount(rows, 'swept row')),
  },
  kept: {
    lines: (kept) => (Object.keys(kept).length > 0 ? line('kept', formatReasons(kept)) : []),
  },
  shielded: {
    lines: (count) => line('shielded', `${formatCount(count, 'session')} from Claude's own clean-up`),
  },
  trash: {
    lines: (trash) => line('in trash', formatAmount(trash)),
    metrics: [
      {
        name: 'trash_sessions',
        kind: 'gauge',
        help: 'Sessions in the trash.',
        labels: [],
        known: [NO_LABEL],
        unknown: 'together',
        values: ({ sessions }) => ({ [NO_LABEL]: sessions }),
      },
      {
        name: 'trash_bytes',
        kind: 'gauge',
        help: 'Bytes in the trash.',
        labels: [],
        known: [NO_LABEL],
        unknown: 'together',
        values: ({ bytes }) => ({ [NO_LABEL]: bytes }),
      },
    ],
  },
  sources: {
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
  },
  liveIds: {
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
  },
  malformedIds: {
    lines: (countBySource) =>
      Object.entries(countBySource).map(([source, count]) => {
        const entries = formatCount(count, 'entry', 'entries');
        return {
          label: 'beware',
          text: `${entries} of ${source} name no session, and so protect none`,
          isWarning: true,
        };
      }),
  },
  staleRecords: {
    lines: (countBySource) =>
      Object.entries(countBySource).flatMap(([source, count]) => {
        return line(
          'stale',
          `${formatCount(count, 'entry', 'entries')} of ${source}: to no effect any more, and named by doctor`,
        );
      }),
  },
  vanished: {
    lines: (sessions) => {
      const text = `${formatCount(sessions, 'session')} that no run of this program removed: see history --vanished, and doctor`;
      return [{ label: 'vanished', text, isWarning: true }];
    },
    metrics: [
      {
        name: 'vanished_sessions_total',
        kind: 'counter',
        help: 'Sessions that went between two prunes, and that no run or command of this program removed.',
        labels: [],
        known: [NO_LABEL],
        values: (sessions) => ({ [NO_LABEL]: sessions }),
      },
    ],
  },
  announced: {
    lines: (amount) => {
      if (amount.sessions === 0) return [];
      return line('announced', `${formatAmount(amount)}: due, and stay until the notice is over: see upcoming`);
    },
    metrics: [
      {
        name: 'announced_sessions',
        kind: 'gauge',
        help: 'Sessions that are due, and stay until that was announced for long enough.',
        labels: [],
        known: [NO_LABEL],
        unknown: 'together',
        values: ({ sessions }) => ({ [NO_LABEL]: sessions }),
      },
    ],
  },
  exposed: {
    lines: (exposed) => {
      const { sessions, wanted } = exposedInAll(exposed) ?? { sessions: 0, wanted: 0 };
      if (sessions === 0) return [];
      const ofThem = wanted === 0 ? '' : `, ${wanted} of them wanted`;
      const text = `${formatCount(sessions, 'session')} to Claude's own clean-up${ofThem}: see doctor`;
      return [{ label: 'exposed', text, isWarning: true }];
    },
    metrics: [
      {
        name: 'exposed_sessions',
        kind: 'gauge',
        help: 'Sessions kept by the last prune that the clean-up of Claude itself would delete; NaN before there was one.',
        labels: [],
        known: [NO_LABEL],
        unknown: 'together',
        values: (exposed): Counts => {
          const inAll = exposedInAll(exposed);
          return inAll === undefined ? {} : { [NO_LABEL]: inAll.sessions };
        },
      },
    ],
  },
  cameBack: {
    lines: (amount) => [
      {
        label: 'came back',
        text: `${formatAmount(amount)}, as they lay in the trash: no second copy is kept, and doctor tells what comes again and again`,
        isWarning: true,
      },
    ],
  },
  reserveGivenUp: {
    lines: (bytes) => [
      {
        label: 'full disk',
        text: `the reserve of ${formatBytes(bytes)} was given up for the record of what went`,
        isWarning: true,
      },
    ],
  },
  transcripts: {
    metrics: [
      {
        name: 'transcripts',
        kind: 'gauge',
        help: 'Sessions on disk after the last prune, by state.',
        labels: ['state'],
        known: TRANSCRIPT_STATES,
        unknown: 'together',
        values: (amountByState) => mapped(amountByState, ({ sessions }) => sessions),
      },
      {
        name: 'transcript_bytes',
        kind: 'gauge',
        help: 'Bytes of the sessions on disk after the last prune.',
        labels: ['state'],
        known: TRANSCRIPT_STATES,
        unknown: 'together',
        values: (amountByState) => mapped(amountByState, ({ bytes }) => bytes),
      },
    ],
  },
};

export const FIGURE_NAMES = Object.keys(FIGURES) as readonly FigureName[];

/** The metrics that show figures. */
export const FIGURE_METRICS: readonly MetricDeclaration[] = FIGURE_NAMES.flatMap(
  (name): readonly MetricDeclaration[] => {
    return FIGURES[name].metrics ?? [];
  },
);

/** Those of the figures that there are, in their order: what every program is told of a run. */
export function summaryOf(figures: Partial<Figures>): Partial<Figures> {
  return Object.fromEntries(
    FIGURE_NAMES.flatMap((name) => (figures[name] === undefined ? [] : [[name, figures[name]]])),
  );
}

/** The same for people. @param isDone false in a dry run */
export function linesOf(figures: Partial<Figures>, isDone: boolean): readonly TextLine[] {
  const linesOfOne = <Name extends FigureName>(name: Name, value: Figures[Name] | undefined) => {
    return value === undefined ? [] : (FIGURES[name].lines?.(value, isDone) ?? []);
  };
  return FIGURE_NAMES.flatMap((name) => linesOfOne(name, figures[name]));
}

/** A figure by name and label, as the metrics show it and the ledger keeps it. */
export interface MetricValue {
  readonly name: string;
  readonly label: string;
  readonly value: number;
}

/** What figures say to the metrics of one kind. */
export function metricsOf(figures: Partial<Figures>, kind: MetricDeclaration['kind']): readonly MetricValue[] {
  const valuesOfOne = <Name extends FigureName>(name: Name, value: Figures[Name] | undefined) => {
    if (value === undefined) return [];
    const metrics = (FIGURES[name].metrics ?? []).filter((metric) => metric.kind === kind);
    return metrics.flatMap((metric) => {
      return Object.entries(metric.values(value)).map(
        ([label, count]): MetricValue => ({ name: metric.name, label, value: count }),
      );
    });
  };
  return FIGURE_NAMES.flatMap((name) => valuesOfOne(name, figures[name]));
}

/** Those that have one. */
function given<T>(values: Readonly<Record<string, T>>, value: (of: T) => number | undefined): Counts {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, one]) => {
      const found = value(one);
      return found === undefined ? [] : [[key, found]];
    }),
  );
}

function mapped<T>(values: Readonly<Record<string, T>>, map: (value: T) => number): Counts {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]));
}
