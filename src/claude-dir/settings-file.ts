/** Reads one settings file as Claude does, without waiting for anything that is no plain file. */

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { errorCode, errorMessage } from '../errors.ts';

export type SettingsObject = Readonly<Record<string, unknown>>;

export type SettingsFile =
  /** There is none, or nothing is in it but blanks: to Claude that is the same. */
  | { readonly state: 'absent' }
  | { readonly state: 'read'; readonly settings: SettingsObject }
  /** Claude cannot read it. `lenient` is what it seems to mean: what it says once somebody mends it. */
  | { readonly state: 'broken'; readonly why: string; readonly lenient: SettingsObject };

/** A settings file has some kilobytes; `.claude.json`, which remembers a lot, some megabytes. */
const BYTES_MAX = 64 * 2 ** 20;

export function readSettingsFile(path: string): SettingsFile {
  let text: string | undefined;
  try {
    text = readPlainText(path);
  } catch (error) {
    return { state: 'broken', why: `cannot be read (${errorCode(error) ?? errorMessage(error)})`, lenient: {} };
  }
  return text === undefined ? { state: 'absent' } : parseSettings(text);
}

/** Held against Claude Code 2.1.329, to which comments are no JSON, and an empty file is no file of blanks: by neither it deletes anything. */
export function parseSettings(text: string): SettingsFile {
  if (text === '') return { state: 'broken', why: 'is empty', lenient: {} };
  if (text.trim() === '') return { state: 'absent' };
  try {
    const settings = objectOf(JSON.parse(text));
    return settings === undefined
      ? { state: 'broken', why: 'holds no JSON object', lenient: {} }
      : { state: 'read', settings };
  } catch {
    return { state: 'broken', ...leniently(text) };
  }
}

function leniently(text: string): { readonly why: string; readonly lenient: SettingsObject } {
  const { parse } = createRequire(import.meta.url)('jsonc-parser') as typeof import('jsonc-parser');
  const errors: import('jsonc-parser').ParseError[] = [];
  let lenient: SettingsObject;
  try {
    lenient = objectOf(parse(text, errors, { allowTrailingComma: true })) ?? {};
  } catch (error) {
    // Both parsers call themselves for each level.
    if (!(error instanceof RangeError)) throw error;
    return { why: 'is nested too deep to be read', lenient: {} };
  }
  return { why: errors.length === 0 ? 'holds comments or a comma too many, and so no JSON' : 'holds no JSON', lenient };
}

/** Undefined where there is none. A FIFO, a device or a directory is refused at once. @throws the system's error */
export function readPlainText(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error('no plain file');
    if (stats.size > BYTES_MAX) throw new Error('too large');
    return decode(readFileSync(fd));
  } finally {
    closeSync(fd);
  }
}

/** Claude reads a byte order mark as one, be it of UTF-8 or of UTF-16. */
function decode(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.toString('utf16le', 2);
  return bytes.toString('utf8').replace(/^\ufeff/, '');
}

export function objectOf(value: unknown): SettingsObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as SettingsObject) : undefined;
}
