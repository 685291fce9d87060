/** Brings a database of our own to the newest schema, in one transaction, whoever comes first. */

import { OperatingError } from '../errors.ts';
import type { SqliteDatabase } from './open.ts';

/**
 * Applies what is missing of `migrations`, in order. The versions stand in a table of ours; a host's `user_version` is not touched.
 * Safe when killed at any point and when two processes migrate at once: one IMMEDIATE transaction holds all of it.
 * @throws OperatingError (`bad-data`) where the schema comes from a newer release
 */
export function migrate(database: SqliteDatabase, versionTable: string, migrations: readonly string[]): void {
  if (appliedVersion(database, versionTable) === migrations.length) return;
  const apply = database.transaction(() => {
    database.exec(
      `CREATE TABLE IF NOT EXISTS ${versionTable} (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL)`,
    );
    const applied = appliedVersion(database, versionTable);
    throwIfNewer(database, applied, migrations.length);
    for (const [index, sql] of migrations.entries()) {
      if (index < applied) continue;
      database.exec(sql);
      database
        .prepare(`INSERT INTO ${versionTable} (version, applied_at) VALUES (?, unixepoch() * 1000)`)
        .run(index + 1);
    }
  });
  apply.immediate();
}

/**
 * For a database that is only read, which is not migrated: an older schema is left to the caller.
 * @throws OperatingError (`bad-data`) where the schema comes from a newer release
 */
export function checkVersion(database: SqliteDatabase, versionTable: string, migrations: readonly string[]): void {
  throwIfNewer(database, appliedVersion(database, versionTable), migrations.length);
}

function throwIfNewer(database: SqliteDatabase, applied: number, known: number): void {
  if (applied <= known) return;
  throw new OperatingError(
    'bad-data',
    `open database ${database.name}: its schema is version ${applied}, this release knows ${known} at the most`,
  );
}

function appliedVersion(database: SqliteDatabase, versionTable: string): number {
  const known = database.prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?`).get(versionTable);
  if (known === undefined) return 0;
  const version = database.prepare(`SELECT max(version) FROM ${versionTable}`).pluck().get();
  return typeof version === 'number' ? version : 0;
}
