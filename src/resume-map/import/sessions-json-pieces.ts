/** Reads a `sessions.json` that is without fault, a piece at a time: neither its text nor all that JSON.parse makes of it is held at once. */

import { type ImportedRow, ImportedRows } from './imported-rows.ts';

/** Some hundred entries: what is made of a piece is gone again before it is moved to where garbage is costly. */
const PIECE_BYTES = 65_536;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const SPACES: readonly unknown[] = [0x20, 0x09, 0x0a, 0x0d];

/**
 * The same rows as a reading in full would give, or undefined where anything is not as it should be: then that tells what.
 * The pieces are cut at commas between entries, so that the whole is JSON if each of them, between braces, is.
 */
export function faultlessRows(bytes: Uint8Array, defaultForge: string): ImportedRow[] | undefined {
  const pieces = piecesOf(bytes);
  if (pieces === undefined) return undefined;
  const rows = new ImportedRows(defaultForge);
  for (const piece of pieces) {
    const added = addEntries(bytes, piece, rows);
    // Nothing between two commas, or after the last one.
    if (added === undefined || (added === 0 && pieces.length > 1)) return undefined;
  }
  return rows.allIfUnique();
}

interface Piece {
  readonly start: number;
  readonly end: number;
  /** Outside of strings: as many as it has properties, equal ones counted. */
  readonly colons: number;
}

/** Where the pieces of the outer object are, if there is one; what is in them is not looked at. */
function piecesOf(bytes: Uint8Array): Piece[] | undefined {
  const pieces: Piece[] = [];
  let at = afterSpaces(bytes, 0);
  if (bytes[at] !== BRACE) return undefined;
  let start = at + 1;
  let colons = 0;
  let depth = 0;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfString(bytes, at);
    else if (byte === COLON) colons += 1;
    else if (byte === BRACE || byte === BRACKET) depth += 1;
    else if (byte === COMMA && depth === 1 && at - start >= PIECE_BYTES) {
      pieces.push({ start, end: at, colons });
      start = at + 1;
      colons = 0;
    } else if (byte === BRACE_END || byte === BRACKET_END) {
      depth -= 1;
      if (depth > 0) continue;
      pieces.push({ start, end: at, colons });
      return byte === BRACE_END && afterSpaces(bytes, at + 1) === bytes.length ? pieces : undefined;
    }
  }
  return undefined;
}

function endOfString(bytes: Uint8Array, quote: number): number {
  let at = quote + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}

function afterSpaces(bytes: Uint8Array, from: number): number {
  let at = from;
  while (SPACES.includes(bytes[at])) at += 1;
  return at;
}

/** @returns how many entries the piece has; undefined where it is no JSON, names a key twice, or holds what cannot be told from it */
function addEntries(bytes: Uint8Array, { start, end, colons }: Piece, rows: ImportedRows): number | undefined {
  const object = parsedObject(bytes.subarray(start, end));
  if (object === undefined) return undefined;
  const entries = Object.keys(object);
  let properties = entries.length;
  for (const key of entries) {
    const value = object[key];
    // A key that is a number comes before all others in what JSON.parse makes: the file has its own order.
    if (/^\d+$/.test(key)) return undefined;
    if (key === '__proto__' || rows.add(key, value) !== undefined) return undefined;
    if (typeof value === 'string') continue;
    const fields = flatFields(value);
    if (fields === undefined) return undefined;
    properties += fields;
  }
  // JSON.parse lets the last of two equal keys win.
  return properties === colons ? entries.length : undefined;
}

function parsedObject(members: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(`{${UTF8.decode(members)}}`) as Record<string, unknown>;
  } catch {
    // What is wrong with it is told by the reading in full.
    return undefined;
  }
}

/** How many fields it has, if none of them is an object or a list. */
function flatFields(value: unknown): number | undefined {
  const fields = Object.entries(value as object);
  const areFlat = fields.every(
    ([name, field]) => name !== '__proto__' && (typeof field !== 'object' || field === null),
  );
  return areFlat ? fields.length : undefined;
}
