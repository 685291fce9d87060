/** The table beside a session store in PostgreSQL in which stands which of its sessions are removed: of the store's own no row changes. */

import { migratePostgres } from '../postgres/migrate.ts';
import type { PostgresTransaction } from '../postgres/postgres-database.ts';
import { keptMigration, keptUntilMigration } from './postgres-kept.ts';

export interface TrashTables {
  /** With quotation marks. */
  readonly trash: string;
  readonly trashVersions: string;
  /** Which sessions other hosts protect. */
  readonly kept: string;
}

export function trashOf(table: string): TrashTables {
  const beside = (ending: string) => {
    return `${table}_${ending}`
      .split('.')
      .map((part) => `"${part}"`)
      .join('.');
  };
  return { trash: beside('trash'), trashVersions: beside('trash_versions'), kept: beside('kept') };
}

/**
 * Each entry brings the table one version further. Append; never edit. Texts have the database's collation, so that they can be held against
 * columns of any. `version` is that of the session as it was removed; `is_begun` tells that some of its entries are destroyed.
 */
function migrationsOf({ trash, kept }: TrashTables): readonly string[] {
  return [
    `CREATE TABLE ${trash} (
       project_key TEXT NOT NULL,
       session_id TEXT NOT NULL,
       trashed_at BIGINT NOT NULL,
       trash_reason TEXT NOT NULL,
       last_used_at BIGINT,
       bytes BIGINT NOT NULL,
       has_main BOOLEAN NOT NULL,
       version TEXT NOT NULL,
       is_purging BOOLEAN NOT NULL DEFAULT false,
       is_begun BOOLEAN NOT NULL DEFAULT false,
       PRIMARY KEY (project_key, session_id)
     )`,
    keptMigration(kept),
    keptUntilMigration(kept),
  ];
}

/** Makes the table where it is not there yet. */
export async function migrateTrash(transaction: PostgresTransaction, tables: TrashTables): Promise<void> {
  await migratePostgres(transaction, tables.trashVersions, migrationsOf(tables));
}
