/** Which sessions a command wants to be shown, and in which order. Plain data. */

import type { SessionClass } from '../config/class-ages.ts';

export interface ListingRequest {
  readonly which: 'all' | 'going' | 'kept';
  readonly order: 'newest' | 'oldest' | 'largest' | 'soonest' | 'title';
  /** How many are listed at the most; all that match are counted. */
  readonly limit: number;
  /** Beginnings of session ids, in lower case; one of them has to match. */
  readonly ids?: readonly string[];
  /** Stands in the title, in whatever case; every transcript that is listed is looked into for it. */
  readonly title?: string;
  /** A real path or a glob over such, or a glob over names of project directories. */
  readonly project?: string;
  readonly sessionClass?: SessionClass;
  readonly unusedForMs?: number;
  readonly largerThanBytes?: number;
  /** Those alone that go within so long, if nobody uses them any more. */
  readonly goesWithinMs?: number;
}
