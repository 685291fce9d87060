/// <reference lib="esnext.disposable" preserve="true" />
/** The library's face for many hosts: what is kept in PostgreSQL. */

export { BusyError, ConfigError, OperatingError } from '../errors.ts';
export type { PostgresOptions } from '../postgres/postgres-database.ts';
export { PostgresSessionStore, type PostgresSessionStoreOptions } from '../session-store/postgres-session-store.ts';
