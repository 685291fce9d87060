/**
 * Fields that many entries of a transcript have, by which it is told when the session was used last and how it came to be; found by their
 * letters, since parsing every entry would take ten times as long.
 */

import type { SessionOrigin } from './session-class.ts';

/** As they are written, with a space before the value or without. */
export const FIELD_KEYS = {
  timestamp: '"timestamp":',
  entrypoint: '"entrypoint":',
  sessionKind: '"sessionKind":',
  turnOrigin: '"turnOrigin":',
} as const;
const KEYS = {
  timestamp: Buffer.from(FIELD_KEYS.timestamp),
  entrypoint: Buffer.from(FIELD_KEYS.entrypoint),
  sessionKind: Buffer.from(FIELD_KEYS.sessionKind),
  turnOrigin: Buffer.from(FIELD_KEYS.turnOrigin),
};
export const TURN_BY_PERSON = 'human';
/**
 * What each begins with, `0` for a digit and `?` for any letter. Claude goes on with `.000Z`, and others write what they like. The order of
 * all is that of their letters, but for the hours by which other zones differ.
 */
export const TIMESTAMP_FORM = '0000-00-00?00:00:00';
const TIMESTAMP_PATTERN = /^\d{4}-\d{2}-\d{2}.\d{2}:\d{2}:\d{2}/;
const TIMESTAMP_PARTS = /^(\d{4})-(\d\d)-(\d\d).(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?/;
const ZONE = /([+-])(\d\d):?(\d\d)$/;
/** No word that tells where a session comes from is longer. */
const WORD_BYTES_MAX = 40;
/** What a field with its value takes at most: so much of a piece is looked at again with the next. */
const FIELD_BYTES_MAX = 64;
const SPACE = 0x20;
const QUOTE = 0x22;
const EMPTY = Buffer.alloc(0);

/** Takes a transcript piece by piece. */
export class FieldsReader {
  readonly #nowMs: number;
  readonly #nowText: string;
  #newest = '';
  #first: string | undefined;
  #last: string | undefined;
  #sessionKind: string | undefined;
  #firstTurn: string | undefined;
  #humanTurns = 0;
  /** Where the last turn stands: what lies at a seam is seen twice. */
  #lastTurnAt = -1;
  /** How many bytes have come so far. */
  #bytes = 0;
  #tail: Buffer = EMPTY;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
    this.#nowText = new Date(nowMs).toISOString();
  }

  get lastEntryMs(): number | undefined {
    return this.#newest === '' ? undefined : timeOf(this.#newest, this.#nowMs);
  }

  get origin(): SessionOrigin {
    const entrypoints = [this.#first, this.#last];
    return { entrypoints, sessionKind: this.#sessionKind, firstTurn: this.#firstTurn, humanTurns: this.#humanTurns };
  }

  add(piece: Buffer): void {
    // A field that is cut between two pieces stands whole at the seam.
    if (this.#tail.length > 0) {
      const seam = Buffer.concat([this.#tail, piece.subarray(0, FIELD_BYTES_MAX)]);
      this.#look(seam, this.#bytes - this.#tail.length);
    }
    this.#look(piece, this.#bytes);
    this.#bytes += piece.length;
    const end = Buffer.concat([this.#tail, piece.subarray(-FIELD_BYTES_MAX)]);
    this.#tail = Buffer.from(end.subarray(-FIELD_BYTES_MAX));
  }

  /** @param position of the first of them in the transcript */
  #look(bytes: Buffer, position: number): void {
    this.#sessionKind ??= firstValue(bytes, KEYS.sessionKind);
    this.#first ??= firstValue(bytes, KEYS.entrypoint);
    this.#last = lastValue(bytes, KEYS.entrypoint) ?? this.#last;
    this.#countTurns(bytes, position);
    for (const hit of hits(bytes, KEYS.timestamp)) {
      const start = valueStart(bytes, KEYS.timestamp, hit);
      const text = start === undefined ? '' : textUpToQuote(bytes, start);
      if (text > this.#newest && text <= this.#nowText && TIMESTAMP_PATTERN.test(text)) this.#newest = text;
    }
  }

  #countTurns(bytes: Buffer, position: number): void {
    for (const hit of hits(bytes, KEYS.turnOrigin)) {
      const origin = valueAt(bytes, KEYS.turnOrigin, hit);
      if (origin === undefined || position + hit <= this.#lastTurnAt) continue;
      this.#lastTurnAt = position + hit;
      this.#firstTurn ??= origin;
      if (origin === TURN_BY_PERSON) this.#humanTurns += 1;
    }
  }
}

function* hits(bytes: Buffer, key: Buffer): Generator<number> {
  for (let hit = bytes.indexOf(key); hit !== -1; hit = bytes.indexOf(key, hit + key.length)) yield hit;
}

function firstValue(bytes: Buffer, key: Buffer): string | undefined {
  for (const hit of hits(bytes, key)) {
    const value = valueAt(bytes, key, hit);
    if (value !== undefined) return value;
  }
  return undefined;
}

function lastValue(bytes: Buffer, key: Buffer): string | undefined {
  for (let hit = bytes.lastIndexOf(key); hit !== -1; hit = hit === 0 ? -1 : bytes.lastIndexOf(key, hit - 1)) {
    const value = valueAt(bytes, key, hit);
    if (value !== undefined) return value;
  }
  return undefined;
}

function valueStart(bytes: Buffer, key: Buffer, hit: number): number | undefined {
  const at = hit + key.length;
  const start = bytes[at] === SPACE ? at + 1 : at;
  return bytes[start] === QUOTE ? start + 1 : undefined;
}

function textUpToQuote(bytes: Buffer, start: number): string {
  const text = bytes.toString('latin1', start, start + WORD_BYTES_MAX);
  const end = text.search(/["\n]/);
  return end === -1 ? text : text.slice(0, end);
}

/**
 * @param text of `TIMESTAMP_FORM`; without a zone it is taken for UTC, and an hour or a day that there is not goes on into the next
 * @returns Unix epoch ms, `nowMs` at the most
 */
export function timeOf(text: string, nowMs: number): number {
  const [, sign, hours = 0, minutes = 0] = ZONE.exec(text) ?? [];
  const [year = 0, month = 1, day, hour, minute, second, milliseconds] = (TIMESTAMP_PARTS.exec(text) ?? [])
    .slice(1)
    .map((digits) => Number(digits ?? 0));
  const zoneMs = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  return Math.min(Date.UTC(year, month - 1, day, hour, minute, second, milliseconds) - zoneMs, nowMs);
}

function valueAt(bytes: Buffer, key: Buffer, hit: number): string | undefined {
  const start = valueStart(bytes, key, hit);
  if (start === undefined) return undefined;
  const end = bytes.indexOf(QUOTE, start);
  if (end === -1 || end - start > WORD_BYTES_MAX) return undefined;
  const text = bytes.toString('latin1', start, end);
  return text.includes('\n') ? undefined : text;
}
