/** Copies a resume map, for a dry run, which must see what an import or a sweep would leave and change nothing on disk. */

import type { SqliteDatabase } from '../sqlite/open.ts';
import { hasTable, IMPORTS_TABLE, SESSIONS_TABLE, SETTINGS_TABLE } from './schema.ts';

/** Row by row as they are, whatever a host has let into its table. */
export function copyTables(from: SqliteDatabase, to: SqliteDatabase): void {
  const copy = (table: string, columns: string) => {
    const placeholders = columns.replace(/\w+/g, '?');
    const insert = to.prepare(`INSERT INTO ${table} (${columns}) VALUES (${placeholders})`);
    for (const row of from.prepare(`SELECT ${columns} FROM ${table}`).raw().iterate())
      insert.run(...(row as unknown[]));
  };
  to.transaction(() => {
    copy(SESSIONS_TABLE, 'key, session_id, last_used_at, created_at');
    if (hasTable(from, IMPORTS_TABLE)) copy(IMPORTS_TABLE, 'file_identity, imported_at');
    if (hasTable(from, SETTINGS_TABLE)) copy(SETTINGS_TABLE, 'name, value');
  })();
}
