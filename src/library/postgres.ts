/// <reference lib="esnext.disposable" preserve="true" />
/** The library's face for many hosts: what is kept in PostgreSQL. */

import { systemClock } from '../clock.ts';
import { ageMs, checkOptions, directories, type OptionChecks, someFunction, someText } from '../config/host-options.ts';
import { POSTGRES_OPTIONS } from '../config/postgres-options.ts';
import type { PostgresOptions } from '../postgres/postgres-database.ts';
import { PostgresResumeMap } from '../resume-map/postgres/map.ts';
import type { Forgotten, ResumeMap } from '../resume-map/resume-map.ts';
import type { SessionMaxAge } from '../resume-map/row-age.ts';
import { HostTranscripts } from './host-transcripts.ts';
import { warnOfForgotten } from './warn-of-forgotten.ts';

export interface PostgresResumeMapOptions extends Omit<PostgresOptions, 'maxConnections'> {
  /** `postgres://user:password@host:5432/database`, with libpq's `sslmode`, `sslrootcert`, `sslcert`, `sslkey`. */
  readonly url: string;
  /** By what name this host's rows are told from those of others; default: its host name. Give one where that changes, as in containers. */
  readonly host?: string;
  /**
   * Milliseconds, or `never`: how long a conversation may rest. It is written into the map, for all hosts. Default: what is written there,
   * else `DEFAULT_SESSION_MAX_AGE_MS`.
   */
  readonly maxSessionAgeMs?: SessionMaxAge;
  /**
   * Absolute paths of the Claude directories that hold the transcripts of all sessions of this host, which must be there: then `getSession`
   * never returns one of this host whose transcript is gone.
   */
  readonly claudeDirs?: readonly string[];
  /** Is told when `getSession` has let a conversation go, and why; default: one line by `console.warn`. */
  readonly onForgotten?: (forgotten: Forgotten) => void;
}

const CHECKS: OptionChecks<PostgresResumeMapOptions> = {
  ...POSTGRES_OPTIONS,
  host: someText,
  maxSessionAgeMs: ageMs,
  claudeDirs: directories,
  onForgotten: someFunction,
};

/**
 * Opens a resume map that several hosts share, and makes or migrates its tables as needed. Close it, or declare it with `await using`.
 * @throws ConfigError naming every option that is wrong, never the URL; OperatingError `config` (no right to make the tables, no driver),
 * `bad-data` (from a later release), `unavailable`, `io`
 */
export async function openPostgresResumeMap(options: PostgresResumeMapOptions): Promise<ResumeMap> {
  checkOptions<PostgresResumeMapOptions>('openPostgresResumeMap', options, CHECKS);
  const { url, maxSessionAgeMs, claudeDirs, onForgotten = warnOfForgotten, ...rest } = options;
  const [claudeDir, ...others] = claudeDirs ?? [];
  const map = PostgresResumeMap.open(url, {
    ...rest,
    onForgotten,
    ...(maxSessionAgeMs === undefined ? {} : { maxSessionAge: maxSessionAgeMs }),
    // Of several, which one holds a transcript is not known when its row is written.
    ...(claudeDir === undefined || others.length > 0 ? {} : { claudeDir }),
    ...(claudeDirs === undefined ? {} : { transcripts: new HostTranscripts(claudeDirs, systemClock) }),
  });
  try {
    if (maxSessionAgeMs === undefined) await map.check();
    else await map.writeMaxSessionAge();
    return map;
  } catch (error) {
    await map.close();
    throw error;
  }
}

export { BusyError, ConfigError, OperatingError } from '../errors.ts';
export type { PostgresOptions } from '../postgres/postgres-database.ts';
export { PostgresSessionStore, type PostgresSessionStoreOptions } from '../session-store/postgres-session-store.ts';
