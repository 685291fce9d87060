/** What calendars and clocks on the wall show in a time zone, and where they skip or repeat a part of an hour. */

import { DAY_MS } from '../support/tree.ts';

const HOUR_MS = 3_600_000;

export type ChangeKind = 'gap' | 'repeat';

export interface Change {
  readonly atMs: number;
  /** A daily time, as cron has it, in the middle of what is skipped or repeated. */
  readonly daily: string;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** `2027-03-28 03:00:00` */
export function wallTime(timeMs: number, zone: string): string {
  const format =
    formats.get(zone) ?? new Intl.DateTimeFormat('sv', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  formats.set(zone, format);
  return format.format(timeMs);
}

export function localDate(timeMs: number, zone: string): string {
  return wallTime(timeMs, zone).slice(0, 10);
}

function offsetMs(timeMs: number, zone: string): number {
  const wholeMs = Math.floor(timeMs / 1_000) * 1_000;
  return Date.parse(`${wallTime(wholeMs, zone).replace(' ', 'T')}Z`) - wholeMs;
}

/** The next time after `fromMs` at which the wall clock is put forward or back; undefined where the zone data know of none. */
export function nextChange(zone: string, fromMs: number, kind: ChangeKind): Change | undefined {
  for (let hourMs = fromMs; hourMs < fromMs + 800 * DAY_MS; hourMs += HOUR_MS) {
    const byMs = offsetMs(hourMs + HOUR_MS, zone) - offsetMs(hourMs, zone);
    if (byMs === 0 || (kind === 'gap') !== byMs > 0) continue;
    const atMs = hourMs + firstMinute(hourMs, zone) * 60_000;
    // What is skipped begins at the old offset's time of the change; what is repeated begins at the new offset's.
    const startMs = atMs + Math.min(offsetMs(hourMs, zone), offsetMs(atMs, zone));
    const middle = new Date(startMs + Math.abs(byMs) / 2);
    return { atMs, daily: `${middle.getUTCMinutes()} ${middle.getUTCHours()} * * *` };
  }
  return undefined;
}

function firstMinute(hourMs: number, zone: string): number {
  const beforeMs = offsetMs(hourMs, zone);
  let minute = 1;
  while (offsetMs(hourMs + minute * 60_000, zone) === beforeMs) minute += 1;
  return minute;
}
