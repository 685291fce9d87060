/** The figures of what a run found and what it did away with, which people read first. */

import { formatBytes } from '../../format/byte-size.ts';
import { formatAmount, formatCount, formatReasons } from '../../format/counts.ts';
import type { Amount } from '../../trash/known-folders.ts';
import { REMOVE_REASONS } from '../prune-transcripts/plan.ts';
import { SWEEP_REASONS } from '../sweep-sessions/plan.ts';
import { type Counts, figure, line, NO_LABEL } from './figure.ts';

export interface AmountOfFiles extends Amount {
  readonly files: number;
}

const because = (amount: Amount, byReason: Counts) => (amount.sessions > 0 ? ` (${formatReasons(byReason)})` : '');

export const FIGURES_OF_WHAT_WENT = {
  /** What an earlier run had left half-done when it was killed, by what has become of it. */
  reconciled: figure<{ readonly undone: number; readonly completed: number }>({
    lines: ({ undone, completed }) => line('mended', `${undone} put back, ${completed} completed, of a killed run`),
  }),
  /** What is there, and what of the disk is allocated to it; orphans are sessions of which only companions are left, and are among them. */
  observed: figure<AmountOfFiles & { readonly orphans: number; readonly diskBytes: number }>({
    lines: (observed) => {
      const orphans = observed.orphans > 0 ? ` (${observed.orphans} without a transcript)` : '';
      return line('found', `${formatAmount(observed)}${orphans}, ${formatBytes(observed.diskBytes)} of the disk`);
    },
  }),
  removed: figure<AmountOfFiles & { readonly byReason: Counts; readonly bytesByReason: Counts }>({
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
  }),
  /** Project directories that went since nothing is left in them. */
  emptyProjects: figure<number>({
    lines: (count, isDone) => {
      const text = formatCount(count, 'empty project directory', 'empty project directories');
      return line(isDone ? 'removed' : 'would go', text);
    },
  }),
  swept: figure<{ readonly expired: number; readonly dangling: number }>({
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
  }),
  purged: figure<Amount>({
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
  }),
  /** Those of the purged that went before their time, since the disk was to have the room. */
  purgedEarly: figure<Amount>({
    lines: (early) => {
      const text = `${formatAmount(early)} of them before their time, since the disk is full, or maxTotalBytes or minFree needs the room`;
      return [{ label: 'early', text, isWarning: true }];
    },
  }),
  /** Bytes by which the files of session stores have become shorter. */
  givenBack: figure<number>({
    lines: (bytes) => line('given back', `${formatBytes(bytes)} of session stores to the disk`),
  }),
  /** Bytes of the disk by which a limit is missed, and that nothing which may go would free. */
  overLimit: figure<number>({
    lines: (bytes) => [
      {
        label: 'over',
        text: `${formatBytes(bytes)} over maxTotalBytes or minFree: what else lies in the trash has not lain there for trash.keepAtLeast yet`,
        isWarning: true,
      },
    ],
  }),
  /** Swept rows that cannot be brought back any more. */
  purgedRows: figure<number>({
    lines: (rows, isDone) => line(isDone ? 'purged' : 'would go', formatCount(rows, 'swept row')),
  }),
};
