/** A resume map in PostgreSQL as a live source: of every host that shares it, complete or an error, and never for long. */

import { hostname } from 'node:os';
import type { PostgresMapSettings } from '../../config/source-settings.ts';
import { PostgresResumeMap } from '../../resume-map/postgres/map.ts';
import type { LiveSource } from '../live-source.ts';
import { askAgainWhereBusy, unlessRefused } from '../refusal.ts';

/** A run is deaf meanwhile. */
const STATEMENT_MS = 10_000;
const CONNECT_MS = 5_000;
/** Whoever waits for the lock holds up all writers who come after him; he is asked again when all are free. */
const LOCK_MS = 100;

/** Hosts alone make it. */
export function openPostgresMap(
  { url, passwordFile, host = hostname() }: PostgresMapSettings,
  lockTimeoutMs?: number,
): PostgresResumeMap {
  return PostgresResumeMap.openExisting(url, {
    passwordFile,
    host,
    ...(lockTimeoutMs === undefined ? {} : { lockTimeoutMs }),
    statementTimeoutMs: STATEMENT_MS,
    connectTimeoutMs: CONNECT_MS,
    graceMs: CONNECT_MS,
    prepare: false,
  });
}

/** Its connection is kept between two questions, as there is one with each batch, and closes by itself. */
export function postgresMapSource(settings: PostgresMapSettings): LiveSource {
  const { name } = settings;
  const map = openPostgresMap(settings, LOCK_MS);
  return {
    name,
    protection: 'live',
    read: () => map.readLiveIds(),
    withLive: (ids, act, onHeld) => {
      return unlessRefused((acting) => map.withWritersHeld(ids, acting, onHeld), act, askAgainWhereBusy);
    },
    check: () => map.check(),
  };
}
