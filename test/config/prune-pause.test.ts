import { Cron } from 'croner';
import { describe, expect, it } from 'vitest';
import { wordMs } from '../../src/config/prune-pause.ts';
import { DAY_MS } from '../support/tree.ts';

/** Between two times of a pattern in the next few years. */
function longestPauseMs(pattern: string): number {
  const cron = new Cron(pattern, { paused: true, timezone: 'UTC' });
  const endMs = Date.UTC(2035, 0, 1);
  let longestMs = 0;
  let fromMs = Date.UTC(2026, 0, 1);
  while (fromMs < endMs) {
    const nextMs = cron.nextRun(new Date(fromMs))?.getTime() ?? endMs;
    longestMs = Math.max(longestMs, nextMs - fromMs);
    fromMs = Math.max(nextMs, fromMs + DAY_MS);
  }
  return longestMs;
}

describe('The word of a host', () => {
  it.each([
    '17 4 * * *',
    '*/5 * * * *',
    '0 17 4 * * *',
    '17 4 * * 1',
    '17 4 ? * MON',
    '17 4 * * 5#5',
    '17 4 * * 5L',
    '17 4 31 * *',
    '17 4 L * *',
    '17 4 1 1 *',
    '17 4 29 2 *',
    '17 4 13 * +5',
    '0 17 4 * * * 2030',
    '@daily',
    '@weekly',
    '@monthly',
    '@yearly',
  ])('counts for a month, and for twice the longest pause of its prunes: %s', (pattern) => {
    expect(wordMs(pattern)).toBeGreaterThanOrEqual(Math.max(30 * DAY_MS, 2 * longestPauseMs(pattern)));
  });

  it('counts no longer than a month where it prunes each week', () => {
    expect(['17 4 * * *', '0 17 4 * * 1', '@weekly'].map(wordMs)).toEqual(Array(3).fill(30 * DAY_MS));
  });
});
