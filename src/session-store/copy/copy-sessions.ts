/**
 * Copies the sessions of a store into another while hosts write to both: each entry of the one is in the other afterwards, in its order and
 * to the byte, and none stands there twice for being copied twice.
 */

import { createHash } from 'node:crypto';
import { BusyError, errorMessage, OperatingError } from '../../errors.ts';
import { type EntryMark, heldAmong, isBeginning, missingOf } from './entry-marks.ts';

export interface SessionName {
  readonly projectKey: string;
  readonly sessionId: string;
}

export interface StoredFigures {
  readonly mtimeMs: number;
  readonly lastUsedAtMs: number;
  readonly hasMain: boolean;
  readonly summary: string | null;
}

export interface CopiedEntry {
  readonly subpath: string;
  readonly text: string;
  readonly createdAtMs: number;
}

/** One session, all of one moment. */
export interface SessionSeen {
  readonly stored: StoredFigures;
  readonly marks: readonly EntryMark[];
  /** In the order that is asked for. */
  entries(ids: readonly number[]): Promise<readonly CopiedEntry[]>;
}

export interface StoreToCopy {
  /** A page at a time; none of which a purge has begun to destroy. */
  names(): AsyncIterable<readonly SessionName[]>;
  /** @returns undefined where it has gone meanwhile */
  see<T>(name: SessionName, act: (seen: SessionSeen) => Promise<T>): Promise<T | undefined>;
}

/** One session of a store that is filled; nobody else changes it unseen. */
export interface SessionHeld {
  readonly stored: StoredFigures | undefined;
  marks(): Promise<readonly EntryMark[]>;
  add(entries: readonly CopiedEntry[]): Promise<void>;
  note(stored: StoredFigures): Promise<void>;
}

export interface StoreToFill {
  /** @throws OperatingError `usage` where it can have no session of this name */
  hold<T>(name: SessionName, act: (held: SessionHeld) => Promise<T>): Promise<T>;
}

export interface CopiedStore {
  readonly sessions: number;
  readonly entries: number;
  /** Entries that were not there before. */
  readonly copied: number;
  /** Sessions whose entries stand in another order over there: a host had written to it there already. */
  readonly mixed: number;
  /** Sessions that are not there in full. */
  readonly refused: number;
  /** About the first of them. */
  readonly refusals: readonly string[];
  readonly checksum: string;
  /** Of the entries over there that stand for those. */
  readonly checksumThere: string;
}

const REFUSALS_SHOWN_MAX = 10;
/** What is on its way at once; an entry that is larger goes alone. */
const BATCH_BYTES_MAX = 8 * 2 ** 20;
const BATCH_ENTRIES_MAX = 500;

/** Again and again it comes to the same. @param goOn throws where it is not to go on */
export async function copySessions(from: StoreToCopy, to: StoreToFill, goOn: () => void): Promise<CopiedStore> {
  const [sum, sumThere] = [createHash('sha256'), createHash('sha256')];
  const counts = { sessions: 0, entries: 0, copied: 0, mixed: 0, refused: 0 };
  const refusals: string[] = [];
  for await (const page of from.names()) {
    for (const name of page) {
      goOn();
      const outcome = await copyOne(from, to, name);
      if (outcome === undefined) continue;
      counts.sessions += 1;
      if (typeof outcome === 'string') {
        counts.refused += 1;
        if (refusals.length < REFUSALS_SHOWN_MAX) refusals.push(`${name.sessionId}: ${outcome}`);
        continue;
      }
      counts.entries += outcome.marks.length;
      counts.copied += outcome.copied;
      if (outcome.isMixed) counts.mixed += 1;
      sum.update(linesOf(name, outcome.marks));
      sumThere.update(linesOf(name, outcome.held));
    }
  }
  return { ...counts, refusals, checksum: sum.digest('hex'), checksumThere: sumThere.digest('hex') };
}

interface CopiedSession {
  readonly marks: readonly EntryMark[];
  readonly held: readonly EntryMark[];
  readonly copied: number;
  readonly isMixed: boolean;
}

/** @returns why it is not there in full; undefined where it has gone meanwhile */
async function copyOne(
  from: StoreToCopy,
  to: StoreToFill,
  name: SessionName,
): Promise<CopiedSession | string | undefined> {
  try {
    return await from.see(name, (seen) => to.hold(name, (held) => fill(seen, held)));
  } catch (error) {
    // One that no store of that kind can hold, or that its hosts do not let go of, stops none of the others.
    const isOfOne = error instanceof OperatingError && (error.kind === 'usage' || error.kind === 'bad-data');
    if (isOfOne || error instanceof BusyError) return errorMessage(error);
    throw error;
  }
}

async function fill(seen: SessionSeen, held: SessionHeld): Promise<CopiedSession | string> {
  const before = await held.marks();
  const missing = missingOf(seen.marks, before);
  for (const ids of inBatches(missing)) await held.add(await seen.entries(ids));
  const figures = figuresOf(seen, held.stored, before, missing);
  if (missing.length > 0 || !areSame(figures, held.stored)) await held.note(figures);
  const after = missing.length > 0 ? await held.marks() : before;
  const left = missingOf(seen.marks, after);
  if (left.length > 0) {
    return `${left.length} of ${seen.marks.length} entries are not there; others of their uuids may be`;
  }
  const ours = heldAmong(seen.marks, after);
  const isMixed = !ours.every((mark, index) => mark.digest === seen.marks[index]?.digest);
  return { marks: seen.marks, held: ours, copied: missing.length, isMixed };
}

function* inBatches(marks: readonly EntryMark[]): Generator<readonly number[]> {
  let ids: number[] = [];
  let bytes = 0;
  for (const mark of marks) {
    if (ids.length > 0 && (ids.length >= BATCH_ENTRIES_MAX || bytes + mark.bytes > BATCH_BYTES_MAX)) {
      yield ids;
      ids = [];
      bytes = 0;
    }
    ids.push(mark.id);
    bytes += mark.bytes;
  }
  if (ids.length > 0) yield ids;
}

/** Ages are kept, and no use is forgotten. A summary goes along with the entries that it was made of. */
function figuresOf(
  { stored, marks }: SessionSeen,
  there: StoredFigures | undefined,
  before: readonly EntryMark[],
  missing: readonly EntryMark[],
): StoredFigures {
  if (there === undefined) return stored;
  const together = {
    lastUsedAtMs: Math.max(stored.lastUsedAtMs, there.lastUsedAtMs),
    hasMain: stored.hasMain || there.hasMain,
  };
  if (stored.mtimeMs >= there.mtimeMs && isBeginning(before, marks)) {
    return { ...together, mtimeMs: stored.mtimeMs, summary: stored.summary };
  }
  const hasGrown = missing.some(({ subpath }) => subpath === '');
  // Younger than its summary: so the SDK reads the session itself.
  const mtimeMs = hasGrown ? Math.max(stored.mtimeMs, there.mtimeMs) + 1 : there.mtimeMs;
  return { ...together, mtimeMs, summary: there.summary };
}

function areSame(one: StoredFigures, other: StoredFigures | undefined): boolean {
  return (
    other !== undefined &&
    one.mtimeMs === other.mtimeMs &&
    one.lastUsedAtMs === other.lastUsedAtMs &&
    one.hasMain === other.hasMain &&
    one.summary === other.summary
  );
}

function linesOf({ projectKey, sessionId }: SessionName, marks: readonly EntryMark[]): string {
  return [
    JSON.stringify([projectKey, sessionId]),
    ...marks.map(({ subpath, digest }) => `${digest} ${subpath}`),
    '',
  ].join('\n');
}
