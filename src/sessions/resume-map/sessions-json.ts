/** Brings the rows of an old host's `sessions.json` into the resume map: once, whole or not at all. */

import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import type { JSONVisitor } from 'jsonc-parser';
import { errorCode, OperatingError, operatingError } from '../../errors.ts';
import { guarded, openExistingDatabase, type SqliteDatabase } from '../../sqlite/open.ts';
import { parseSessionId, type SessionId } from '../session-id.ts';
import { checkedKey } from './keys.ts';
import { NEVER_USED } from './row-age.ts';
import { IMPORTS_TABLE, SESSIONS_TABLE } from './schema.ts';

export interface ImportedRow {
  readonly key: string;
  readonly sessionId: SessionId;
  readonly lastUsedAtMs: number;
}

export interface SessionsJson {
  readonly rows: readonly ImportedRow[];
  /** Which file it was: a second import of the same one is none. */
  readonly identity: string;
}

/** A million rows are some 130 MB; more than this is no resume map. */
const FILE_BYTES_MAX = 256 * 2 ** 20;
/** The file is an object of strings or of flat objects. */
const DEPTH_MAX = 2;
/** The agent that was renamed, so that its conversations go on under the new name. */
const RENAMED_AGENTS: ReadonlyMap<string, string> = new Map([['foreman', 'architect']]);

/**
 * Reads and checks the whole file.
 * @returns undefined where there is none
 * @throws OperatingError (`bad-data`) naming line and column; (`io`, `unavailable`) where it cannot be read
 */
export function readSessionsJson(path: string, defaultForge: string): SessionsJson | undefined {
  let fd: number;
  try {
    // Not blocking: the name may be a FIFO's.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    if (errorCode(error) === 'ELOOP') throw malformed(path, 'it is a symlink');
    throw operatingError('unavailable', `read ${path}`, error);
  }
  try {
    const before = fstatSync(fd, { bigint: true });
    if (!before.isFile()) throw malformed(path, 'it is not a regular file');
    if (before.size > FILE_BYTES_MAX) throw malformed(path, `it is larger than ${FILE_BYTES_MAX} bytes`);
    const bytes = readFileSync(fd);
    const identity = fileIdentity(fstatSync(fd, { bigint: true }));
    const standing = identityOf(path);
    // Another process has imported it and set it aside meanwhile.
    if (standing === undefined) return undefined;
    if (identity !== fileIdentity(before) || standing !== identity) {
      throw malformed(path, 'it was changed while it was read');
    }
    return { rows: parseSessionsJson(decodeUtf8(path, bytes), path, defaultForge), identity };
  } catch (error) {
    throw operatingError('io', `read ${path}`, error);
  } finally {
    closeSync(fd);
  }
}

/**
 * Imports `sessions.json` into a database of ours and renames the file to `sessions.json.bak`.
 * Idempotent and safe when killed at any point: rows and the mark of the imported file come in one transaction, so that
 * a second try neither doubles nor revives anything.
 * @returns the number of rows that were new
 */
export function importSessionsJson(databasePath: string, path: string, defaultForge: string, nowMs: number): number {
  const file = readSessionsJson(path, defaultForge);
  if (file === undefined) return 0;
  const database = openExistingDatabase(databasePath);
  try {
    const added = guarded(databasePath, 'import sessions.json into', () => insertOnce(database, file, nowMs));
    database.transaction(() => setAside(path, file.identity)).immediate();
    return added;
  } finally {
    database.close();
  }
}

/** Inserts the rows of the file, unless it has been imported before. @returns the number of rows that were new */
export function insertOnce(database: SqliteDatabase, file: SessionsJson, nowMs: number): number {
  const mark = database.prepare(`INSERT OR IGNORE INTO ${IMPORTS_TABLE} (file_identity, imported_at) VALUES (?, ?)`);
  const insert = database.prepare(
    `INSERT OR IGNORE INTO ${SESSIONS_TABLE} (key, session_id, last_used_at, created_at) VALUES (?, ?, ?, ?)`,
  );
  return database
    .transaction(() => {
      if (mark.run(file.identity, nowMs).changes === 0) return 0;
      let added = 0;
      for (const row of file.rows) {
        added += insert.run(row.key, row.sessionId, row.lastUsedAtMs, row.lastUsedAtMs).changes;
      }
      return added;
    })
    .immediate();
}

/**
 * Renames to `.bak`, or the next free name. The caller holds the write lock of the database, so that no other process of ours
 * takes the name in between; an old host that puts a new file in place in that instant gets it back.
 */
function setAside(path: string, identity: string): void {
  // A new file under the old name, or none any more: another process has set it aside.
  if (identityOf(path) !== identity) return;
  let backup = `${path}.bak`;
  for (let suffix = 1; ![undefined, identity].includes(identityOf(backup)); suffix += 1)
    backup = `${path}.bak.${suffix}`;
  try {
    // A rename onto another name of the same file does nothing.
    if (identityOf(backup) === identity) unlinkSync(path);
    else renameSync(path, backup);
    if (identityOf(backup) === identity) return;
    linkSync(backup, path);
    unlinkSync(backup);
  } catch (error) {
    throw operatingError('io', `rename ${path}`, error);
  }
}

function identityOf(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && fileIdentity(stats);
}

function fileIdentity(stats: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint }): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}`;
}

function decodeUtf8(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new OperatingError('bad-data', `read ${path}: it is not UTF-8`, { cause: error });
  }
}

/** The rows of the text. JSON.parse would let the last of two equal keys win in silence; here they are a fault. */
export function parseSessionsJson(text: string, path: string, defaultForge: string): ImportedRow[] {
  if (text.startsWith('\uFEFF')) throw malformed(path, 'line 1, column 1: it starts with a byte order mark');
  const entries = new Map<string, RawEntry>();
  const { visit } = jsonc();
  try {
    visit(text, new EntryCollector(path, entries).visitor, { disallowComments: true, allowTrailingComma: false });
  } catch (error) {
    if (error instanceof RangeError) throw new OperatingError('bad-data', `read ${path}: it is nested too deeply`);
    throw error;
  }
  const rows = Array.from(entries, ([key, entry]) => toRow(path, key, entry, defaultForge));
  // A conversation that already has its new name comes before one that only gets it by the renaming.
  return [...rows.filter((row) => !row.renamed), ...rows.filter((row) => row.renamed)];
}

/** Loaded where there is something to read: mostly there is no such file any more. */
const jsonc = () => createRequire(import.meta.url)('jsonc-parser') as typeof import('jsonc-parser');

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

function toRow(
  path: string,
  oldKey: string,
  entry: RawEntry,
  defaultForge: string,
): ImportedRow & { readonly renamed: boolean } {
  const fail = (fault: string) => malformed(path, `${entry.place}: ${fault}`);
  const { key, renamed } = currentKey(oldKey, defaultForge, fail);
  if (typeof entry.value === 'string') {
    return { key, sessionId: checkedId(entry.value, fail), lastUsedAtMs: NEVER_USED, renamed };
  }
  if (!(entry.value instanceof Map)) throw fail('a value that is neither a string nor an object');
  const lastUsedAt: unknown = entry.value.get('last_used_at');
  if (typeof lastUsedAt !== 'number' || !Number.isSafeInteger(lastUsedAt) || lastUsedAt < 0) {
    throw fail('last_used_at is not a time in milliseconds');
  }
  return { key, sessionId: checkedId(entry.value.get('id'), fail), lastUsedAtMs: lastUsedAt, renamed };
}

function checkedId(value: unknown, fail: (fault: string) => OperatingError): SessionId {
  const id = parseSessionId(value);
  if (id === undefined) throw fail('the session id is not a lower-case UUID');
  return id;
}

/** Keys of three parts come from before there were forges. Keys of another shape are a host's own, and stay as they are. */
function currentKey(
  oldKey: string,
  defaultForge: string,
  fail: (fault: string) => OperatingError,
): { readonly key: string; readonly renamed: boolean } {
  const parts = oldKey.split(':');
  const isWithoutForge = parts.length === 3;
  if (isWithoutForge) parts.unshift(defaultForge);
  const agent = parts[1];
  const newAgent = parts.length === 4 && agent !== undefined ? RENAMED_AGENTS.get(agent) : undefined;
  if (newAgent !== undefined) parts[1] = newAgent;
  try {
    return { key: checkedKey(parts.join(':')), renamed: isWithoutForge || newAgent !== undefined };
  } catch (error) {
    throw fail(error instanceof Error ? error.message : 'a key that cannot be one');
  }
}

function place(line: number, character: number): string {
  return `line ${line + 1}, column ${character + 1}`;
}

function duplicate(path: string, line: number, character: number, key: string): OperatingError {
  return malformed(path, `${place(line, character)}: the key ${JSON.stringify(key)} is there twice`);
}

function malformed(path: string, fault: string): OperatingError {
  return new OperatingError('bad-data', `read ${path}: ${fault}`);
}
