/** The names of the counters that stand beside the rows of a resume map. */

import type { ForgetReason, SessionEvent } from './resume-map.ts';

export const ATTEMPTS = 'resume_attempts';
export const FAILURES = 'resume_failures';
/** Rows that a host took out on purpose: what is missing beside them was lost. */
export const DROPPED = 'rows_dropped';
export const FORGOTTEN: Readonly<Record<ForgetReason, string>> = {
  expired: 'forgotten_expired',
  gone: 'forgotten_gone',
};

export function counterOf(event: SessionEvent): string {
  return `event_${event}`;
}
