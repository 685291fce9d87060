/** The figures of what somebody should hear of beside a run: what goes without it, what will go, and what came back. */

import { formatBytes } from '../../format/byte-size.ts';
import { formatAmount, formatCount } from '../../format/counts.ts';
import type { Amount } from '../../trash/known-folders.ts';
import { type ExposureByDirectory, exposedInAll } from '../exposed.ts';
import { type Counts, figure, line, NO_LABEL } from './figure.ts';

export const NOTABLE_FIGURES = {
  /** Sessions that are gone since the last prune, and that nothing of ours removed. */
  vanished: figure<number>({
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
  }),
  /** What is due, and stays until that was announced for long enough. */
  announced: figure<Amount>({
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
  }),
  /** What Claude's own clean-up would delete although this configuration keeps it, by Claude directory. */
  exposed: figure<ExposureByDirectory>({
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
  }),
  /** Of the removed, what something had brought back as it lay in the trash: no second copy of it is kept. */
  cameBack: figure<Amount>({
    lines: (amount) => [
      {
        label: 'came back',
        text: `${formatAmount(amount)}, as they lay in the trash: no second copy is kept, and doctor tells what comes again and again`,
        isWarning: true,
      },
    ],
  }),
  /** Bytes that were kept for a full disk, and were given up so that what goes could be written down. */
  reserveGivenUp: figure<number>({
    lines: (bytes) => [
      {
        label: 'full disk',
        text: `the reserve of ${formatBytes(bytes)} was given up for the record of what went`,
        isWarning: true,
      },
    ],
  }),
};
