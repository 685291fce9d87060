/** Opens the ledger's file: made where there is none, brought to the newest schema, and begun anew where it is damaged. */

import { existsSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isTaken } from '../sqlite/file-identity.ts';
import { checkVersion, migrate } from '../sqlite/migrate.ts';
import {
  CorruptError,
  guarded,
  openDatabaseForReading,
  openOwnDatabase,
  SIDE_FILES,
  type SqliteDatabase,
  withFileLock,
} from '../sqlite/open.ts';
import { LATER_TABLES, LEDGER_MIGRATIONS, LEDGER_TABLES, LEDGER_VERSION_TABLE } from './schema.ts';

export interface LedgerWait {
  readonly busyTimeoutMs?: number;
}

/** @throws OperatingError `bad-data`, `unavailable`, `io` */
export function openLedgerFile(stateDir: string, wait: LedgerWait = {}): SqliteDatabase {
  const database = openOwnDatabase(ledgerPath(stateDir), prepare, wait);
  return checked(database, () => {
    prepare(database);
    throwIfIncomplete(database, [...LEDGER_TABLES, ...LATER_TABLES]);
  });
}

/** @param onSetAside is told the name under which a damaged one is kept */
export function openSoundLedgerFile(stateDir: string, onSetAside: (name: string) => void): SqliteDatabase {
  try {
    return openSound(stateDir);
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
  }
  return withFileLock(join(stateDir, 'ledger.lock'), () => {
    try {
      // Another process may have begun a new one meanwhile.
      return openSound(stateDir);
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
      onSetAside(setAside(ledgerPath(stateDir)));
      return openLedgerFile(stateDir);
    }
  });
}

function openSound(stateDir: string): SqliteDatabase {
  const database = openLedgerFile(stateDir);
  return checked(database, () => {
    const verdict = database.pragma('quick_check(1)', { simple: true });
    if (verdict !== 'ok') throw new CorruptError(`check database ${database.name}: ${String(verdict)}`);
  });
}

/** Undefined where there is none yet; no byte on disk changes. */
export function openLedgerFileForReading(stateDir: string): SqliteDatabase | undefined {
  const path = ledgerPath(stateDir);
  if (!isTaken(path)) return undefined;
  const database = openDatabaseForReading(path);
  return checked(database, () => {
    checkVersion(database, LEDGER_VERSION_TABLE, LEDGER_MIGRATIONS);
    throwIfIncomplete(database, LEDGER_TABLES);
  });
}

/** One that does not hold what it should is closed again. */
function checked(database: SqliteDatabase, check: () => void): SqliteDatabase {
  try {
    guarded(database.name, 'open', check);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepare(database: SqliteDatabase): void {
  migrate(database, LEDGER_VERSION_TABLE, LEDGER_MIGRATIONS);
}

/** @throws CorruptError where a table is gone: every run would fail by it, and not say why */
function throwIfIncomplete(database: SqliteDatabase, wanted: readonly string[]): void {
  const missing = missingTables(database, wanted);
  if (missing.length === 0) return;
  throw new CorruptError(`open ledger ${database.name}: it lacks the table ${missing.join(', ')}`);
}

export function missingTables(database: SqliteDatabase, wanted: readonly string[]): readonly string[] {
  const tables = database.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).pluck().all();
  return wanted.filter((table) => !tables.includes(table));
}

export function ledgerPath(stateDir: string): string {
  return join(stateDir, 'ledger.db');
}

/** Kept, since it may hold what the manifests of the trash do not: history. @returns its new name */
function setAside(path: string): string {
  const aside = `${path}.damaged-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}`;
  guarded(path, 'set aside', () => {
    for (const suffix of SIDE_FILES) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  });
  return basename(aside);
}
