/** Counts and amounts in words. */

import { formatBytes } from './byte-size.ts';

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
