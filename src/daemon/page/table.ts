/** Tables, times and spans of time as the page shows them. */

import { formatDurationRounded } from '../../format/duration.ts';
import { type Html, html } from './html.ts';
import type { StatusView } from './view.ts';

/** Whatever depends on when and where it is shown. */
export interface Shown {
  /** Undefined and no time are a dash. */
  time(timeMs: number | undefined): Html;
  /** As all times are told. */
  readonly zone: string;
  duration(durationMs: number): string;
}

const NUMBERS: ReadonlySet<string> = new Set([
  'Sessions',
  'Size',
  'To the trash',
  'Destroyed',
  'Names',
  'Alone',
  'Free',
  'Of',
]);

/** @param rows of cells */
export function table(caption: string, heads: readonly string[], rows: readonly (readonly Html[])[]): Html {
  return html`<div class="wide" role="group" aria-label="${caption}" tabindex="0"><table><caption>${caption}</caption><thead><tr>${heads.map(
    (head) => html`<th scope="col"${NUMBERS.has(head) && html` class="n"`}>${head}</th>`,
  )}</tr></thead><tbody>${rows.map((cells) => html`<tr>${cells}</tr>`)}</tbody></table></div>`;
}

export function timeCell(time: Html): Html {
  return html`<th scope="row">${time}</th>`;
}

export function shownFor({ timeZone, nowMs }: Pick<StatusView, 'timeZone' | 'nowMs'>): Shown {
  const format = new Intl.DateTimeFormat('en-CA', {
    ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
    ...{ hourCycle: 'h23', timeZone, timeZoneName: 'short' },
  });
  return {
    time: (timeMs = Number.NaN) => {
      const date = new Date(timeMs);
      if (Number.isNaN(date.getTime())) return html`<span class="soft">–</span>`;
      // To the minute, so that a page that says the same is the same.
      const [minute] = date.toISOString().split(/:\d\d\./);
      return html`<time datetime="${minute}Z">${dayAndTime(partsOf(format, date))}</time>`;
    },
    zone: partsOf(format, new Date(nowMs))('timeZoneName'),
    duration: formatDurationRounded,
  };
}

type Parts = (type: Intl.DateTimeFormatPartTypes) => string;

function partsOf(format: Intl.DateTimeFormat, date: Date): Parts {
  const parts = new Map(format.formatToParts(date).map(({ type, value }) => [type, value]));
  return (type) => parts.get(type) ?? '';
}

/** `2026-11-21 04:17`, broken between the two alone. */
function dayAndTime(part: Parts): Html {
  return html`<span>${part('year')}-${part('month')}-${part('day')}</span> ${part('hour')}:${part('minute')}`;
}
