/** Plots as inline SVG, of numbers alone: each says the same as a table beside it, for whoever does not see it. */

import { formatBytes } from '../../format/byte-size.ts';
import type { DayOfBytes } from '../../ledger/looks.ts';
import { type Html, html } from './html.ts';

const WIDTH = 600;
const HEIGHT = 120;
const DAY_MS = 86_400_000;

/** @param share of the whole line, from 0 to 1 */
export function shareBar(share: number): Html {
  const width = percent(share);
  return html`<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="one" x="0" y="0" width="${width}" height="6"></rect></svg>`;
}

function percent(share: number): number {
  return Number.isFinite(share) ? Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10 : 0;
}

/** Two columns a day, the last day at the right end. */
export function dayPlot(days: readonly DayOfBytes[], nowMs: number, count: number): Html {
  const byDay = new Map(days.map((one) => [one.day, one]));
  const most = Math.max(1, ...days.flatMap(({ removedBytes, purgedBytes }) => [removedBytes, purgedBytes]));
  const slot = WIDTH / count;
  const columns = Array.from({ length: count }, (_, index) => {
    const day = new Date(nowMs - (count - 1 - index) * DAY_MS).toISOString().slice(0, 10);
    const { removedBytes = 0, purgedBytes = 0 } = byDay.get(day) ?? {};
    const [x, width] = [index * slot, slot * 0.4];
    return [
      column('one', x + slot * 0.05, width, removedBytes / most),
      column('two', x + slot * 0.5, width, purgedBytes / most),
    ];
  });
  const [first, last] = [dayText(nowMs - (count - 1) * DAY_MS), dayText(nowMs)];
  const y = HEIGHT - 1;
  return html`<p class="soft axis"><span>${formatBytes(most)}</span></p>
<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-labelledby="plot-title"><title id="plot-title">Bytes moved to the trash and bytes destroyed, day by day</title>
<line class="rule" x1="0" y1="${y}" x2="${WIDTH}" y2="${y}"></line>${columns}</svg>
<p class="soft axis"><span>${first}</span><span>${last}</span></p>`;
}

function column(kind: 'one' | 'two', x: number, width: number, share: number): Html | undefined {
  if (!(share > 0)) return undefined;
  // What is little is still to be seen.
  const height = Math.max(2, share * (HEIGHT - 1));
  return html`<rect class="${kind}" x="${rounded(x)}" y="${rounded(HEIGHT - 1 - height)}" width="${rounded(width)}" height="${rounded(height)}"></rect>`;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

function dayText(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
