/** Resume maps in a schema of their own on a real server, whose clock is the test's. */

import { onTestFinished } from 'vitest';
import { PostgresResumeMap, type PostgresResumeMapOptions } from '../../src/resume-map/postgres/map.ts';
import type { StoredRow } from '../contract/resume-map.ts';
import type { newSchema, SchemaClock } from './postgres-server.ts';
import type { SetClock } from './set-clock.ts';

export const HERE = 'here';

export type Outside = Awaited<ReturnType<typeof newSchema>>['outside'];

const PUT = `INSERT INTO claude_sdk_sessions (key, session_id, last_used_at, created_at, host)
  SELECT key, session_id, last_used_at, created_at, $2 FROM json_populate_recordset(NULL::claude_sdk_sessions, $1::text::json)
  ON CONFLICT (key) DO UPDATE SET session_id = excluded.session_id, last_used_at = excluded.last_used_at,
    created_at = excluded.created_at, host = excluded.host`;

/** Whatever the clock is set to from here on, the server tells. */
export function followClock(server: SchemaClock, clock: SetClock): void {
  let current = clock.nowMs;
  server.setClock(current);
  Object.defineProperty(clock, 'nowMs', {
    get: () => current,
    set: (nowMs: number) => {
      current = nowMs;
      server.setClock(nowMs);
    },
  });
}

export function mapAt(url: string, options: PostgresResumeMapOptions = {}): PostgresResumeMap {
  const map = PostgresResumeMap.open(url, { host: HERE, ...options });
  onTestFinished(() => map.close());
  return map;
}

/** Inserts or replaces rows as another program may. */
export async function put(outside: Outside, rows: readonly StoredRow[], host = HERE): Promise<void> {
  await outside.unsafe(PUT, [JSON.stringify(rows), host]);
}

export async function storedRows(outside: Outside): Promise<StoredRow[]> {
  const rows = await outside.unsafe<StoredRow[]>(
    'SELECT key, session_id, last_used_at, created_at FROM claude_sdk_sessions ORDER BY key',
  );
  return rows.map((row) => ({ ...row }));
}
