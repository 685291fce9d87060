/** Looks at the session stores that hosts share: whether each can be worked in, what it takes, and how its server uses that again. */

import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { sharedStoreName } from '../config/store-settings.ts';
import { errorMessage, OperatingError } from '../errors.ts';
import { formatBytes } from '../format/byte-size.ts';
import { formatCount, formatNumber } from '../format/counts.ts';
import { shownText } from '../format/shown-text.ts';
import type { SilentHost } from '../session-store/postgres-kept.ts';
import type { StoreSpace } from '../session-store/postgres-space.ts';
import { PostgresStoredSessions } from '../session-store/postgres-stored-sessions.ts';
import type { Finding } from './finding.ts';

/** Fewer are used again before anybody notices. */
const DEAD_ROWS_TOLD = 10_000;
const DEAD_SHARE_TOLD = 0.2;
const HOSTS_TOLD = 5;

export async function examineSharedStores(
  config: Pick<Config, 'sessions.sharedStores'>,
  clock: Clock,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const settings of config['sessions.sharedStores']) {
    const check = `shared store ${sharedStoreName(settings)}`;
    const store = new PostgresStoredSessions(settings, { clock, isRead: true });
    try {
      findings.push({ check, ...findingOf(await store.space()) });
      const silent = await store.silentHosts();
      if (silent.length > 0) findings.push({ check: `hosts of ${check}`, ...silenceOf(silent) });
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const advice = 'until this is mended none of its sessions is pruned';
      findings.push({ check, level: 'problem', message: errorMessage(error), advice });
    } finally {
      await store.close();
    }
  }
  return findings;
}

/** Each start of a container may be a host of its own. */
export function silenceOf(hosts: readonly SilentHost[]): Omit<Finding, 'check'> {
  const day = (timeMs: number) => {
    const date = new Date(timeMs);
    return Number.isNaN(date.getTime()) ? 'a day that is none' : date.toISOString().slice(0, 10);
  };
  const told = hosts.slice(0, HOSTS_TOLD).map(({ host, sessions, toldAtMs, countsUntilMs }) => {
    const what = `${shownText(host)} has told nothing since ${day(toldAtMs)}`;
    return `${what}, and protects ${formatCount(sessions, 'session')} until ${day(countsUntilMs)}`;
  });
  const others = hosts.length - told.length;
  return {
    level: 'notice',
    message: [...told, ...(others > 0 ? [`${formatCount(others, 'more host')} likewise`] : [])].join('; '),
    advice:
      'see whether it still prunes; where each start has another host name, give `host` of the store one that lasts',
  };
}

/** What is purged stays in the file of its table, and is used again once a vacuum has been there. */
export function findingOf(space: StoreSpace): Omit<Finding, 'check'> {
  const { bytes, liveRows, deadRows, isVacuumed, isIndexed, packedTable, table } = space;
  const isWasteful = deadRows >= DEAD_ROWS_TOLD && deadRows >= liveRows * DEAD_SHARE_TOLD;
  const odd = [
    ...(isVacuumed ? [] : ['no autovacuum comes by']),
    ...(isWasteful ? [`${formatNumber(deadRows)} more are dead, and take their room until a vacuum`] : []),
    ...(isIndexed ? [] : ['no index finds a session']),
    ...(packedTable === undefined ? [] : [`each append writes a row of ${packedTable} anew, on another page`]),
  ];
  const advice = [
    ...(isVacuumed ? [] : [`set autovacuum = on for the server, and ALTER TABLE ${table} RESET (autovacuum_enabled)`]),
    ...(isWasteful
      ? [`VACUUM (ANALYZE) ${table}`, `ALTER TABLE ${table} SET (autovacuum_vacuum_scale_factor = 0.02)`]
      : []),
    ...(isIndexed ? [] : [`CREATE INDEX CONCURRENTLY ON ${table} (project_key, session_id)`]),
    ...(packedTable === undefined ? [] : [`ALTER TABLE ${packedTable} SET (fillfactor = 80)`]),
  ];
  const message = [`${formatBytes(bytes)}, ${formatCount(liveRows, 'entry', 'entries')} by the server's count`, ...odd];
  return odd.length === 0
    ? { level: 'ok', message: message.join('; ') }
    : { level: 'notice', message: message.join('; '), advice: advice.join('; ') };
}
