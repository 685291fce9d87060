/** Reads an old `sessions.json` whole: every entry becomes a row, or the first fault is told with its line and column. */

import { createRequire } from 'node:module';
import type { JSONVisitor } from 'jsonc-parser';
import { OperatingError } from '../../errors.ts';
import { type ImportedRow, ImportedRows } from './imported-rows.ts';

/** The file is an object of strings or of flat objects. */
const DEPTH_MAX = 2;

/** Loaded where there is something to read: mostly there is no such file any more. */
const jsonc = () => createRequire(import.meta.url)('jsonc-parser') as typeof import('jsonc-parser');

/** @throws OperatingError (`bad-data`) naming line and column */
export function parseSessionsJson(bytes: Uint8Array, path: string, defaultForge: string): ImportedRow[] {
  const text = decodeUtf8(path, bytes);
  if (text.startsWith('\uFEFF')) throw malformed(path, 'line 1, column 1: it starts with a byte order mark');
  const rows = new ImportedRows(defaultForge);
  for (const [key, { place, value }] of readEntries(text, path)) {
    const fault = rows.add(key, value instanceof Map ? Object.fromEntries(value) : value);
    if (fault !== undefined) throw malformed(path, `${place}: ${fault}`);
  }
  return rows.all();
}

function decodeUtf8(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new OperatingError('bad-data', `read ${path}: it is not UTF-8`, { cause: error });
  }
}

/** JSON.parse would let the last of two equal keys win in silence; here they are a fault. */
function readEntries(text: string, path: string): ReadonlyMap<string, RawEntry> {
  const entries = new Map<string, RawEntry>();
  try {
    jsonc().visit(text, new EntryCollector(path, entries).visitor, {
      disallowComments: true,
      allowTrailingComma: false,
    });
  } catch (error) {
    if (error instanceof RangeError) throw new OperatingError('bad-data', `read ${path}: it is nested too deeply`);
    throw error;
  }
  return entries;
}

interface RawEntry {
  readonly place: string;
  value: unknown;
}

/** Collects the entries of the outer object, with their places, from the visitor's calls. */
class EntryCollector {
  readonly #path: string;
  readonly #entries: Map<string, RawEntry>;
  #depth = 0;
  #outerEntry: RawEntry | undefined;
  #innerKey: string | undefined;

  constructor(path: string, entries: Map<string, RawEntry>) {
    this.#path = path;
    this.#entries = entries;
  }

  readonly visitor: JSONVisitor = {
    onError: (error, _offset, _length, line, character) => {
      throw malformed(this.#path, `${place(line, character)}: ${jsonc().printParseErrorCode(error)}`);
    },
    onObjectBegin: (_offset, _length, line, character) => {
      this.#depth += 1;
      if (this.#depth > DEPTH_MAX) throw malformed(this.#path, `${place(line, character)}: nested too deeply`);
      if (this.#depth === DEPTH_MAX) this.#outer(line, character).value = new Map<string, unknown>();
    },
    onObjectProperty: (key, _offset, _length, line, character) => {
      if (key === '__proto__') throw malformed(this.#path, `${place(line, character)}: the key __proto__`);
      if (this.#depth === 1) {
        if (this.#entries.has(key)) throw duplicate(this.#path, line, character, key);
        this.#outerEntry = { place: place(line, character), value: undefined };
        this.#entries.set(key, this.#outerEntry);
        return;
      }
      const fields = this.#outer(line, character).value;
      if (fields instanceof Map && fields.has(key)) throw duplicate(this.#path, line, character, key);
      this.#innerKey = key;
    },
    onObjectEnd: () => {
      this.#depth -= 1;
    },
    onArrayBegin: (_offset, _length, line, character) => {
      throw malformed(this.#path, `${place(line, character)}: an array where none belongs`);
    },
    onLiteralValue: (value: unknown, _offset, _length, line, character) => {
      if (this.#depth === 0) throw malformed(this.#path, `${place(line, character)}: not an object`);
      const entry = this.#outer(line, character);
      if (this.#depth === 1) entry.value = value;
      else if (entry.value instanceof Map) entry.value.set(this.#innerKey, value);
    },
  };

  #outer(line: number, character: number): RawEntry {
    if (this.#outerEntry === undefined) throw malformed(this.#path, `${place(line, character)}: not an object`);
    return this.#outerEntry;
  }
}

function place(line: number, character: number): string {
  return `line ${line + 1}, column ${character + 1}`;
}

function duplicate(path: string, line: number, character: number, key: string): OperatingError {
  return malformed(path, `${place(line, character)}: the key ${JSON.stringify(key)} is there twice`);
}

export function malformed(path: string, fault: string): OperatingError {
  return new OperatingError('bad-data', `read ${path}: ${fault}`);
}
