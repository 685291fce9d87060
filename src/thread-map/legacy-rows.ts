/** From the JSON in which hosts kept their threads before they had a database to the rows that become of it: all of them, or the first fault. */

import { checkOptions, expected, type OptionChecks } from '../config/host-options.ts';
import { ConfigError } from '../errors.ts';
import { shownValue } from '../format/shown-text.ts';
import { readJsonEntries } from '../resume-map/import/json-entries.ts';
import { malformed } from '../resume-map/import/old-file.ts';
import { type Column, NEW_COLUMN_CHECKS, type WrittenRow, withDefaults } from './rows.ts';
import { COLUMNS } from './schema.ts';

const STATUSES: readonly unknown[] = ['active', 'error', 'stopped'];
const CHECKS: OptionChecks<Record<Column, unknown>> = {
  ...NEW_COLUMN_CHECKS,
  status: expected(STATUSES.join(', '), (value) => STATUSES.includes(value)),
};

/** @throws OperatingError (`bad-data`) naming line and column */
export function parseLegacyRows(bytes: Uint8Array, path: string): WrittenRow[] {
  return Array.from(readJsonEntries(bytes, path, { mayNest: true }), ([threadTs, { place, value }]) => {
    if (!(value instanceof Map)) throw malformed(path, `${place}: expected an object for each thread`);
    try {
      return legacyRow(threadTs, value);
    } catch (error) {
      if (error instanceof ConfigError) throw malformed(path, `${place}: ${error.faults.join('; ')}`);
      throw error;
    }
  });
}

/** The thread is what the entry is called. Fields that nobody knows are nobody's. @throws ConfigError naming all that is wrong */
function legacyRow(threadTs: string, fields: ReadonlyMap<string, unknown>): WrittenRow {
  const known = COLUMNS.flatMap((column) => (fields.has(column) ? [[column, fields.get(column)]] : []));
  const row = { ...Object.fromEntries(known), thread_ts: threadTs } as Record<Column, string | number | null>;
  checkOptions<Record<Column, unknown>>(`thread ${shownValue(threadTs)}`, row, CHECKS);
  // Nobody writes the old word any more.
  return withDefaults(row.status === 'stopped' ? { ...row, status: 'active' } : row);
}
