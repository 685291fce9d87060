/**
 * How a person recognises a session: its title, the directory it works in, how long it is. Read from both ends of its transcript, as Claude's own
 * resume picker does, so that the size of a transcript costs nothing. Observed with Claude Code 2.1; whatever does not parse says nothing.
 */

import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { isNamedAfter } from './project-name.ts';

/** What a session is found by. */
export interface SessionName {
  /** The title that a person gave, else Claude's, else the first prompt; as it stands in the transcript, which may hold anything. */
  readonly title: string | undefined;
  /** The absolute path that the session was begun in. */
  readonly workingDirectory: string | undefined;
}

export interface SessionFace extends SessionName {
  /** Messages of the user and of Claude; undefined where none of them is short enough to be read whole. */
  readonly messages: number | undefined;
  /** Not all of the transcript was read, and the messages are reckoned from what was. */
  readonly isEstimate: boolean;
}

/** So much of each end is read. Claude writes its titles anew at the end of a transcript whenever a session is left. */
const END_BYTES = 32 * 1024;
/** No title is longer on any screen. */
const TITLE_LENGTH_MAX = 300;
/** Prompts that Claude makes itself, or that are a command's own. */
const MADE_PROMPT = /^\s*(<(?!command-name)|\[Request interrupted|Caveat: )/;
const TITLE_FIELD = /"(customTitle|aiTitle|summary|lastPrompt)"/;
/** As a field, not in a text: there its quotes would be escaped. */
const DIRECTORY_FIELD = /(?<!\\)"cwd":("(?:[^"\\]|\\.)*")/g;
const COMMAND = /<command-name>\s*(\/?[^<\s]+)\s*<\/command-name>/;

/**
 * @param project the name of the transcript's directory: of several working directories, the one that it was made from counts
 * @throws the system's error, or where it is no regular file
 */
export function readSessionFace(directory: AnchoredDir, name: ByteName, project: ByteName | undefined): SessionFace {
  const { head, tail, bytes } = directory.readEnds(name, END_BYTES);
  return faceOf(piecesOf(head, tail), { project, readBytes: head.length + tail.length, bytes });
}

/** The same title and directory for a fraction of the work: lines that can change neither are not parsed. @throws as `readSessionFace` */
export function readSessionName(directory: AnchoredDir, name: ByteName, project: ByteName | undefined): SessionName {
  const { head, tail } = directory.readEnds(name, END_BYTES);
  const told = new Told(project);
  const { lines, torn } = piecesOf(head, tail);
  for (const line of lines) if (told.mayNameBy(line)) told.add(line);
  for (const piece of torn) told.addTorn(piece);
  return { title: told.title, workingDirectory: told.workingDirectory };
}

interface Extent {
  readonly project: ByteName | undefined;
  readonly readBytes: number;
  readonly bytes: number;
}

function faceOf({ lines, torn }: Pieces, { project, readBytes, bytes }: Extent): SessionFace {
  const told = new Told(project);
  for (const line of lines) told.add(line);
  for (const piece of torn) told.addTorn(piece);
  const isEstimate = readBytes < bytes;
  const reckoned = told.messages === 0 ? undefined : Math.round((told.messages * bytes) / readBytes);
  const messages = isEstimate ? reckoned : told.messages;
  return { title: told.title, workingDirectory: told.workingDirectory, messages, isEstimate };
}

interface Pieces {
  readonly lines: readonly string[];
  /** Those of which the middle that is left out has the rest. */
  readonly torn: readonly string[];
}

function piecesOf(head: Buffer, tail: Buffer): Pieces {
  const lines = head.toString().split('\n');
  if (tail.length === 0) return { lines, torn: [] };
  const [end = '', ...lastLines] = tail.toString().split('\n');
  return { lines: [...lines.slice(0, -1), ...lastLines], torn: [...lines.slice(-1), end] };
}

interface Entry {
  readonly type?: unknown;
  readonly customTitle?: unknown;
  readonly aiTitle?: unknown;
  readonly summary?: unknown;
  readonly lastPrompt?: unknown;
  readonly cwd?: unknown;
  readonly isMeta?: unknown;
  readonly isSidechain?: unknown;
  readonly message?: unknown;
}

/** Gathers what the entries say, the last word of each kind. */
class Told {
  messages = 0;
  readonly #project: ByteName | undefined;
  #custom: string | undefined;
  #ofClaude: string | undefined;
  #summary: string | undefined;
  #firstPrompt: string | undefined;
  #lastPrompt: string | undefined;
  #command: string | undefined;
  #firstDirectory: string | undefined;
  #ownDirectory: string | undefined;

  constructor(project: ByteName | undefined) {
    this.#project = project;
  }

  get title(): string | undefined {
    const title =
      this.#custom ?? this.#ofClaude ?? this.#summary ?? this.#firstPrompt ?? this.#lastPrompt ?? this.#command;
    return title?.replace(/\s+/g, ' ').trim().slice(0, TITLE_LENGTH_MAX);
  }

  get workingDirectory(): string | undefined {
    return this.#ownDirectory ?? this.#firstDirectory;
  }

  /** Whether a line may say something of the title or the directory that is not known yet. */
  mayNameBy(line: string): boolean {
    if (TITLE_FIELD.test(line)) return true;
    if (this.#firstPrompt === undefined && line.includes('"user"')) return true;
    return this.#ownDirectory === undefined && line.includes('"cwd"') && !this.#saysSameDirectory(line);
  }

  #saysSameDirectory(line: string): boolean {
    return this.#firstDirectory !== undefined && line.includes(`"cwd":${JSON.stringify(this.#firstDirectory)}`);
  }

  add(line: string): void {
    const entry = parsed(line);
    if (entry === undefined) return;
    this.#addDirectory(textOf(entry.cwd));
    this.#custom = textOf(entry.customTitle) ?? this.#custom;
    this.#ofClaude = textOf(entry.aiTitle) ?? this.#ofClaude;
    if (entry.type === 'summary') this.#summary = textOf(entry.summary) ?? this.#summary;
    if (entry.type === 'last-prompt') this.#lastPrompt = textOf(entry.lastPrompt) ?? this.#lastPrompt;
    const isMessage = entry.type === 'user' || entry.type === 'assistant';
    if (!isMessage || entry.isSidechain === true) return;
    this.messages += 1;
    if (entry.type === 'user' && entry.isMeta !== true) this.#addPrompt(promptOf(entry.message));
  }

  /** An entry that is longer than what is read, such as a first prompt with a file in it, tells at least its directory. */
  addTorn(piece: string): void {
    for (const [, text = ''] of piece.matchAll(DIRECTORY_FIELD)) this.#addDirectory(textOf(parsedText(text)));
  }

  #addPrompt(prompt: string | undefined): void {
    if (prompt === undefined) return;
    this.#command ??= COMMAND.exec(prompt)?.[1];
    if (!MADE_PROMPT.test(prompt) && !COMMAND.test(prompt)) this.#firstPrompt ??= prompt;
  }

  #addDirectory(directory: string | undefined): void {
    if (directory === undefined || this.#ownDirectory !== undefined) return;
    this.#firstDirectory ??= directory;
    if (this.#project !== undefined && isNamedAfter(this.#project, directory)) this.#ownDirectory = directory;
  }
}

function parsed(line: string): Entry | undefined {
  const entry = parsedText(line);
  return typeof entry === 'object' && entry !== null ? entry : undefined;
}

/** Undefined for half a line, or one that is none of Claude's. */
function parsedText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function promptOf(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null || !('content' in message)) return undefined;
  const { content } = message;
  if (!Array.isArray(content)) return textOf(content);
  const block: unknown = content.find((one: unknown) => {
    return typeof one === 'object' && one !== null && 'type' in one && one.type === 'text';
  });
  return typeof block === 'object' && block !== null && 'text' in block ? textOf(block.text) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}
