/** What a scenario of the clock harness is, and what many of them expect. */

import type { Host } from './clock-host.ts';
import { localDate } from './zones.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

export interface Scenario {
  readonly name: string;
  readonly isShort: boolean;
  /** True time at the beginning. */
  readonly fromMs: number;
  /** Whether the host is bare: no sessions yet, and no run before. */
  readonly isBare?: boolean;
  play(host: Host): Promise<void>;
}

/**
 * On each of these dates the daily run has happened once and has gone well; on no other date has it happened twice. A run that was
 * broken off is none, and neither is one that was held back for the clock's sake: it is tried again within the hour.
 */
export function expectOnceADay(host: Host, zone: string, dates: readonly string[]): void {
  const outcomes = new Map<string, string[]>(dates.map((date) => [date, []]));
  for (const { outcome, startedAtMs } of host
    .prunes()
    .filter(({ isStopped, outcome }) => isStopped === 0 && outcome !== 'held')) {
    const date = localDate(startedAtMs, zone);
    outcomes.set(date, [...(outcomes.get(date) ?? []), outcome]);
  }
  for (const [date, ofDate] of outcomes) {
    const isExpected = ofDate.length === 1 && (!dates.includes(date) || ofDate[0] === 'ok');
    host.expect(
      isExpected,
      'run',
      () => `on ${date} there are ${ofDate.length} prunes: ${ofDate.join(', ') || 'none'}`,
    );
  }
}
