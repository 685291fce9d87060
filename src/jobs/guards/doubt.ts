/**
 * How a doubt of who is live ends by itself, so that no host waits for a person: at first nothing goes; after a day goes what was not named
 * before the doubt either; and when what was named would have had its time, what is named now counts. Pure.
 */

import type { Held } from './guards.ts';

/** Under which name the ledger knows since when it lasts. */
export const DOUBT = 'who is live';

const DAY_MS = 86_400_000;
/** Long enough for somebody to see an alert, and a little less than a day, as a daily run is some minutes early at times. */
const NOTICE_MS = DAY_MS - 3_600_000;
/** Claude itself keeps for as long by default; what is destroyed is gone for good. */
const REMEMBERED_MIN_MS = 30 * DAY_MS;

/** `lasting`: what was named stays for ever, and what was written since may go as ever. */
export type DoubtStage = 'held' | 'remembering' | 'lasting' | 'over';

/**
 * @param lastedMs how long the doubt has lasted, as far as that was witnessed
 * @param namedForMs for how long what was named before stays named: it has had its time then
 */
export function stageOf(lastedMs: number, namedForMs: number | 'never'): DoubtStage {
  if (lastedMs < NOTICE_MS) return 'held';
  const ageMs = namedForMs === 'never' ? REMEMBERED_MIN_MS : Math.max(REMEMBERED_MIN_MS, namedForMs);
  if (lastedMs < NOTICE_MS + ageMs) return 'remembering';
  return namedForMs === 'never' ? 'lasting' : 'over';
}

/** What lies in the trash is destroyed again, whoever is named. */
export function isPurgeHeld(lastedMs: number): boolean {
  return lastedMs < NOTICE_MS + REMEMBERED_MIN_MS;
}

/** @param noticedAtMs since when it lasts, Unix epoch ms */
export function asHeldPrune({ guard, message }: Held, noticedAtMs: number, stage: DoubtStage): Held {
  const goesOnAt = new Date(noticedAtMs + NOTICE_MS).toISOString();
  const what =
    stage === 'held'
      ? `so nothing is removed before ${goesOnAt}, and then nothing that was named before`
      : 'so nothing is removed that was named before';
  return { guard, message: `${message}, ${what}` };
}

export function asHeldPurge({ guard, message }: Held, noticedAtMs: number): Held {
  const endsAt = new Date(noticedAtMs + NOTICE_MS + REMEMBERED_MIN_MS).toISOString();
  return { guard, message: `${message}, so nothing is destroyed before ${endsAt}` };
}
