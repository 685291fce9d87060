/** Tells what becomes of a unit that is to be taken into the trash, and what keeps it where it is. */

import { type LinkedFile, type Measurer, type ReadFault, sameMeasure } from '../claude-dir/measure.ts';
import type { Unit } from '../claude-dir/unit.ts';
import { displayName } from '../files/byte-name.ts';

/** One unit has become this. Everything but `trashed` leaves it where it was. */
export type TakeOutcome =
  | { readonly kind: 'trashed' }
  /** It is not as it was when the decision was made. */
  | { readonly kind: 'changed' }
  /** It had gone already. */
  | { readonly kind: 'vanished' }
  /** The system would not move it: `code` says why. */
  | { readonly kind: 'unmovable'; readonly code: string; readonly message: string }
  /** It was written anew under its old name in the very instant: the older part is in the trash, the newer one stays. */
  | { readonly kind: 'recreated' };

/** A unit with what has become of it so far; undefined where it could not be brought back whole. */
export interface Taken {
  readonly unit: Unit;
  outcome: TakeOutcome | undefined;
}

/** @param before the unit as it is just before it would be taken @returns undefined where it is as it was decided on */
export function unlikeDecided(before: Measurer, unit: Unit): TakeOutcome | undefined {
  // What cannot be read is not seen, which looks like a change; but an operator has to hear of a failing disk.
  const unread = before.unreadable;
  if (unread !== undefined) return { kind: 'unmovable', code: unread.code, message: unreadMessage(unread) };
  if (before.files === 0 && unit.files > 0) return { kind: 'vanished' };
  if (before.doubt !== undefined || !sameMeasure(before, unit)) return { kind: 'changed' };
  return before.linked.some((file) => isLinkedSince(file, unit)) ? { kind: 'changed' } : undefined;
}

/** A rename changes no number of names, so those that the scan saw are still enough, wherever they are by now. */
function isLinkedSince({ inode, names }: LinkedFile, { seenNames }: Unit): boolean {
  return names > (seenNames.get(inode) ?? 1);
}

function unreadMessage({ code, path }: ReadFault): string {
  return `look at ${displayName(path)}: ${code}`;
}
