/** What a person has said of a session in its transcript: a tag, a title. The last word counts, and may stand anywhere in the file. */

export interface SessionMarks {
  /** The tag that the SDK's `tagSession` set; undefined where there is none or it was cleared. */
  readonly tag: string | undefined;
  /** The title that a person set, by `renameSession` or `/rename`, not one that Claude makes up itself. */
  readonly title: string | undefined;
}

/** What lines are looked into at all. */
export const MARK_TEXTS = ['"tag"', '"custom-title"'] as const;
const NEEDLES = MARK_TEXTS.map((text) => Buffer.from(text));
/** An entry that marks a session has some hundred bytes: a longer line is a message. */
const LINE_BYTES_MAX = 64 * 1024;
const NEWLINE = 0x0a;
const EMPTY = Buffer.alloc(0);
/** Titles that Claude gives to what it has copied from another session. */
const COPY_TITLE = / \((fork|branch)( \d+)?\)$/i;

/** Takes a transcript piece by piece. */
export class MarksReader {
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
