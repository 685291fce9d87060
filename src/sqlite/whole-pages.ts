/** Notices a database that is cut off in the middle of a page: of that, SQLite takes the missing bytes for zeros, and rows for empty ones. */

import { statSync } from 'node:fs';
import { CorruptError, type SqliteDatabase } from './open.ts';

/** To be asked before rows are read whose absence is believed. @throws CorruptError, and the system's error */
export function throwIfTorn(database: SqliteDatabase): void {
  if (database.memory) return;
  const pageBytes = Number(database.pragma('page_size', { simple: true }));
  if (statSync(database.name).size % pageBytes === 0) return;
  throw new CorruptError(`read ${database.name}: the file is cut off in the middle of a page`);
}
