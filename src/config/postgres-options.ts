/** The options by which a host says how PostgreSQL is to be reached. */

import type { PostgresOptions } from '../postgres/postgres-database.ts';
import { postgresUrlFaults } from '../postgres/postgres-url.ts';
import { absolutePath, durationMs, expected, type OptionChecks, required } from './host-options.ts';

export const someCount = expected('a whole number, more than 0', (value) => {
  return Number.isSafeInteger(value) && Number(value) > 0;
});

/** The faults of a URL do not show it: it may hold a password. */
export const POSTGRES_OPTIONS: OptionChecks<Omit<PostgresOptions, 'maxConnections'> & { readonly url: string }> = {
  url: required(postgresUrlFaults),
  prepare: expected('true or false', (value) => typeof value === 'boolean'),
  lockTimeoutMs: durationMs,
  statementTimeoutMs: durationMs,
  graceMs: durationMs,
  connectTimeoutMs: durationMs,
  passwordFile: absolutePath,
};
