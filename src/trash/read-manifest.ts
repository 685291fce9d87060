/** Reads the manifest of a trash folder line by line, so that it may be of any length. */

import { closeSync, constants, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { isKnownPlace } from '../claude-dir/layout.ts';
import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import type { Part } from '../claude-dir/unit.ts';
import { EARLIEST_SENSIBLE_TIME_MS } from '../clock.ts';
import { errnoError } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, parseByteName } from '../files/byte-name.ts';
import { shownValue } from '../format/shown-text.ts';
import { FORMAT_VERSION, MANIFEST_NAME, type ManifestEntry, type ManifestEvent, manifestIdentity } from './manifest.ts';
import { bytesInNames, lineNames } from './name-lines.ts';

const CHUNK_BYTES = 1 << 18;
/** A session has a dozen parts, and with ten thousand to-do lists a line of one megabyte: no line of ours is longer. */
const LINE_LENGTH_MAX = 1 << 24;
const FIRST_LINE_BYTES_MAX = 4_096;
/** The last time that a date of four digits can show. */
const LATEST_SENSIBLE_TIME_MS = Date.UTC(9999, 11, 31);

/**
 * The state of every session that the manifest of a trash folder speaks of.
 * @throws the system's error where it cannot be read, and `EBADMSG` where it says what this release does not understand: then nothing
 * of it is known. A line that a kill has cut off is left out: an intent that was not written in full was never acted on.
 */
export function readManifest(folderDirectory: AnchoredDir): Map<SessionId, ManifestEntry> {
  return inManifest(folderDirectory, (manifest) => foldLines(linesOf(manifest)));
}

/**
 * One session's state, for whoever asks for no other: a manifest of a hundred thousand sessions is looked through, and not built up.
 * @throws as `readManifest`, as far as the lines that name the session are concerned
 */
export function readManifestEntry(folderDirectory: AnchoredDir, sessionId: SessionId): ManifestEntry | undefined {
  return inManifest(folderDirectory, (manifest) => {
    const lines = names(manifest, sessionId) ? linesOf(manifest) : firstLineOf(manifest);
    return foldLines(lines, (line, number) => number === 1 || line.includes(sessionId)).get(sessionId);
  });
}

/** Whether the text stands anywhere in the file. */
function names({ fd, more }: OpenManifest, text: string): boolean {
  // It may begin in the file and end in the names: who looks through all of it misses nothing.
  if (more.length > 0) return true;
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let overlap = 0;
  for (let position = 0; ; ) {
    const length = readSync(fd, chunk, overlap, chunk.length - overlap, position);
    if (length === 0) return false;
    const read = chunk.subarray(0, overlap + length);
    if (read.includes(text)) return true;
    position += length;
    // It may begin in this piece and end in the next.
    overlap = Math.min(text.length - 1, read.length);
    read.copy(chunk, 0, read.length - overlap);
  }
}

function* firstLineOf(manifest: OpenManifest): Generator<string> {
  for (const line of linesOf(manifest)) {
    yield line;
    return;
  }
}

/** @throws the system's error */
export function identifyManifest(folderDirectory: AnchoredDir): string {
  return inManifest(folderDirectory, ({ fd, names }) => manifestIdentity(fd, names));
}

/** Whether a manifest got beyond its first line: before that, nothing was moved. @throws the system's error */
export function hasWholeLine(folderDirectory: AnchoredDir): boolean {
  return inManifest(folderDirectory, ({ fd, more }) => {
    const start = Buffer.alloc(FIRST_LINE_BYTES_MAX);
    const length = readSync(fd, start, 0, start.length, 0);
    return length === start.length || start.subarray(0, length).includes('\n') || more.includes('\n');
  });
}

interface OpenManifest {
  readonly fd: number;
  /** Those in which it goes on; mostly none. */
  readonly names: readonly ByteName[];
  /** The bytes that stand in them. */
  readonly more: Buffer;
}

function inManifest<T>(folderDirectory: AnchoredDir, use: (manifest: OpenManifest) => T): T {
  const fd = folderDirectory.openFile(MANIFEST_NAME, constants.O_RDONLY);
  try {
    const names = lineNames(folderDirectory);
    return use({ fd, names, more: bytesInNames(names) });
  } finally {
    closeSync(fd);
  }
}

function* linesOf({ fd, more }: OpenManifest): Generator<string> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for (let position = 0; ; ) {
    const length = readSync(fd, chunk, 0, CHUNK_BYTES, position);
    position += length;
    const piece = length === 0 ? more : chunk.subarray(0, length);
    const lines = (rest + decoder.write(piece)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_LENGTH_MAX) throw notUnderstood('it has a line without an end');
    yield* lines;
    if (length === 0) break;
  }
  yield rest;
}

type OpenEntry = { -readonly [Key in keyof ManifestEntry]: ManifestEntry[Key] };

function foldLines(
  lines: Iterable<string>,
  isWanted: (line: string, number: number) => boolean = () => true,
): Map<SessionId, ManifestEntry> {
  const entries = new Map<SessionId, OpenEntry>();
  const directories: Directories = new Map();
  let number = 0;
  let hasBegun = false;
  for (const line of lines) {
    number += 1;
    const value = line === '' || !isWanted(line, number) ? undefined : parseLine(line);
    if (value === undefined) continue;
    if (value.type === 'run') throwIfOtherFormat(value);
    else if (!hasBegun || !foldLine(value, entries, directories)) throw notUnderstood(`its line ${number}`);
    hasBegun = true;
  }
  if (!hasBegun) throw notUnderstood('it is empty');
  return entries;
}

/** @returns undefined for half a line, left by a kill */
function parseLine(line: string): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function throwIfOtherFormat({ format }: Record<string, unknown>): void {
  if (format !== FORMAT_VERSION) throw notUnderstood(`its format ${shownValue(format)}`);
}

function notUnderstood(what: string): Error {
  return errnoError('EBADMSG', `the manifest is not understood: ${what}`);
}

const EVENTS: ReadonlySet<string> = new Set<ManifestEvent>([
  'trashed',
  'kept',
  'restoring',
  'restored',
  'joined',
  'purging',
  'purged',
]);

/** @returns whether the line says what this release understands */
function foldLine(
  value: Record<string, unknown>,
  entries: Map<SessionId, OpenEntry>,
  directories: Directories,
): boolean {
  const sessionId = parseSessionId(value.sessionId);
  const atMs = typeof value.at === 'string' ? Date.parse(value.at) : Number.NaN;
  if (sessionId === undefined || Number.isNaN(atMs)) return false;
  if (value.type === 'intent') {
    if (!isSensibleTime(atMs)) return false;
    const entry = parseIntent(value, sessionId, atMs, directories);
    if (entry !== undefined) entries.set(sessionId, entry);
    return entry !== undefined;
  }
  if (!EVENTS.has(String(value.type))) return false;
  const entry = entries.get(sessionId);
  // Its intent was cut off by a kill.
  if (entry === undefined) return true;
  entry.state = value.type as ManifestEvent;
  // Nothing is moved before that is intended: a clock that has gone back, to 1970 even, ends no session's time in the trash early.
  if (entry.state === 'trashed' || entry.state === 'joined') entry.trashedAtMs = Math.max(entry.trashedAtMs, atMs);
  if (!Array.isArray(value.present)) return true;
  const present = new Set<unknown>(value.present);
  entry.purgedParts = entry.parts.filter((_, index) => present.has(index));
  return true;
}

function isSensibleTime(timeMs: number): boolean {
  return timeMs >= EARLIEST_SENSIBLE_TIME_MS && timeMs <= LATEST_SENSIBLE_TIME_MS;
}

/** Known ones as they stand in the lines, undefined for what is none: sessions share them. */
type Directories = Map<string, readonly ByteName[] | undefined>;

function parseIntent(
  value: Record<string, unknown>,
  sessionId: SessionId,
  atMs: number,
  directories: Directories,
): OpenEntry | undefined {
  if (!Array.isArray(value.parts)) return undefined;
  const parts = value.parts.map((part) => parsePart(part, directories)).filter((part) => part !== undefined);
  if (parts.length !== value.parts.length) return undefined;
  const { reason, files, bytes, diskBytes, newestMtimeMs } = value;
  if (typeof reason !== 'string' || !isAmount(files) || !isAmount(bytes)) return undefined;
  if (typeof newestMtimeMs !== 'number' || !(Math.abs(newestMtimeMs) <= LATEST_SENSIBLE_TIME_MS)) return undefined;
  return {
    sessionId,
    reason,
    project: typeof value.project === 'string' ? value.project : undefined,
    files,
    bytes,
    diskBytes: isAmount(diskBytes) ? diskBytes : undefined,
    newestMtimeMs,
    parts,
    state: 'intended',
    trashedAtMs: atMs,
  };
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

/** No path is ever built from a manifest without its components being checked: it is a file like any other. */
function parsePart(value: unknown, directories: Directories): Part | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { directory, name, kind } = value as Record<string, unknown>;
  if (!Array.isArray(directory) || (kind !== 'file' && kind !== 'directory')) return undefined;
  const checkedDirectory = parseDirectory(directory, directories);
  const checkedName = parseByteName(String(name));
  if (checkedDirectory === undefined || checkedName === undefined) return undefined;
  return { directory: checkedDirectory, name: checkedName, kind };
}

function parseDirectory(value: readonly unknown[], directories: Directories): readonly ByteName[] | undefined {
  const key = JSON.stringify(value);
  if (directories.has(key)) return directories.get(key);
  const checked = value.map((component) => parseByteName(String(component)));
  const whole = checked.filter((component) => component !== undefined);
  const directory = whole.length === value.length && isKnownPlace(whole) ? whole : undefined;
  directories.set(key, directory);
  return directory;
}
