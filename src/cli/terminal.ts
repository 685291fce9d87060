/** Colours where a person looks on, and times in words. */

import { styleText } from 'node:util';
import { formatDurationRounded } from '../format/duration.ts';

/** The part of a stream that output needs; `process.stdout` has this shape. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const COLORS = ['bold', 'green', 'yellow', 'red'] as const;
export type Colors = Readonly<Record<(typeof COLORS)[number], (text: string) => string>>;

/** https://no-color.org: any value that is not empty turns colours off; https://force-color.org: one that is not 0 turns them on in a pipe. */
export function colorsFor(stream: OutputStream, environment: Readonly<Record<string, string | undefined>>): Colors {
  const isForced = Boolean(environment.FORCE_COLOR) && environment.FORCE_COLOR !== '0';
  const isTerminal = stream.isTTY === true && environment.TERM !== 'dumb' && environment.FORCE_COLOR !== '0';
  const isWanted = !environment.NO_COLOR && (isForced || isTerminal);
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
