/** Reads the manifest of a trash run line by line, so that it may be of any length. */

import { closeSync, constants, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { isKnownPlace } from '../claude-dir/layout.ts';
import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import type { Part } from '../claude-dir/unit.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, parseByteName } from '../files/byte-name.ts';
import { MANIFEST_NAME, type ManifestEntry, type ManifestEvent, manifestIdentity } from './manifest.ts';

const CHUNK_BYTES = 1 << 18;

/**
 * The state of every session that the manifest of a run directory speaks of.
 * @throws the system's error where it cannot be read. Lines that do not parse are left out: an intent that was not
 * written in full was never acted on.
 */
export function readManifest(runDirectory: AnchoredDir): Map<SessionId, ManifestEntry> {
  return inManifest(runDirectory, (fd) => foldLines(linesOf(fd)));
}

/** @throws the system's error */
export function identifyManifest(runDirectory: AnchoredDir): string {
  return inManifest(runDirectory, manifestIdentity);
}

/** The state of every session that the manifest's text speaks of. */
export function foldManifest(text: string): Map<SessionId, ManifestEntry> {
  return foldLines(text.split('\n'));
}

function inManifest<T>(runDirectory: AnchoredDir, use: (fd: number) => T): T {
  const fd = runDirectory.openFile(MANIFEST_NAME, constants.O_RDONLY);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function* linesOf(fd: number): Generator<string> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for (;;) {
    const length = readSync(fd, chunk, 0, CHUNK_BYTES, null);
    const lines = (rest + decoder.write(chunk.subarray(0, length))).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (length === 0) break;
  }
  yield rest;
}

type OpenEntry = { -readonly [Key in keyof ManifestEntry]: ManifestEntry[Key] };

function foldLines(lines: Iterable<string>): Map<SessionId, ManifestEntry> {
  const entries = new Map<SessionId, OpenEntry>();
  const directories: Directories = new Map();
  for (const line of lines) {
    if (line !== '') foldLine(line, entries, directories);
  }
  return entries;
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

function foldLine(line: string, entries: Map<SessionId, OpenEntry>, directories: Directories): void {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line);
  } catch {
    // Half a line, left by a kill.
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const sessionId = parseSessionId(value.sessionId);
  const atMs = Date.parse(String(value.at));
  if (sessionId === undefined || Number.isNaN(atMs)) return;
  if (value.type === 'intent') {
    const entry = parseIntent(value, sessionId, atMs, directories);
    if (entry !== undefined) entries.set(sessionId, entry);
    return;
  }
  const entry = entries.get(sessionId);
  if (entry === undefined || !EVENTS.has(String(value.type))) return;
  entry.state = value.type as ManifestEvent;
  if (entry.state === 'trashed' || entry.state === 'joined') entry.trashedAtMs = atMs;
  if (!Array.isArray(value.present)) return;
  const present = new Set<unknown>(value.present);
  entry.purgedParts = entry.parts.filter((_, index) => present.has(index));
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
  return {
    sessionId,
    reason: String(value.reason),
    project: typeof value.project === 'string' ? value.project : undefined,
    files: Number(value.files),
    bytes: Number(value.bytes),
    newestMtimeMs: Number(value.newestMtimeMs),
    parts,
    state: 'intended',
    trashedAtMs: atMs,
  };
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
