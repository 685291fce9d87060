/**
 * What a transcript says of its session: what a person has said of it (a tag, a title), when it was used last, and how it came to be. The last
 * word counts, and may stand anywhere in the file, so all of it is looked at, a piece at a time. Observed with Claude Code 2.1; whatever does
 * not parse says nothing.
 */

import type { SessionClass } from '../config/class-ages.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { classOf, isMetadataAlone, type SessionOrigin } from './session-class.ts';

export interface SessionMarks {
  /** The tag that the SDK's `tagSession` set; undefined where there is none or it was cleared. */
  readonly tag: string | undefined;
  /** The title that a person set, by `renameSession` or `/rename`, not one that Claude makes up itself. */
  readonly title: string | undefined;
}

export interface TranscriptFacts extends SessionMarks {
  /** The newest time that an entry tells, none of the future; Unix epoch ms. Undefined where none tells one. */
  readonly lastEntryMs: number | undefined;
  readonly sessionClass: SessionClass | undefined;
}

/** An entry that marks a session has some hundred bytes: a longer line is a message. */
const LINE_BYTES_MAX = 64 * 1024;
/** No transcript of metadata alone is larger. */
const METADATA_BYTES_MAX = 64 * 1024;
const NEWLINE = 0x0a;
const QUOTE = 0x22;
const EMPTY = Buffer.alloc(0);
/** What lines are looked into at all. */
const NEEDLES = [Buffer.from('"tag"'), Buffer.from('"custom-title"')];
const TIMESTAMPS = ['"timestamp":"', '"timestamp": "'].map((text) => Buffer.from(text));
const ENTRYPOINTS = ['"entrypoint":"', '"entrypoint": "'].map((text) => Buffer.from(text));
/** `2026-01-31T04:17:21.000Z`; that they all have one form makes their order that of their letters. */
const TIMESTAMP_FORM = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const TIMESTAMP_BYTES = 24;
const SESSION_KIND = Buffer.from('"sessionKind":"');
const TURN_ORIGIN = Buffer.from('"turnOrigin":"');
/** No word that tells where a session comes from is longer. */
const WORD_BYTES_MAX = 40;
/** What a field with its value takes at most: so much of a piece is looked at again with the next. */
const FIELD_BYTES_MAX = 64;
/** Titles that Claude gives to what it has copied from another session. */
const COPY_TITLE = / \((fork|branch)( \d+)?\)$/i;

/**
 * @param nowMs what lies after it is no time of use
 * @param isToStop asked between pieces
 * @returns undefined where it was told to stop
 * @throws the system's error, or where it is no regular file
 */
export async function readTranscriptFacts(
  directory: AnchoredDir,
  name: ByteName,
  { nowMs, isToStop }: { readonly nowMs: number; isToStop(): Promise<boolean> },
): Promise<TranscriptFacts | undefined> {
  const reader = new FactsReader(nowMs);
  for (const piece of directory.readPieces(name)) {
    reader.add(piece);
    if (await isToStop()) return undefined;
  }
  return reader.end();
}

/**
 * Whether a transcript holds titles, tags and the like alone, as where one was tagged that had gone to the trash: Claude resumes none.
 * @throws the system's error, or where it is no regular file
 */
export function holdsMetadataAlone(directory: AnchoredDir, name: ByteName): boolean {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for (const piece of directory.readPieces(name)) {
    bytes += piece.length;
    if (bytes > METADATA_BYTES_MAX) return false;
    pieces.push(Buffer.from(piece));
  }
  return isMetadataAlone(Buffer.concat(pieces).toString());
}

/** Takes a transcript piece by piece; exported for tests. */
export class FactsReader {
  readonly #marks = new MarksReader();
  readonly #fields: FieldsReader;
  /** The whole of a transcript so far, as long as it can be one of metadata alone. */
  #head: Buffer | undefined = EMPTY;

  constructor(nowMs: number) {
    this.#fields = new FieldsReader(nowMs);
  }

  add(piece: Buffer): void {
    this.#marks.add(piece);
    this.#fields.add(piece);
    if (this.#head === undefined) return;
    const isTooLong = this.#head.length + piece.length > METADATA_BYTES_MAX;
    this.#head = isTooLong ? undefined : Buffer.concat([this.#head, piece]);
  }

  end(): TranscriptFacts {
    const { lastEntryMs } = this.#fields;
    const isMetadata = this.#head !== undefined && isMetadataAlone(this.#head.toString());
    return {
      ...this.#marks.end(),
      lastEntryMs,
      sessionClass: isMetadata ? 'metadata' : classOf(this.#fields.origin),
    };
  }
}

/** Fields that many entries have; found by their letters, since parsing every entry would take ten times as long. */
class FieldsReader {
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
    this.#nowText = new Date(nowMs).toISOString();
  }

  get lastEntryMs(): number | undefined {
    return this.#newest === '' ? undefined : Date.parse(this.#newest);
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
    this.#sessionKind ??= valueAt(bytes, SESSION_KIND, bytes.indexOf(SESSION_KIND));
    this.#countTurns(bytes, position);
    for (const needle of TIMESTAMPS) {
      for (let hit = bytes.indexOf(needle); hit !== -1; hit = bytes.indexOf(needle, hit + needle.length)) {
        const start = hit + needle.length;
        const text = bytes.toString('latin1', start, start + TIMESTAMP_BYTES);
        if (text > this.#newest && text <= this.#nowText && TIMESTAMP_FORM.test(text)) this.#newest = text;
      }
    }
    for (const needle of ENTRYPOINTS) {
      this.#first ??= valueAt(bytes, needle, bytes.indexOf(needle));
      this.#last = valueAt(bytes, needle, bytes.lastIndexOf(needle)) ?? this.#last;
    }
  }

  #countTurns(bytes: Buffer, position: number): void {
    for (let hit = bytes.indexOf(TURN_ORIGIN); hit !== -1; hit = bytes.indexOf(TURN_ORIGIN, hit + 1)) {
      const origin = valueAt(bytes, TURN_ORIGIN, hit);
      if (origin === undefined || position + hit <= this.#lastTurnAt) continue;
      this.#lastTurnAt = position + hit;
      this.#firstTurn ??= origin;
      if (origin === 'human') this.#humanTurns += 1;
    }
  }
}

function valueAt(bytes: Buffer, needle: Buffer, hit: number): string | undefined {
  if (hit === -1) return undefined;
  const start = hit + needle.length;
  const end = bytes.indexOf(QUOTE, start);
  return end === -1 || end - start > WORD_BYTES_MAX ? undefined : bytes.toString('latin1', start, end);
}

class MarksReader {
  #tag: string | undefined;
  #title: string | undefined;
  /** The beginning of a line whose end has not come yet. */
  #carry: Buffer = EMPTY;
  /** The line at hand is too long to be looked at, and its beginning is thrown away. */
  #isSkipping = false;

  add(chunk: Buffer): void {
    const end = chunk.lastIndexOf(NEWLINE);
    if (end === -1) {
      this.#carryOver(chunk);
      return;
    }
    // What is left of a line that is too long ends here.
    const start = this.#isSkipping ? chunk.indexOf(NEWLINE) + 1 : 0;
    this.#isSkipping = false;
    const lines = chunk.subarray(start, end + 1);
    this.#look(this.#carry.length === 0 ? lines : Buffer.concat([this.#carry, lines]));
    this.#carry = EMPTY;
    if (end + 1 < chunk.length) this.#carryOver(chunk.subarray(end + 1));
  }

  end(): SessionMarks {
    this.#look(this.#carry);
    this.#carry = EMPTY;
    return { tag: this.#tag, title: this.#title };
  }

  #carryOver(rest: Buffer): void {
    if (this.#isSkipping) return;
    this.#isSkipping = this.#carry.length + rest.length > LINE_BYTES_MAX;
    this.#carry = this.#isSkipping ? EMPTY : Buffer.concat([this.#carry, rest]);
  }

  #look(lines: Buffer): void {
    const starts = new Set<number>();
    for (const needle of NEEDLES) {
      for (let hit = lines.indexOf(needle); hit !== -1; hit = lines.indexOf(needle, hit + needle.length)) {
        starts.add(hit === 0 ? 0 : lines.lastIndexOf(NEWLINE, hit) + 1);
      }
    }
    for (const start of [...starts].sort((left, right) => left - right)) {
      const newline = lines.indexOf(NEWLINE, start);
      const end = newline === -1 ? lines.length : newline;
      if (end - start <= LINE_BYTES_MAX) this.#read(lines.toString('utf8', start, end));
    }
  }

  #read(line: string): void {
    const entry = entryOf(line);
    if (entry?.type === 'tag') this.#tag = textOf(entry.tag);
    if (entry?.type === 'custom-title') this.#title = titleByPerson(entry);
  }
}

interface MarkEntry {
  readonly type?: unknown;
  readonly tag?: unknown;
  readonly customTitle?: unknown;
  readonly by?: unknown;
}

/** Where a line was cut off by a kill, the next entry stands behind it on the same line: it is read by itself. */
function entryOf(line: string): MarkEntry | undefined {
  const entry = parsed(line);
  if (entry !== undefined) return entry;
  const start = line.lastIndexOf('{"type":');
  return start > 0 ? parsed(line.slice(start)) : undefined;
}

function parsed(text: string): MarkEntry | undefined {
  try {
    const entry: MarkEntry | null = JSON.parse(text);
    return entry ?? undefined;
  } catch {
    // Half a line, or none of Claude's.
    return undefined;
  }
}

/** @returns undefined for a title that Claude has given or carried over itself */
export function titleByPerson({ customTitle, by }: MarkEntry): string | undefined {
  const title = textOf(customTitle);
  const isAutomatic = (by !== undefined && by !== 'user') || COPY_TITLE.test(title ?? '');
  return isAutomatic ? undefined : title;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
