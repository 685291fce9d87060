/**
 * What a transcript says of its session: what a person has said of it (a tag, a title), when it was used last, and how it came to be. The last
 * word counts, and may stand anywhere in the file, so all of it is looked at, a piece at a time. Observed with Claude Code 2.1; whatever does
 * not parse says nothing.
 */

import type { SessionClass } from '../config/class-ages.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { classOf, isMetadataAlone } from './session-class.ts';
import { FieldsReader } from './transcript-fields.ts';
import { MarksReader, type SessionMarks } from './transcript-marks.ts';

export interface TranscriptFacts extends SessionMarks {
  /** The newest time that an entry tells, none of the future; Unix epoch ms. Undefined where none tells one. */
  readonly lastEntryMs: number | undefined;
  readonly sessionClass: SessionClass | undefined;
}

/** No transcript of metadata alone is larger. */
export const METADATA_BYTES_MAX = 64 * 1024;
const EMPTY = Buffer.alloc(0);

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
  return isMetadataAlone(Buffer.concat(pieces));
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
    const isMetadata = this.#head !== undefined && isMetadataAlone(this.#head);
    return {
      ...this.#marks.end(),
      lastEntryMs,
      sessionClass: isMetadata ? 'metadata' : classOf(this.#fields.origin),
    };
  }
}
