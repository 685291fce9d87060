/**
 * What earlier scans found. A file that was seen with a time is at least as young now, so it cannot have expired before that time and
 * its retention are over: until then it need not be looked at again. Only a hint: what is to go is always looked at.
 */

import { crc32 } from 'node:zlib';
import { COMPANION_PLACES } from '../claude-dir/layout.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import {
  doubtOf,
  FLOAT,
  hashOfId,
  isSameId,
  PART_FLAGS,
  ROW_BYTES,
  ROW_FLOATS,
  ROW_WORDS,
  type Rows,
  readId,
  WORD,
  writeId,
} from './part-records.ts';

/** One directory as a scan found it. */
export interface RememberedDirectory {
  /** Of the directory, where nothing in it can have changed since without a trace; undefined where something could. */
  readonly identity: string | undefined;
  /** When all of it was looked at, Unix epoch ms. */
  readonly lookedAtMs: number;
  readonly rows: Uint8Array;
  /** As `checksumOf` gives it, or these rows are not what was found there then. */
  readonly checksum: number;
}

/** Keeps what was found, by Claude directory, and in it by the directory's path; a part of the ledger. */
export interface ScanMemory {
  remembered(claudeDir: string): ReadonlyMap<string, Omit<RememberedDirectory, 'rows'>>;
  rows(claudeDir: string, directory: string): Uint8Array | undefined;
  /** Replaces what was remembered of these. */
  remember(claudeDir: string, directories: ReadonlyMap<string, RememberedDirectory>): void;
  forget(claudeDir: string, directories: readonly string[]): void;
}

/** What of a memory may be believed, and from when on. Unix epoch ms. */
export interface Trust {
  /** What was older has to be looked at: it may have to go. */
  readonly fromMtimeMs: number;
  readonly nowMs: number;
}

const DAY_MS = 86_400_000;
/** A session that was written to lately is being written to: its size has changed. */
const ACTIVE_MS = 2 * DAY_MS;
/** Then everything is looked at again: sizes change, and times may be set back. */
const MEMORY_MS = 7 * DAY_MS;

export function isStillGood({ lookedAtMs }: Pick<RememberedDirectory, 'lookedAtMs'>, { nowMs }: Trust): boolean {
  return lookedAtMs <= nowMs && nowMs - lookedAtMs < MEMORY_MS;
}

/** Of what else the meaning of a row depends on: rows of another release are none. */
const LAYOUT = JSON.stringify([
  ROW_BYTES,
  FLOAT,
  WORD,
  COMPANION_PLACES.map(({ directory, kind }) => [directory, kind]),
]);

export function checksumOf(
  directory: string,
  { identity, lookedAtMs, rows }: Omit<RememberedDirectory, 'checksum'>,
): number {
  return crc32(rows, crc32([LAYOUT, directory, identity ?? '', lookedAtMs].join('\n')));
}

/** The remembered rows of one directory, by session and part. */
export class KnownRows {
  readonly rows: Rows;
  readonly #trust: Trust;
  /** By the hash of an id: its row, plus 1. */
  readonly #slots: Uint32Array;
  readonly #wanted = new Uint32Array(4);

  constructor(rows: Rows, trust: Trust) {
    this.rows = rows;
    this.#trust = trust;
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(rows.count * 2 + 1)));
    const mask = this.#slots.length - 1;
    for (let row = 0; row < rows.count; row += 1) {
      if (!this.isTrusted(row)) continue;
      let slot = hashOfId(rows.words, row * ROW_WORDS + WORD.id) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = row + 1;
    }
  }

  /** Whether it need not be looked at again. */
  isTrusted(row: number): boolean {
    const newestMtimeMs = this.rows.floats[row * ROW_FLOATS + FLOAT.newestMtimeMs] ?? Number.NaN;
    const { fromMtimeMs, nowMs } = this.#trust;
    // The time of an empty directory does not count once there is a file.
    const hasFiles = this.rows.words[row * ROW_WORDS + WORD.files] !== 0;
    return hasFiles && newestMtimeMs >= fromMtimeMs && newestMtimeMs < nowMs - ACTIVE_MS && !this.isDoubted(row);
  }

  isDoubted(row: number): boolean {
    return doubtOf(this.flags(row)) !== undefined;
  }

  flags(row: number): number {
    return this.rows.words[row * ROW_WORDS + WORD.flags] ?? 0;
  }

  /** What a row is about. */
  part(row: number): { readonly sessionId: SessionId; readonly flag: number } {
    return { sessionId: readId(this.rows.words, row * ROW_WORDS + WORD.id), flag: this.flags(row) & PART_FLAGS };
  }

  /** The row of a part that need not be looked at again. */
  trusted(sessionId: SessionId, flag: number): number | undefined {
    writeId(sessionId, this.#wanted, 0);
    const mask = this.#slots.length - 1;
    for (let slot = hashOfId(this.#wanted, 0) & mask; ; slot = (slot + 1) & mask) {
      const row = (this.#slots[slot] ?? 0) - 1;
      if (row === -1) return undefined;
      if (this.flags(row) === flag && isSameId(this.rows.words, row * ROW_WORDS + WORD.id, this.#wanted, 0)) return row;
    }
  }
}
