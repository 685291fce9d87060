/**
 * What was found in one directory, a row for each part of a session, in the form in which threads hand it to each other: 56 bytes a
 * row instead of an object with strings, since there may be a million.
 */

import type { SessionId } from '../claude-dir/session-id.ts';
import { DOUBTS, type Doubt, type Measure } from '../claude-dir/unit.ts';

export const RECORD_BYTES = 56;
export const RECORD_FLOATS = RECORD_BYTES / 8;
export const RECORD_WORDS = RECORD_BYTES / 4;
/** Places of the fields in a row, in units of their own size. */
export const FLOAT = { newestMtimeMs: 0, bytes: 1, diskBytes: 2 } as const;
export const WORD = { id: 6, files: 10, digest: 11, project: 12, flags: 13 } as const;

/** In the flags: which parts there are. A companion's bit follows from the index of its place. */
export const TRANSCRIPT_FLAG = 1;
export const DIRECTORY_FLAG = 2;
export const PROJECT_FLAGS = TRANSCRIPT_FLAG | DIRECTORY_FLAG;
/** The part is an irregular one, and stands in a table of its own. */
export const NO_FLAG = 0;
const FIRST_COMPANION_BIT = 2;
/** The rest of the flags: a doubt by its number, none by 0. */
const DOUBT_SHIFT = 16;
const PART_FLAGS = (1 << DOUBT_SHIFT) - 1;

export function companionFlag(place: number): number {
  return 1 << (FIRST_COMPANION_BIT + place);
}

export function doubtFlags(doubt: Doubt | undefined): number {
  return doubt === undefined ? 0 : (DOUBTS.indexOf(doubt) + 1) << DOUBT_SHIFT;
}

export function doubtOf(flags: number): Doubt | undefined {
  const number = flags >>> DOUBT_SHIFT;
  return number === 0 ? undefined : DOUBTS[number - 1];
}

/** The parts of both, and the doubt that comes first. */
export function joinedFlags(left: number, right: number): number {
  const [leftDoubt, rightDoubt] = [left >>> DOUBT_SHIFT, right >>> DOUBT_SHIFT];
  const doubt = leftDoubt === 0 || rightDoubt === 0 ? leftDoubt | rightDoubt : Math.min(leftDoubt, rightDoubt);
  return ((left | right) & PART_FLAGS) | (doubt << DOUBT_SHIFT);
}

/** Rows in one piece of memory. */
export interface Rows {
  readonly count: number;
  readonly floats: Float64Array;
  readonly words: Uint32Array;
}

export function recordsIn(buffer: ArrayBuffer, count: number): Rows {
  return { count, floats: new Float64Array(buffer), words: new Uint32Array(buffer) };
}

export function copyRecord(from: Rows, fromRow: number, to: Rows, toRow: number): void {
  const [start, target] = [fromRow * RECORD_WORDS, toRow * RECORD_WORDS];
  for (let word = 0; word < RECORD_WORDS; word += 1) to.words[target + word] = from.words[start + word] ?? 0;
}

const FIRST_CAPACITY_ROWS = 64;

/** Collects the rows of one directory. */
export class PartRecordWriter {
  #buffer = new ArrayBuffer(FIRST_CAPACITY_ROWS * RECORD_BYTES);
  #rows = recordsIn(this.#buffer, 0);
  #count = 0;

  add(sessionId: SessionId, part: number, measure: Measure & { readonly doubt: Doubt | undefined }): void {
    if ((this.#count + 1) * RECORD_BYTES > this.#buffer.byteLength) this.#grow();
    const { floats, words } = this.#rows;
    const [float, word] = [this.#count * RECORD_FLOATS, this.#count * RECORD_WORDS];
    floats[float + FLOAT.newestMtimeMs] = measure.newestMtimeMs;
    floats[float + FLOAT.bytes] = measure.bytes;
    floats[float + FLOAT.diskBytes] = measure.diskBytes;
    writeId(sessionId, words, word + WORD.id);
    words[word + WORD.files] = measure.files;
    words[word + WORD.digest] = measure.digest;
    words[word + WORD.flags] = part | doubtFlags(measure.doubt);
    this.#count += 1;
  }

  get count(): number {
    return this.#count;
  }

  /** What was collected; nothing may be added afterwards. */
  get buffer(): ArrayBuffer {
    return this.#buffer;
  }

  #grow(): void {
    const larger = new ArrayBuffer(this.#buffer.byteLength * 2);
    new Uint8Array(larger).set(new Uint8Array(this.#buffer));
    this.#buffer = larger;
    this.#rows = recordsIn(larger, 0);
  }
}

const ID_DIGITS = 32;
/** The text of the id that was read last. */
const ID_TEXT = Buffer.from('00000000-0000-0000-0000-000000000000', 'latin1');
const DIGITS = Buffer.from('0123456789abcdef', 'latin1');
const DASH = 0x2d;
/** Where the 32 digits of an id stand in its text. */
const DIGIT_PLACES = [0, 9, 19, 28] as const;
/** An id has so many words of 32 bits. */
export const ID_WORDS = 4;

/** An id as four words, big end first, so that words compare as the texts do. */
export function writeId(id: SessionId, words: Uint32Array, at: number): void {
  words[at] = hexWord(id, DIGIT_PLACES[0], DIGIT_PLACES[0] + 4);
  words[at + 1] = hexWord(id, DIGIT_PLACES[1], DIGIT_PLACES[1] + 5);
  words[at + 2] = hexWord(id, DIGIT_PLACES[2], DIGIT_PLACES[2] + 5);
  words[at + 3] = hexWord(id, DIGIT_PLACES[3], DIGIT_PLACES[3] + 4);
}

export function readId(words: Uint32Array, at: number): SessionId {
  // A digit at a time into memory that is there takes a fifth of what joining texts takes.
  let place = 0;
  for (let digit = 0; digit < ID_DIGITS; digit += 1) {
    if (ID_TEXT[place] === DASH) place += 1;
    const word = words[at + (digit >>> 3)] ?? 0;
    ID_TEXT[place] = DIGITS[(word >>> (28 - 4 * (digit & 7))) & 0xf] ?? 0;
    place += 1;
  }
  return ID_TEXT.toString('latin1') as SessionId;
}

export function isSameId(left: Uint32Array, leftAt: number, right: Uint32Array, rightAt: number): boolean {
  return (
    left[leftAt] === right[rightAt] &&
    left[leftAt + 1] === right[rightAt + 1] &&
    left[leftAt + 2] === right[rightAt + 2] &&
    left[leftAt + 3] === right[rightAt + 3]
  );
}

/** So that nobody can choose ids that all hash alike. */
const SEED = Math.floor(Math.random() * 2 ** 32);

/** 32 bits; the same for the same id in this thread alone. */
export function hashOfId(words: Uint32Array, at: number): number {
  let hash = SEED;
  for (let word = 0; word < ID_WORDS; word += 1) {
    hash = Math.imul(hash ^ (words[at + word] ?? 0), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

/** Four digits at either place. */
function hexWord(text: string, left: number, right: number): number {
  let word = 0;
  for (let index = left; index < left + 4; index += 1) word = (word << 4) | nibble(text.charCodeAt(index));
  for (let index = right; index < right + 4; index += 1) word = (word << 4) | nibble(text.charCodeAt(index));
  return word >>> 0;
}

const CODE_OF_9 = 0x39;

/** The value of a lower-case hexadecimal digit, which a session id is known to hold. */
function nibble(code: number): number {
  return code <= CODE_OF_9 ? code - 0x30 : code - 0x57;
}

export const TRANSCRIPT_RANK = 2;

/** How much what was found in a project says that the session is the project's. */
export function projectRank(flags: number): number {
  if ((flags & TRANSCRIPT_FLAG) !== 0) return TRANSCRIPT_RANK;
  return (flags & DIRECTORY_FLAG) === 0 ? 0 : 1;
}
