/** One entry of the audit, and the form over which it is hashed: whoever has an export can compute the same, without this program. */

import { hash } from 'node:crypto';
import type { Actor } from '../process/actor.ts';

/**
 * `removed` to the trash, `restored` from it, `purged`: to be destroyed from then on. The same of rows of a resume map; `row-stayed` takes
 * a `row-swept` back, which is written before the row goes. `held`: a guard said not now; `allowed`: a person said that it may.
 */
export type AuditedAct =
  | 'removed'
  | 'restored'
  | 'purged'
  | 'row-swept'
  | 'row-stayed'
  | 'row-restored'
  | 'rows-purged'
  | 'held'
  | 'allowed';

export interface AuditEvent {
  readonly what: AuditedAct;
  /** Unix epoch ms. */
  readonly atMs: number;
  /** The session id, the key of the row, or the job that was held. */
  readonly subject: string;
  /** The Claude directory, the session store or the resume map. */
  readonly place: string | null;
  /** The folder of the trash. */
  readonly run: string | null;
  readonly reason: string | null;
  readonly bytes: number | null;
}

export interface AuditEntry extends AuditEvent {
  /** Counted up from 1, without a gap. */
  readonly number: number;
  readonly actor: Actor;
  /** SHA-256 in hexadecimal digits: of this entry and, by that of the one before, of all before it. */
  readonly hash: string;
}

/** What comes before the first entry. */
export const NO_HASH = '0'.repeat(64);

/** @param actor as JSON, to the letter as it is kept */
export function hashOf(before: string, number: number, event: AuditEvent, actor: string): string {
  const { what, atMs, subject, place, run, reason, bytes } = event;
  const form = JSON.stringify([before, number, atMs, what, subject, place, run, reason, bytes, actor]);
  return hash('sha256', form);
}

/** As it comes back out of the database: whole numbers, and text that is UTF-8. */
export function storable(event: AuditEvent): AuditEvent {
  const { atMs, subject, place, run, reason, bytes } = event;
  return {
    what: event.what,
    atMs: Math.floor(atMs),
    subject: subject.toWellFormed(),
    place: place?.toWellFormed() ?? null,
    run: run?.toWellFormed() ?? null,
    reason: reason?.toWellFormed() ?? null,
    bytes: bytes === null ? null : Math.floor(bytes),
  };
}
