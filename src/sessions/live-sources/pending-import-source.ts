/** A `sessions.json` that is still to be imported, as a live source: a dry run imports nothing, and must not see less for it. */

import type { Clock } from '../../clock.ts';
import { isStale, type SessionMaxAge } from '../resume-map/row-age.ts';
import { readSessionsJson } from '../resume-map/sessions-json.ts';
import { type LiveSource, withFreshReading } from './live-source.ts';

export function pendingImportSource(
  path: string,
  options: { readonly defaultForge: string; readonly maxAge: SessionMaxAge; readonly clock: Clock },
): LiveSource {
  const source: LiveSource = {
    name: 'sessions-json',
    protection: 'live',
    read: async ({ unstaleOnly = false } = {}) => {
      const nowMs = options.clock.now();
      const rows = readSessionsJson(path, options.defaultForge)?.rows ?? [];
      const counted = rows.filter((row) => !(unstaleOnly && isStale(row.lastUsedAtMs, nowMs, options.maxAge)));
      return { ids: new Set(counted.map((row) => row.sessionId)), malformed: 0 };
    },
    withLive: (ids, act) => withFreshReading(source, ids, act),
    check: async () => {
      readSessionsJson(path, options.defaultForge);
    },
  };
  return source;
}
