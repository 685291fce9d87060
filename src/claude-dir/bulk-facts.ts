/**
 * Looks into many transcripts by the native part, several at a time and apart from this thread: what it tells of them is what reading them
 * one by one would. What it does not claim to know, it leaves to that.
 */

import { constants } from 'node:os';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { callNatively, type NativeAnswer, type NativePart, severalAtATime } from '../files/native-part.ts';
import { PackedNames } from '../files/packed-names.ts';
import { classOf, isMetadataAlone } from './session-class.ts';
import { METADATA_BYTES_MAX, type TranscriptFacts } from './transcript-facts.ts';
import { FIELD_KEYS, TIMESTAMP_FORM, TURN_BY_PERSON, timeOf } from './transcript-fields.ts';
import { MARK_TEXTS, MarksReader } from './transcript-marks.ts';

/** The layout of `native/look.h`, in words. */
const TOLD_WORDS = 3;
const KEY_ROW_WORDS = 23;
const VALUE_WORDS = 11;
const NO_VALUE = 0xffffffff;
const WORD_BYTES = Uint32Array.BYTES_PER_ELEMENT;

/** One call is asked for so much at most, so that a stop is never far. */
const CALL_FILES_MAX = 128;
const CALL_BYTES_MAX = 1 << 24;
const STOP_POLL_MS = 50;

const KEYS = [FIELD_KEYS.timestamp, FIELD_KEYS.entrypoint, FIELD_KEYS.sessionKind, FIELD_KEYS.turnOrigin] as const;
const [TIMESTAMP, ENTRYPOINT, SESSION_KIND, TURN_ORIGIN] = [0, 1, 2, 3];

export interface TranscriptFile {
  readonly project: ByteName;
  readonly name: ByteName;
  /** At least as large as it is, as far as that is known. */
  readonly bytes: number;
}

export interface BulkQuestion<File> {
  /** What lies after it is no time of use, Unix epoch ms. */
  readonly nowMs: number;
  /** Asked between calls, and now and then meanwhile; then not all of them are taken. */
  shouldStop(): Promise<boolean>;
  /** Given each file in no order; `undefined` where it has to be read by itself. */
  take(file: File, facts: TranscriptFacts | undefined): void;
}

/** @throws what `take` does */
export async function readManyFacts<File extends TranscriptFile>(
  part: NativePart,
  projects: AnchoredDir,
  files: readonly File[],
  question: BulkQuestion<File>,
): Promise<void> {
  const stop = new Int32Array(1);
  const shouldStop = async () => {
    if (stop[0] === 0 && (await question.shouldStop())) stop[0] = 1;
    return stop[0] !== 0;
  };
  const poll = setInterval(() => void shouldStop(), STOP_POLL_MS);
  const calls = callsOf(files);
  try {
    await severalAtATime(async () => {
      for (const some of calls) {
        if (await shouldStop()) return;
        const { words, names } = factsRequest(some, projects.fd, question.nowMs);
        const answer = await callNatively(part, 'look', words, names, stop);
        for (const { file, told } of readAnswer(some, answer, question.nowMs)) {
          if (told === 'stopped') return;
          question.take(file, told);
        }
      }
    });
  } finally {
    clearInterval(poll);
  }
}

function* callsOf<File extends TranscriptFile>(files: readonly File[]): Generator<readonly File[]> {
  let some: File[] = [];
  let bytes = 0;
  for (const file of files) {
    some.push(file);
    bytes += file.bytes;
    if (some.length < CALL_FILES_MAX && bytes < CALL_BYTES_MAX) continue;
    yield some;
    some = [];
    bytes = 0;
  }
  if (some.length > 0) yield some;
}

/** The words and the names of a request for these files. */
export function factsRequest(
  files: readonly Pick<TranscriptFile, 'project' | 'name'>[],
  projectsFd: number,
  nowMs: number,
): { readonly words: Uint32Array; readonly names: Uint8Array } {
  const names = new PackedNames();
  const none = names.add('');
  const words = [projectsFd, METADATA_BYTES_MAX, KEYS.length, MARK_TEXTS.length];
  for (const key of KEYS) {
    const [form, text] =
      key === FIELD_KEYS.timestamp ? [TIMESTAMP_FORM, new Date(nowMs).toISOString()] : ['', TURN_BY_PERSON];
    words.push(names.add(key), form === '' ? none : names.add(form), names.add(text));
  }
  for (const text of MARK_TEXTS) words.push(names.add(text));
  for (const { project, name } of files) words.push(names.add(project), names.addNew(name));
  return { words: Uint32Array.from(words), names: names.bytes() };
}

function* readAnswer<File>(files: readonly File[], [told, rows, , others]: NativeAnswer, nowMs: number) {
  const [toldWords, rowWords] = [new Uint32Array(told), new Uint32Array(rows)];
  const [rowBytes, texts] = [Buffer.from(rows), Buffer.from(others)];
  let text = 0;
  for (const [index, file] of files.entries()) {
    const [error, linesBytes = 0, wholeBytes = 0] = toldWords.subarray(index * TOLD_WORDS, (index + 1) * TOLD_WORDS);
    if (error === undefined) throw new Error('the native part did not tell of every file');
    const lines = texts.subarray(text, text + linesBytes);
    const whole = texts.subarray(text + linesBytes, text + linesBytes + wholeBytes);
    text += linesBytes + wholeBytes;
    if (error === constants.errno.ECANCELED) yield { file, told: 'stopped' as const };
    else if (error !== 0) yield { file, told: undefined };
    else yield { file, told: factsOf(new KeyRows(rowWords, rowBytes, index * KEYS.length), lines, whole, nowMs) };
  }
}

/** What is told of the keys of one file. */
class KeyRows {
  readonly #words: Uint32Array;
  readonly #bytes: Buffer;
  readonly #firstRow: number;

  constructor(words: Uint32Array, bytes: Buffer, firstRow: number) {
    this.#words = words;
    this.#bytes = bytes;
    this.#firstRow = firstRow;
  }

  first(key: number): string | undefined {
    return this.#value(this.#at(key));
  }

  last(key: number): string | undefined {
    return this.#value(this.#at(key) + VALUE_WORDS);
  }

  equal(key: number): number {
    return this.#words[this.#at(key) + 2 * VALUE_WORDS] ?? 0;
  }

  #at(key: number): number {
    return (this.#firstRow + key) * KEY_ROW_WORDS;
  }

  #value(at: number): string | undefined {
    const length = this.#words[at] ?? NO_VALUE;
    if (length === NO_VALUE) return undefined;
    const start = (at + 1) * WORD_BYTES;
    return this.#bytes.toString('latin1', start, start + length);
  }
}

const NO_MARKS = { tag: undefined, title: undefined };

function factsOf(keys: KeyRows, lines: Buffer, whole: Buffer, nowMs: number): TranscriptFacts {
  const newest = keys.last(TIMESTAMP);
  const origin = {
    entrypoints: [keys.first(ENTRYPOINT), keys.last(ENTRYPOINT)],
    sessionKind: keys.first(SESSION_KIND),
    firstTurn: keys.first(TURN_ORIGIN),
    humanTurns: keys.equal(TURN_ORIGIN),
  };
  return {
    ...(lines.length === 0 ? NO_MARKS : marksIn(lines)),
    lastEntryMs: newest === undefined ? undefined : timeOf(newest, nowMs),
    sessionClass: isMetadataAlone(whole) ? 'metadata' : classOf(origin),
  };
}

function marksIn(lines: Buffer) {
  const marks = new MarksReader();
  marks.add(lines);
  return marks.end();
}
