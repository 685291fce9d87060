/**
 * What a person has said of a session in its transcript: a tag, a title. The last word counts, and may stand anywhere in the file,
 * so all of it is looked at, a piece at a time. Observed with Claude Code 2.1; whatever does not parse says nothing.
 */

import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import { errorCode } from '../errors.ts';
import type { AnchoredDir } from './anchored-dir.ts';
import type { ByteName } from './byte-name.ts';

export interface SessionMarks {
  /** Of the SDK's `tagSession`; undefined where there is none or it was cleared. */
  readonly tag: string | undefined;
  /** Of `renameSession` or `/rename`, not the one that Claude makes up itself. */
  readonly title: string | undefined;
}

const CHUNK_BYTES = 1 << 20;
/** An entry that marks a session has some hundred bytes: a longer line is a message. */
const LINE_BYTES_MAX = 64 * 1024;
const NEWLINE = 0x0a;
/** What lines are looked into at all. */
const NEEDLES = [Buffer.from('"tag"'), Buffer.from('"custom-title"')];

/** @throws the system's error, or where it is no regular file */
export function readSessionMarks(directory: AnchoredDir, name: ByteName): SessionMarks {
  const fd = openUntouched(directory, name);
  try {
    if (!fstatSync(fd).isFile()) throw new Error('not a regular file');
    const reader = new MarkReader();
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let position = 0; ; ) {
      const read = readSync(fd, chunk, 0, chunk.length, position);
      if (read === 0) return reader.end();
      reader.add(chunk.subarray(0, read));
      position += read;
    }
  } finally {
    closeSync(fd);
  }
}

/** To read is not to use: the access time stays, as far as that is the reader's to say. */
function openUntouched(directory: AnchoredDir, name: ByteName): number {
  try {
    return directory.openFile(name, constants.O_RDONLY | constants.O_NOATIME);
  } catch (error) {
    // Another user's file: a dry run may still read it.
    if (errorCode(error) !== 'EPERM') throw error;
    return directory.openFile(name, constants.O_RDONLY);
  }
}

/** Takes a transcript piece by piece; exported for tests. */
export class MarkReader {
  #tag: string | undefined;
  #title: string | undefined;
  /** The beginning of a line whose end has not come yet. */
  #carry: Buffer = Buffer.alloc(0);
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
    this.#look(Buffer.concat([this.#carry, chunk.subarray(start, end + 1)]));
    this.#carry = Buffer.alloc(0);
    this.#carryOver(chunk.subarray(end + 1));
  }

  end(): SessionMarks {
    this.#look(this.#carry);
    this.#carry = Buffer.alloc(0);
    return { tag: this.#tag, title: this.#title };
  }

  #carryOver(rest: Buffer): void {
    if (this.#isSkipping) return;
    this.#isSkipping = this.#carry.length + rest.length > LINE_BYTES_MAX;
    this.#carry = this.#isSkipping ? Buffer.alloc(0) : Buffer.concat([this.#carry, rest]);
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
    let entry: { type?: unknown; tag?: unknown; customTitle?: unknown } | null;
    try {
      entry = JSON.parse(line);
    } catch {
      // Half a line, or none of Claude's.
      return;
    }
    if (entry?.type === 'tag') this.#tag = textOf(entry.tag);
    if (entry?.type === 'custom-title') this.#title = textOf(entry.customTitle);
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
