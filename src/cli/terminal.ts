/** Colours where a person looks on, and figures in words. */

import { styleText } from 'node:util';
import { formatBytes } from '../format/byte-size.ts';
import { formatDurationRounded } from '../format/duration.ts';

/** The part of a stream that output needs; `process.stdout` has this shape. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const COLORS = ['bold', 'green', 'yellow', 'red'] as const;
export type Colors = Readonly<Record<(typeof COLORS)[number], (text: string) => string>>;

/** https://no-color.org: any value that is not empty turns colours off. */
export function colorsFor(stream: OutputStream, environment: Readonly<Record<string, string | undefined>>): Colors {
  const isWanted = stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb';
  const painter = (color: (typeof COLORS)[number]) => (text: string) =>
    // Whether there is to be colour is said above; Node would ask its own stdout.
    isWanted ? styleText(color, text, { validateStream: false }) : text;
  return { bold: painter('bold'), green: painter('green'), yellow: painter('yellow'), red: painter('red') };
}

export function formatAge(timeMs: number, nowMs: number): string {
  if (!Number.isFinite(timeMs)) return '?';
  return timeMs > nowMs ? 'in the future' : `${formatDurationRounded(nowMs - timeMs)} ago`;
}

export function formatTime(timeMs: number | undefined): string {
  const date = new Date(timeMs ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? '-' : `${date.toISOString().slice(0, 16)}Z`;
}

export function formatCount(count: number, one: string, many = `${one}s`): string {
  return `${formatNumber(count)} ${count === 1 ? one : many}`;
}

/** `1234567` → `1,234,567`; loading the locales that Node has for it takes longer than a small run. */
export function formatNumber(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

export function formatAmount(amount: {
  readonly sessions: number;
  readonly files?: number;
  readonly bytes: number;
}): string {
  const files = amount.files === undefined ? '' : `, ${formatCount(amount.files, 'file')}`;
  return `${formatCount(amount.sessions, 'session')}${files}, ${formatBytes(amount.bytes)}`;
}

/** `3 expired, 1 orphan`; what is 0 is left out. */
export function formatReasons(countByReason: Readonly<Record<string, number>>): string {
  const entries = Object.entries(countByReason).filter(([, count]) => count > 0);
  return entries
    .sort(([, left], [, right]) => right - left)
    .map(([reason, count]) => `${formatNumber(count)} ${reason}`)
    .join(', ');
}
