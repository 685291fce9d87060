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
/** An entry that marks a session has some hundred bytes. Of a longer line, which is a message, only the end is looked at: a mark may stand behind half of one. */
const LINE_BYTES_MAX = 64 * 1024;
/** A mark as Claude writes it, with strings in which braces and quotes may stand. */
const MARK_IN_LINE = /\{\s*"type"\s*:\s*"(?:tag|custom-title)"(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}/g;
const NEWLINE = 0x0a;
/** White space and zeros have no greater one. */
const SPACE = 0x20;
const EMPTY = Buffer.alloc(0);
/** Titles that Claude gives to what it has copied from another session. */
const COPY_TITLE = / \((fork|branch)( \d+)?\)$/i;

/** Takes a transcript piece by piece. */
export class MarksReader {
  #tag: string | undefined;
  #title: string | undefined;
  /** The beginning of a line whose end has not come yet; the last part of it where it is long. */
  #carry: Buffer = EMPTY;

  add(chunk: Buffer): void {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) {
      const lines = chunk.subarray(0, end);
      this.#look(this.#carry.length === 0 ? lines : Buffer.concat([this.#carry, lines]));
      this.#carry = EMPTY;
    }
    if (end < chunk.length) {
      const rest = chunk.subarray(end).subarray(-LINE_BYTES_MAX);
      this.#carry = Buffer.from(Buffer.concat([this.#carry, rest]).subarray(-LINE_BYTES_MAX));
    }
  }

  end(): SessionMarks {
    this.#look(this.#carry);
    this.#carry = EMPTY;
    return { tag: this.#tag, title: this.#title };
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
      this.#read(lines.subarray(Math.max(start, end - LINE_BYTES_MAX), end));
    }
  }

  #read(line: Buffer): void {
    for (const entry of entriesOf(line)) {
      if (entry.type === 'tag') this.#tag = textOf(entry.tag);
      if (entry.type === 'custom-title') this.#title = titleByPerson(entry);
    }
  }
}

interface MarkEntry {
  readonly type?: unknown;
  readonly tag?: unknown;
  readonly customTitle?: unknown;
  readonly by?: unknown;
}

/**
 * Where a line was cut off by a kill or a crash, the next entries stand behind it on the same line, and zeros before or behind them: they are read
 * by themselves. Of the end of a long line, only what ends it: what stands in the midst of it may be a part of a message.
 */
function entriesOf(line: Buffer): MarkEntry[] {
  let end = line.length;
  while (end > 0 && (line[end - 1] ?? 0) <= SPACE) end -= 1;
  const text = line.toString('utf8', 0, end);
  const entry = parsed(text);
  if (entry !== undefined) return [entry];
  const marks = [...text.matchAll(MARK_IN_LINE)];
  const counted =
    line.length < LINE_BYTES_MAX ? marks : marks.filter((mark) => mark.index + mark[0].length === text.length);
  return counted.flatMap((mark) => parsed(mark[0]) ?? []);
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
