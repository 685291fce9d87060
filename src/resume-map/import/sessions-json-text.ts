/** Reads an old `sessions.json` whole: every entry becomes a row, or the first fault is told with its line and column. */

import { type ImportedRow, ImportedRows } from './imported-rows.ts';
import { readJsonEntries } from './json-entries.ts';
import { malformed } from './old-file.ts';

/** @throws OperatingError (`bad-data`) naming line and column */
export function parseSessionsJson(bytes: Uint8Array, path: string, defaultForge: string): ImportedRow[] {
  const rows = new ImportedRows(defaultForge);
  for (const [key, { place, value }] of readJsonEntries(bytes, path, { mayNest: false })) {
    const fault = rows.add(key, value instanceof Map ? Object.fromEntries(value) : value);
    if (fault !== undefined) throw malformed(path, `${place}: ${fault}`);
  }
  return rows.all();
}
