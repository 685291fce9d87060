/** The two ends of a migration as they stand on the command line; what they say never shows a password. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError, systemError } from '../errors.ts';
import { hasTable as hasPostgresTable } from '../postgres/migrate.ts';
import { PostgresDatabase } from '../postgres/postgres-database.ts';
import { parsePostgresUrl, postgresUrlFaults } from '../postgres/postgres-url.ts';
import { hasTable, SESSIONS_TABLE } from '../resume-map/schema.ts';
import { ENTRIES_TABLE } from '../session-store/schema.ts';
import { guarded, openDatabaseForReading } from '../sqlite/open.ts';
import type { CliIo } from './command.ts';

export type MigratePlace =
  | { readonly kind: 'sqlite'; readonly name: string; readonly path: string }
  | { readonly kind: 'postgres'; readonly name: string; readonly url: string };

/** What of ours a database holds. */
export interface Holdings {
  readonly map: boolean;
  readonly entries: boolean;
}

const FORMS = 'sqlite:FILE, postgres://USER@HOST/DATABASE, env:VARIABLE or file:FILE with such a URL';

/** @throws ConfigError; OperatingError `io` where a file with a URL cannot be read */
export function parsePlace(
  flag: string,
  text: string,
  io: Pick<CliIo, 'environment' | 'workingDirectory'>,
): MigratePlace {
  const [, scheme = '', rest = ''] = /^([a-z]+):(.*)$/s.exec(text) ?? [];
  if (scheme === 'sqlite' && rest !== '' && !rest.startsWith('//')) {
    const path = resolve(io.workingDirectory, rest);
    return { kind: 'sqlite', name: `sqlite:${path}`, path };
  }
  const url = urlOf(flag, text, scheme, rest, io);
  // The faults show nothing of the URL.
  const faults = url === undefined ? [`expected ${FORMS}`] : postgresUrlFaults(url);
  if (url === undefined || faults.length > 0) throw new ConfigError(faults.map((fault) => `${flag}: ${fault}`));
  return { kind: 'postgres', name: parsePostgresUrl(url).displayName, url };
}

function urlOf(
  flag: string,
  text: string,
  scheme: string,
  rest: string,
  { environment, workingDirectory }: Pick<CliIo, 'environment' | 'workingDirectory'>,
): string | undefined {
  switch (scheme) {
    case 'postgres':
    case 'postgresql':
      return text;
    case 'env':
      return environment[rest] ?? '';
    case 'file':
      try {
        return readFileSync(resolve(workingDirectory, rest), 'utf8').trim();
      } catch (error) {
        throw systemError(`read the file of ${flag}`, error);
      }
    default:
      return undefined;
  }
}

/** Makes and changes nothing. @throws OperatingError where it is not there */
export async function holdingsOf(place: MigratePlace): Promise<Holdings> {
  if (place.kind === 'sqlite') {
    const database = openDatabaseForReading(place.path);
    try {
      return guarded(place.path, 'read', () => {
        return { map: hasTable(database, SESSIONS_TABLE), entries: hasTable(database, ENTRIES_TABLE) };
      });
    } finally {
      database.close();
    }
  }
  const database = new PostgresDatabase('database', place.url, { maxConnections: 1 }, async () => undefined);
  try {
    return await database.reading('read', async (one) => {
      return { map: await hasPostgresTable(one, SESSIONS_TABLE), entries: await hasPostgresTable(one, ENTRIES_TABLE) };
    });
  } finally {
    await database.close();
  }
}
