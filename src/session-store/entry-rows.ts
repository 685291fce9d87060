/** The entries of one append as rows for PostgreSQL: texts and uuids that its columns take, in statements of a bounded size. */

import { createHash } from 'node:crypto';
import { OperatingError } from '../errors.ts';
import type { SessionStoreEntry, SessionStoreKey } from './sdk-shapes.ts';
import { checkKey, textOf } from './stored-form.ts';

export interface EntryRow {
  readonly entry: SessionStoreEntry;
  readonly uuid: string | null;
  readonly text: string;
  readonly bytes: number;
}

/** What is sent stands several times in memory. An entry that is larger goes alone. */
const STATEMENT_ROWS_MAX = 500;
const STATEMENT_BYTES_MAX = 1_048_576;
/** An index takes a third of a page of 8 KiB, for all its columns. */
const KEY_BYTES_MAX = 2_048;
const UUID_LENGTH_MAX = 128;

/** @throws OperatingError `bad-data` for what JSON cannot hold */
export function entryRow(entry: SessionStoreEntry): EntryRow {
  const text = textOf(entry);
  const uuid = typeof entry.uuid === 'string' ? comparableUuid(entry.uuid) : null;
  return { entry, uuid, text, bytes: Buffer.byteLength(text) };
}

/** In their order, as many in one as fit. */
export function* inStatements(rows: readonly EntryRow[]): Generator<readonly EntryRow[]> {
  let first = 0;
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    if (index > first && (index - first >= STATEMENT_ROWS_MAX || bytes + row.bytes > STATEMENT_BYTES_MAX)) {
      yield rows.slice(first, index);
      first = index;
      bytes = 0;
    }
    bytes += row.bytes;
  }
  if (first < rows.length) yield rows.slice(first);
}

/** Any two that differ still do: NUL and lone surrogates are escaped, and one that no index could hold gives way to its digest. */
export function comparableUuid(uuid: string): string {
  const text = JSON.stringify(uuid).slice(1, -1);
  return text.length <= UUID_LENGTH_MAX ? text : `sha256 ${createHash('sha256').update(text).digest('hex')}`;
}

/** @throws OperatingError `usage` */
export function checkPostgresKey(key: SessionStoreKey): void {
  checkKey(key);
  const { projectKey, sessionId, subpath = '' } = key;
  for (const [name, part] of Object.entries({ projectKey, sessionId, subpath })) {
    // Two that differ would be stored as one.
    if (part.isWellFormed() && !part.includes('\0')) continue;
    throw new OperatingError('usage', `session store: ${name} ${JSON.stringify(part)} is no text`);
  }
  if (Buffer.byteLength(projectKey + sessionId + subpath) <= KEY_BYTES_MAX) return;
  throw new OperatingError('usage', `session store: a key is longer than ${KEY_BYTES_MAX} bytes`);
}
