/** Entries by their digests, by which two stores are compared without their texts being sent. */

import { createHash } from 'node:crypto';

export interface EntryMark {
  /** Of its row in its own store. */
  readonly id: number;
  /** Empty for the main transcript. */
  readonly subpath: string;
  /** SHA-256 of the text, in hexadecimal digits. */
  readonly digest: string;
  readonly bytes: number;
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** @returns which of `ours` are not among `theirs`, in their order; of two alike, each needs one of its own */
export function missingOf(ours: readonly EntryMark[], theirs: readonly EntryMark[]): readonly EntryMark[] {
  const spare = new Map<string, number>();
  for (const mark of theirs) spare.set(nameOf(mark), (spare.get(nameOf(mark)) ?? 0) + 1);
  return ours.filter((mark) => !taken(spare, mark));
}

/**
 * @returns which of `theirs` stand for `ours`, in the places of those: only the order within each transcript is theirs, since transcripts
 * grow beside each other
 */
export function heldAmong(ours: readonly EntryMark[], theirs: readonly EntryMark[]): readonly EntryMark[] {
  const wanted = new Map<string, number>();
  for (const mark of ours) wanted.set(nameOf(mark), (wanted.get(nameOf(mark)) ?? 0) + 1);
  const held = new Map<string, EntryMark[]>();
  for (const mark of theirs) {
    if (!taken(wanted, mark)) continue;
    const ofTranscript = held.get(mark.subpath) ?? [];
    ofTranscript.push(mark);
    held.set(mark.subpath, ofTranscript);
  }
  const next = new Map<string, number>();
  return ours.flatMap(({ subpath }) => {
    const index = next.get(subpath) ?? 0;
    next.set(subpath, index + 1);
    return held.get(subpath)?.[index] ?? [];
  });
}

/** Whether the main transcript of `theirs` is the beginning of that of `ours`. */
export function isBeginning(theirs: readonly EntryMark[], ours: readonly EntryMark[]): boolean {
  const [their, our] = [theirs, ours].map((marks) => marks.filter(({ subpath }) => subpath === ''));
  return their?.every(({ digest }, index) => our?.[index]?.digest === digest) === true;
}

function nameOf({ subpath, digest }: EntryMark): string {
  return `${digest} ${subpath}`;
}

function taken(spare: Map<string, number>, mark: EntryMark): boolean {
  const count = spare.get(nameOf(mark)) ?? 0;
  if (count === 0) return false;
  spare.set(nameOf(mark), count - 1);
  return true;
}
