/** Reads a JSON file that is an object of entries, whole and each with its place; the first fault is told with its line and column. */

import { createRequire } from 'node:module';
import type { JSONVisitor } from 'jsonc-parser';
import { OperatingError } from '../../errors.ts';
import { malformed } from './old-file.ts';

export interface JsonEntry {
  /** `line 2, column 3`. */
  readonly place: string;
  /** A text, a number, a truth value or null; of an object its fields. */
  value: unknown;
}

export interface EntryShape {
  /** Whether a field of an entry may be an object or a list; it is passed over, and stands there as an empty object. */
  readonly mayNest: boolean;
}

/** An entry is an object of fields at the most. */
const DEPTH_MAX = 2;

/** Loaded where there is something to read: mostly there is no such file any more. */
const jsonc = () => createRequire(import.meta.url)('jsonc-parser') as typeof import('jsonc-parser');

/**
 * JSON.parse would let the last of two equal keys win in silence; here they are a fault.
 * @throws OperatingError (`bad-data`) naming line and column
 */
export function readJsonEntries(bytes: Uint8Array, path: string, shape: EntryShape): ReadonlyMap<string, JsonEntry> {
  const text = decodeUtf8(path, bytes);
  if (text.startsWith('\uFEFF')) throw malformed(path, 'line 1, column 1: it starts with a byte order mark');
  const collector = new EntryCollector(path, shape);
  try {
    jsonc().visit(text, collector.visitor, { disallowComments: true, allowTrailingComma: false });
  } catch (error) {
    if (error instanceof RangeError) throw new OperatingError('bad-data', `read ${path}: it is nested too deeply`);
    throw error;
  }
  return collector.entries;
}

function decodeUtf8(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new OperatingError('bad-data', `read ${path}: it is not UTF-8`, { cause: error });
  }
}

/** Collects the entries of the outer object, with their places, from the visitor's calls. */
class EntryCollector {
  readonly entries = new Map<string, JsonEntry>();
  readonly #path: string;
  readonly #mayNest: boolean;
  #depth = 0;
  /** How deep within a field of an entry. */
  #nested = 0;
  #outerEntry: JsonEntry | undefined;
  #innerKey: string | undefined;

  constructor(path: string, { mayNest }: EntryShape) {
    this.#path = path;
    this.#mayNest = mayNest;
  }

  readonly visitor: JSONVisitor = {
    onError: (error, _offset, _length, line, character) => {
      throw malformed(this.#path, `${place(line, character)}: ${jsonc().printParseErrorCode(error)}`);
    },
    onObjectBegin: (_offset, _length, line, character) => {
      if (this.#nest()) return;
      this.#depth += 1;
      if (this.#depth > DEPTH_MAX) throw malformed(this.#path, `${place(line, character)}: nested too deeply`);
      if (this.#depth === DEPTH_MAX) this.#outer(line, character).value = new Map<string, unknown>();
    },
    onObjectProperty: (key, _offset, _length, line, character) => {
      if (this.#nested === 0) this.#property(key, line, character);
    },
    onObjectEnd: () => {
      if (this.#nested > 0) this.#nested -= 1;
      else this.#depth -= 1;
    },
    onArrayBegin: (_offset, _length, line, character) => {
      if (!this.#nest()) throw malformed(this.#path, `${place(line, character)}: an array where none belongs`);
    },
    onArrayEnd: () => {
      this.#nested -= 1;
    },
    onLiteralValue: (value: unknown, _offset, _length, line, character) => {
      if (this.#nested > 0) return;
      if (this.#depth === 0) throw malformed(this.#path, `${place(line, character)}: not an object`);
      const entry = this.#outer(line, character);
      if (this.#depth === 1) entry.value = value;
      else this.#setField(entry, value);
    },
  };

  #property(key: string, line: number, character: number): void {
    const at = place(line, character);
    if (key === '__proto__') throw malformed(this.#path, `${at}: the key __proto__`);
    if (this.#depth === 1) {
      if (this.entries.has(key)) throw duplicate(this.#path, at, key);
      this.#outerEntry = { place: at, value: undefined };
      this.entries.set(key, this.#outerEntry);
      return;
    }
    const fields = this.#outer(line, character).value;
    if (fields instanceof Map && fields.has(key)) throw duplicate(this.#path, at, key);
    this.#innerKey = key;
  }

  /** @returns whether what begins here is passed over */
  #nest(): boolean {
    if (!this.#mayNest || this.#depth < DEPTH_MAX || this.#outerEntry === undefined) return false;
    if (this.#nested === 0) this.#setField(this.#outerEntry, {});
    this.#nested += 1;
    return true;
  }

  #setField({ value: fields }: JsonEntry, value: unknown): void {
    if (fields instanceof Map) fields.set(this.#innerKey, value);
  }

  #outer(line: number, character: number): JsonEntry {
    if (this.#outerEntry === undefined) throw malformed(this.#path, `${place(line, character)}: not an object`);
    return this.#outerEntry;
  }
}

function place(line: number, character: number): string {
  return `line ${line + 1}, column ${character + 1}`;
}

function duplicate(path: string, at: string, key: string): OperatingError {
  return malformed(path, `${at}: the key ${JSON.stringify(key)} is there twice`);
}
