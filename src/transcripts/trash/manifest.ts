/**
 * The manifest of one trash run: JSON lines, appended to, never rewritten. An `intent` is made durable before anything moves,
 * so that whatever a kill leaves behind can be told from it, with no ledger at hand.
 */

import { closeSync, constants, fsyncSync, readFileSync, writeSync } from 'node:fs';
import { parseSessionId, type SessionId } from '../../sessions/session-id.ts';
import type { AnchoredDir } from '../anchored-dir.ts';
import { type ByteName, ownName, parseByteName } from '../byte-name.ts';
import { isKnownPlace } from '../layout.ts';
import type { Part } from '../unit.ts';

export const MANIFEST_NAME = ownName('manifest.jsonl');
const FORMAT_VERSION = 1;
const LINE_END = '\n';
const FILE_MODE = 0o600;

/** One session that a run means to remove. Paths are relative to the Claude directory, one Latin-1 character a byte. */
export interface Intent {
  readonly sessionId: SessionId;
  readonly reason: string;
  readonly project: string | undefined;
  readonly files: number;
  readonly bytes: number;
  readonly newestMtimeMs: number;
  readonly parts: readonly Part[];
}

/** What became of an intent; the last line about a session counts. */
export type ManifestEvent =
  /** All of it lies in the trash. */
  | 'trashed'
  /** It was left, or put back, where it was. */
  | 'kept'
  /** It is on its way back. */
  | 'restoring'
  | 'restored'
  /** Its older part has been copied in front of what was written anew under its old name; both originals lie here. */
  | 'joined'
  /** Its time is over: what is left of it may be destroyed. */
  | 'purging'
  | 'purged';

export interface ManifestEntry extends Intent {
  /** `intended` where the run died before it could say more. */
  readonly state: ManifestEvent | 'intended';
  /** When the session was moved to the trash (or was meant to be), Unix epoch ms. */
  readonly trashedAtMs: number;
  /** Of a session that is `purging`: which of its parts lay in the trash when that was decided. */
  readonly purgedParts?: readonly Part[];
}

/** Appends to a manifest. Lines are buffered until `flush` or `sync`. */
export class ManifestWriter {
  readonly #fd: number;
  #pending = '';

  private constructor(fd: number) {
    this.#fd = fd;
  }

  static create(runDirectory: AnchoredDir, startedAtMs: number): ManifestWriter {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL;
    const fd = runDirectory.openFile(MANIFEST_NAME, flags, FILE_MODE);
    const writer = new ManifestWriter(fd);
    try {
      runDirectory.giveTo(runDirectory, fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    writer.#line({ type: 'run', format: FORMAT_VERSION, startedAt: new Date(startedAtMs).toISOString() });
    return writer;
  }

  static append(runDirectory: AnchoredDir): ManifestWriter {
    const writer = new ManifestWriter(runDirectory.openFile(MANIFEST_NAME, constants.O_WRONLY | constants.O_APPEND));
    // A killed writer may have left half a line: this ends it, and empty lines mean nothing.
    writer.#pending = LINE_END;
    return writer;
  }

  intent(intent: Intent, atMs: number): void {
    const parts = intent.parts.map(({ directory, name, kind }) => ({ directory, name, kind }));
    this.#line({ type: 'intent', at: new Date(atMs).toISOString(), ...intent, parts });
  }

  event(event: ManifestEvent, sessionId: SessionId, atMs: number): void {
    this.#line({ type: event, at: new Date(atMs).toISOString(), sessionId });
  }

  /** @param present indexes of the intent's parts that lie in the trash */
  purging(sessionId: SessionId, present: readonly number[], atMs: number): void {
    this.#line({ type: 'purging', at: new Date(atMs).toISOString(), sessionId, present });
  }

  flush(): void {
    if (this.#pending === LINE_END) return;
    let bytes = Buffer.from(this.#pending, 'utf8');
    this.#pending = '';
    while (bytes.length > 0) bytes = bytes.subarray(writeSync(this.#fd, bytes));
  }

  /** On return every line so far survives a power cut. */
  sync(): void {
    this.flush();
    fsyncSync(this.#fd);
  }

  close(): void {
    try {
      this.flush();
    } finally {
      closeSync(this.#fd);
    }
  }

  #line(line: object): void {
    this.#pending += JSON.stringify(line) + LINE_END;
  }
}

/**
 * Reads the manifest of a run directory.
 * @throws the system's error where it cannot be read. Lines that do not parse are left out: an intent that was not
 * written in full was never acted on.
 */
export function readManifest(runDirectory: AnchoredDir): Map<SessionId, ManifestEntry> {
  const fd = runDirectory.openFile(MANIFEST_NAME, constants.O_RDONLY);
  try {
    return foldManifest(readFileSync(fd, 'utf8'));
  } finally {
    closeSync(fd);
  }
}

/** The state of every session that the manifest's text speaks of. */
export function foldManifest(text: string): Map<SessionId, ManifestEntry> {
  const entries = new Map<SessionId, ManifestEntry>();
  for (const line of text.split('\n')) {
    const parsed = parseLine(line);
    if (parsed === undefined) continue;
    if (parsed.intent !== undefined) {
      entries.set(parsed.sessionId, { ...parsed.intent, state: 'intended', trashedAtMs: parsed.atMs });
      continue;
    }
    const entry = entries.get(parsed.sessionId);
    if (entry === undefined) continue;
    const trashedAtMs = parsed.event === 'trashed' || parsed.event === 'joined' ? parsed.atMs : entry.trashedAtMs;
    const { present } = parsed;
    const purgedParts = present && entry.parts.filter((_, index) => present.has(index));
    entries.set(parsed.sessionId, { ...entry, state: parsed.event, trashedAtMs, ...(purgedParts && { purgedParts }) });
  }
  return entries;
}

type ParsedLine =
  | { readonly sessionId: SessionId; readonly atMs: number; readonly intent: Intent }
  | {
      readonly sessionId: SessionId;
      readonly atMs: number;
      readonly intent: undefined;
      readonly event: ManifestEvent;
      readonly present: ReadonlySet<unknown> | undefined;
    };

const EVENTS: ReadonlySet<string> = new Set<ManifestEvent>([
  'trashed',
  'kept',
  'restoring',
  'restored',
  'joined',
  'purging',
  'purged',
]);

function parseLine(line: string): ParsedLine | undefined {
  if (line === '') return undefined;
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line);
  } catch {
    // Half a line, left by a kill.
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const sessionId = parseSessionId(value.sessionId);
  const atMs = Date.parse(String(value.at));
  if (sessionId === undefined || Number.isNaN(atMs)) return undefined;
  if (value.type === 'intent') {
    const intent = parseIntent(value, sessionId);
    return intent && { sessionId, atMs, intent };
  }
  if (!EVENTS.has(String(value.type))) return undefined;
  const present = Array.isArray(value.present) ? new Set<unknown>(value.present) : undefined;
  return { sessionId, atMs, intent: undefined, event: value.type as ManifestEvent, present };
}

function parseIntent(value: Record<string, unknown>, sessionId: SessionId): Intent | undefined {
  if (!Array.isArray(value.parts)) return undefined;
  const parts = value.parts.map(parsePart).filter((part) => part !== undefined);
  if (parts.length !== value.parts.length) return undefined;
  return {
    sessionId,
    reason: String(value.reason),
    project: typeof value.project === 'string' ? value.project : undefined,
    files: Number(value.files),
    bytes: Number(value.bytes),
    newestMtimeMs: Number(value.newestMtimeMs),
    parts,
  };
}

/** No path is ever built from a manifest without its components being checked: it is a file like any other. */
function parsePart(value: unknown): Part | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { directory, name, kind } = value as Record<string, unknown>;
  if (!Array.isArray(directory) || (kind !== 'file' && kind !== 'directory')) return undefined;
  const components = directory.map((component) => parseByteName(String(component)));
  const checked = components.filter((component): component is ByteName => component !== undefined);
  const checkedName = parseByteName(String(name));
  if (checkedName === undefined || checked.length !== components.length || !isKnownPlace(checked)) return undefined;
  return { directory: checked, name: checkedName, kind };
}
