/** The figures of what is there after a run: kept sessions with the reasons, and the trash. */

import { formatAmount, formatCount, formatReasons } from '../../format/counts.ts';
import type { Amount } from '../../trash/known-folders.ts';
import { TRANSCRIPT_STATES } from '../transcript-states.ts';
import { type Counts, figure, line, mapped, NO_LABEL } from './figure.ts';

export const FIGURES_OF_WHAT_STAYS = {
  /** Sessions or rows that stay, by reason. */
  kept: figure<Counts>({
    lines: (kept) => (Object.keys(kept).length > 0 ? line('kept', formatReasons(kept)) : []),
  }),
  /** Live sessions whose files were made younger, so that Claude's own clean-up spares them. */
  shielded: figure<number>({
    lines: (count) => line('shielded', `${formatCount(count, 'session')} from Claude's own clean-up`),
  }),
  /** What lies in the trash afterwards. */
  trash: figure<Amount>({
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
  }),
  /** What is on disk afterwards, by state. */
  transcripts: figure<Readonly<Record<string, Amount>>>({
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
  }),
};
