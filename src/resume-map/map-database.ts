/** Opens the database of a map in SQLite, so that it holds the table when it is given out: else it is closed, and the error says why. */

import { checkVersion, migrate } from '../sqlite/migrate.ts';
import {
  guarded,
  openDatabaseForReading,
  openDatabaseInMemory,
  openExistingDatabase,
  openOwnDatabase,
  type SqliteDatabase,
} from '../sqlite/open.ts';
import { type RowOrder, rowOrderOf } from './row-order.ts';
import { checkMapTable, PREVIEW_SCHEMA, RESUME_MAP_MIGRATIONS, RESUME_MAP_TABLE, VERSION_TABLE } from './schema.ts';

interface OpenOptions {
  readonly busyTimeoutMs?: number;
}

/** An open database of a map, and by what its rows are read in pages. */
export interface MapDatabase {
  readonly database: SqliteDatabase;
  readonly order: RowOrder;
}

/** Makes or migrates a database of ours as needed. @throws OperatingError */
export function openOwnMap(path: string, options: OpenOptions): MapDatabase {
  const database = openOwnDatabase(path, (fresh) => migrate(fresh, VERSION_TABLE, RESUME_MAP_MIGRATIONS), options);
  return checked(database, () => migrate(database, VERSION_TABLE, RESUME_MAP_MIGRATIONS));
}

/** Leaves a host's own database as it is. @throws OperatingError */
export function openExistingMap(path: string, options: OpenOptions): MapDatabase {
  return checked(openExistingDatabase(path, options));
}

/** Changes no byte on disk. @throws OperatingError */
export function openMapForReading(path: string, options: OpenOptions): MapDatabase {
  return checked(openDatabaseForReading(path, options));
}

/** Changes no byte on disk. @throws OperatingError, also where a database of ours is from a newer release */
export function openOwnMapForReading(path: string): MapDatabase {
  const database = openDatabaseForReading(path);
  return checked(database, () => checkVersion(database, VERSION_TABLE, RESUME_MAP_MIGRATIONS));
}

/** An empty map in memory. */
export function openMapInMemory(): MapDatabase {
  const database = openDatabaseInMemory();
  return checked(database, () => void database.exec(PREVIEW_SCHEMA));
}

function checked(database: SqliteDatabase, prepare?: () => void): MapDatabase {
  try {
    return guarded(database.name, 'open', () => {
      prepare?.();
      checkMapTable(database, RESUME_MAP_TABLE);
      return { database, order: rowOrderOf(database, RESUME_MAP_TABLE) };
    });
  } catch (error) {
    database.close();
    throw error;
  }
}
