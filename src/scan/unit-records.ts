/** One record for each session, found by its id: in typed arrays, some 60 bytes each, whatever the session holds. */

import type { SessionId } from '../claude-dir/session-id.ts';
import {
  copyRecord,
  FLOAT,
  hashOfId,
  ID_WORDS,
  isSameId,
  RECORD_BYTES,
  RECORD_FLOATS,
  RECORD_WORDS,
  type Rows,
  readId,
  recordsIn,
  WORD,
  writeId,
} from './part-records.ts';

const CHUNK_BITS = 13;
const CHUNK_ROWS = 1 << CHUNK_BITS;
const FIRST_SLOTS = 1 << 10;
/** The share of the slots that may be taken; more makes the way to a free one long. */
const LOAD_MAX = 0.7;

export class UnitRecords {
  readonly #chunks: Rows[] = [];
  /** By the hash of an id: its row, plus 1; 0 where there is none. */
  #slots = new Uint32Array(FIRST_SLOTS);
  #length = 0;
  readonly #wanted = new Uint32Array(ID_WORDS);

  get length(): number {
    return this.#length;
  }

  /** The row of a session; undefined where it has none. */
  find(sessionId: SessionId): number | undefined {
    writeId(sessionId, this.#wanted, 0);
    return this.#rowIn(this.#slotOf(this.#wanted, 0));
  }

  /** The same of an id in 16 bytes. */
  findPacked(bytes: Buffer, at: number): number | undefined {
    for (let word = 0; word < ID_WORDS; word += 1) this.#wanted[word] = bytes.readUInt32BE(at + 4 * word);
    return this.#rowIn(this.#slotOf(this.#wanted, 0));
  }

  packId(row: number, into: Buffer, at: number): void {
    for (let word = 0; word < ID_WORDS; word += 1) into.writeUInt32BE(this.word(row, WORD.id + word), at + 4 * word);
  }

  /** The row of the session that a record of a part is about; undefined where it has none yet. */
  findOwner(rows: Rows, index: number): number | undefined {
    return this.#rowIn(this.#slotOf(rows.words, index * RECORD_WORDS + WORD.id));
  }

  /** Begins the record of a session with that of its first part. @returns its row */
  append(rows: Rows, index: number): number {
    const row = this.#length;
    if (row === this.#chunks.length * CHUNK_ROWS) {
      this.#chunks.push(recordsIn(new ArrayBuffer(CHUNK_ROWS * RECORD_BYTES), CHUNK_ROWS));
    }
    copyRecord(rows, index, this.#chunk(row), row & (CHUNK_ROWS - 1));
    this.#slots[this.#slotOf(rows.words, index * RECORD_WORDS + WORD.id)] = row + 1;
    this.#length = row + 1;
    if (this.#length > this.#slots.length * LOAD_MAX) this.#growSlots();
    return row;
  }

  /** Adds what a further part of the session measures; its flags are the caller's to add. */
  addMeasure(row: number, rows: Rows, index: number): void {
    const { floats, words } = this.#chunk(row);
    const [toFloat, to] = [floatAt(row), wordAt(row)];
    const [fromFloat, from] = [index * RECORD_FLOATS, index * RECORD_WORDS];
    const filesBefore = words[to + WORD.files] ?? 0;
    const files = rows.words[from + WORD.files] ?? 0;
    const newestBefore = floats[toFloat + FLOAT.newestMtimeMs] ?? Number.NaN;
    const newest = rows.floats[fromFloat + FLOAT.newestMtimeMs] ?? Number.NaN;
    // The time of a directory tells only where there is no file.
    const isOneWithout = (filesBefore === 0) !== (files === 0);
    floats[toFloat + FLOAT.newestMtimeMs] = !isOneWithout
      ? Math.max(newestBefore, newest)
      : files > 0
        ? newest
        : newestBefore;
    for (const sum of [FLOAT.bytes, FLOAT.diskBytes]) {
      floats[toFloat + sum] = (floats[toFloat + sum] ?? 0) + (rows.floats[fromFloat + sum] ?? 0);
    }
    words[to + WORD.files] = filesBefore + files;
    words[to + WORD.digest] = (words[to + WORD.digest] ?? 0) + (rows.words[from + WORD.digest] ?? 0);
  }

  sessionId(row: number): SessionId {
    return readId(this.#chunk(row).words, wordAt(row) + WORD.id);
  }

  float(row: number, field: number): number {
    return this.#chunk(row).floats[floatAt(row) + field] ?? Number.NaN;
  }

  word(row: number, field: number): number {
    return this.#chunk(row).words[wordAt(row) + field] ?? 0;
  }

  setWord(row: number, field: number, value: number): void {
    this.#chunk(row).words[wordAt(row) + field] = value;
  }

  compareIds(left: number, right: number): number {
    for (let word = WORD.id; word < WORD.id + ID_WORDS; word += 1) {
      const difference = this.word(left, word) - this.word(right, word);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #rowIn(slot: number): number | undefined {
    const row = this.#slots[slot] ?? 0;
    return row === 0 ? undefined : row - 1;
  }

  /** The slot of an id, or the free one that it would take. */
  #slotOf(words: Uint32Array, at: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOfId(words, at) & mask;
    for (;;) {
      const row = this.#slots[slot] ?? 0;
      if (row === 0 || isSameId(this.#chunk(row - 1).words, wordAt(row - 1) + WORD.id, words, at)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #growSlots(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let row = 0; row < this.#length; row += 1) {
      this.#slots[this.#slotOf(this.#chunk(row).words, wordAt(row) + WORD.id)] = row + 1;
    }
  }

  #chunk(row: number): Rows {
    const chunk = this.#chunks[row >>> CHUNK_BITS];
    if (chunk === undefined) throw new Error(`no unit in row ${row}`);
    return chunk;
  }
}

function wordAt(row: number): number {
  return (row & (CHUNK_ROWS - 1)) * RECORD_WORDS;
}

function floatAt(row: number): number {
  return (row & (CHUNK_ROWS - 1)) * RECORD_FLOATS;
}
