/** How far a job has come: one line that is written over on a terminal's stderr, and nothing anywhere else. */

import { formatNumber } from '../format/counts.ts';
import type { JobProgress } from '../jobs/job.ts';
import type { OutputStream } from './terminal.ts';

export interface ProgressDisplay {
  show(progress: JobProgress): void;
  clear(): void;
}

const PHASES: Readonly<Record<JobProgress['phase'], string>> = {
  scan: 'looking at sessions',
  remove: 'moving to the trash',
  purge: 'purging',
  sweep: 'looking at rows',
};
const BAR_COLUMNS = 40;
/** Where the terminal does not say how wide it is, or says 0. */
const TERMINAL_COLUMNS = 80;
/** Back to the first column, and away with all that stands behind it. */
const LINE_START = '\r';
const ERASE_TO_END = '\u001b[K';

export function progressOn(stream: OutputStream): ProgressDisplay {
  if (!stream.isTTY) return { show: () => undefined, clear: () => undefined };
  let isShown = false;
  return {
    show: (progress) => {
      isShown = true;
      // A line that goes on in the next one could not be written over.
      const line = progressLine(progress).slice(0, (stream.columns || TERMINAL_COLUMNS) - 1);
      stream.write(LINE_START + line + ERASE_TO_END);
    },
    clear: () => {
      if (isShown) stream.write(LINE_START + ERASE_TO_END);
      isShown = false;
    },
  };
}

function progressLine({ phase, done, total }: JobProgress): string {
  if (total === undefined) return `${PHASES[phase]} ${formatNumber(done)}`;
  const filled = total === 0 ? BAR_COLUMNS : Math.floor((BAR_COLUMNS * Math.min(done, total)) / total);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_COLUMNS - filled);
  return `${PHASES[phase]} ${bar} ${formatNumber(done)} of ${formatNumber(total)}`;
}
