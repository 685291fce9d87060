/**
 * The manifest of one trash folder: JSON lines, appended to, never rewritten. An `intent` is made durable before anything moves,
 * so that whatever a kill leaves behind can be told from it, with no ledger at hand.
 */

import { closeSync, constants, fstatSync, fsyncSync, writeSync } from 'node:fs';
import type { SessionId } from '../claude-dir/session-id.ts';
import type { Part } from '../claude-dir/unit.ts';
import { isNoSpace } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, fixedName } from '../files/byte-name.ts';
import { lineNames, NameWriter } from './name-lines.ts';

export const MANIFEST_NAME = fixedName('manifest.jsonl');
/** Another release that writes what this one does not understand counts one further. */
export const FORMAT_VERSION = 1;
const LINE_END = '\n';
const FILE_MODE = 0o600;

/** One session that a run means to remove. Paths are relative to the Claude directory, one Latin-1 character a byte. */
export interface Intent {
  readonly sessionId: SessionId;
  readonly reason: string;
  readonly project: string | undefined;
  readonly files: number;
  readonly bytes: number;
  /** It took so much of the disk; undefined where an earlier release has written it. */
  readonly diskBytes?: number | undefined;
  readonly newestMtimeMs: number;
  readonly parts: readonly Part[];
}

/** An intent has become this; the last line about a session counts. */
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
  /** The parts of a session that is `purging` which lay in the trash when that was decided. */
  readonly purgedParts?: readonly Part[];
}

/** Appends to a manifest. Lines are buffered until `flush` or `sync`. */
export class ManifestWriter {
  readonly #fd: number;
  readonly #directory: AnchoredDir;
  /** Takes what is written once there was no room for it in the file. */
  #names: NameWriter | undefined;
  #pending = '';
  /** Lines of one batch have one time. */
  #lastTime = { ms: Number.NaN, text: '' };

  private constructor(fd: number, directory: AnchoredDir) {
    this.#fd = fd;
    this.#directory = directory;
  }

  static create(folderDirectory: AnchoredDir, startedAtMs: number): ManifestWriter {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL;
    const fd = folderDirectory.openFile(MANIFEST_NAME, flags, FILE_MODE);
    const writer = new ManifestWriter(fd, folderDirectory);
    try {
      folderDirectory.giveTo(folderDirectory, fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    writer.#line({ type: 'run', format: FORMAT_VERSION, startedAt: new Date(startedAtMs).toISOString() });
    return writer;
  }

  static append(folderDirectory: AnchoredDir): ManifestWriter {
    const fd = folderDirectory.openFile(MANIFEST_NAME, constants.O_WRONLY | constants.O_APPEND);
    const writer = new ManifestWriter(fd, folderDirectory);
    if (lineNames(folderDirectory).length > 0) writer.#names = new NameWriter(folderDirectory);
    // A killed writer may have left half a line: this ends it, and empty lines mean nothing.
    writer.#pending = LINE_END;
    return writer;
  }

  intent(intent: Intent, atMs: number): void {
    const parts = intent.parts.map(({ directory, name, kind }) => ({ directory, name, kind }));
    this.#line({ type: 'intent', at: this.#time(atMs), ...intent, parts });
  }

  event(event: ManifestEvent, sessionId: SessionId, atMs: number): void {
    this.#line({ type: event, at: this.#time(atMs), sessionId });
  }

  /** @param present indexes of the intent's parts that lie in the trash */
  purging(sessionId: SessionId, present: readonly number[], atMs: number): void {
    this.#line({ type: 'purging', at: this.#time(atMs), sessionId, present });
  }

  flush(): void {
    if (this.#pending === LINE_END) return;
    let bytes = Buffer.from(this.#pending, 'utf8');
    this.#pending = '';
    try {
      while (this.#names === undefined && bytes.length > 0) bytes = bytes.subarray(writeSync(this.#fd, bytes));
    } catch (error) {
      if (!isNoSpace(error) || !this.#directory.isInMemory()) throw error;
      this.#names = new NameWriter(this.#directory);
    }
    this.#names?.write(bytes);
  }

  /** On return every line so far survives a power cut. */
  sync(): void {
    this.flush();
    fsyncSync(this.#fd);
  }

  /** The fingerprint of the manifest as it is with every line so far. */
  identity(): string {
    this.flush();
    return manifestIdentity(this.#fd, lineNames(this.#directory));
  }

  close(): void {
    try {
      this.flush();
    } finally {
      closeSync(this.#fd);
    }
  }

  #time(ms: number): string {
    if (this.#lastTime.ms !== ms) this.#lastTime = { ms, text: new Date(ms).toISOString() };
    return this.#lastTime.text;
  }

  #line(line: object): void {
    this.#pending += JSON.stringify(line) + LINE_END;
  }
}

/** The same for as long as nobody has written to the manifest, or put another in its place. */
export function manifestIdentity(fd: number, names: readonly ByteName[]): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = fstatSync(fd, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs, ...(names.length > 0 ? [names.length] : [])].join(':');
}
