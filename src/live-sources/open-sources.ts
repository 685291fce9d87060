/** Opens the resume map and the live sources that the configuration names. */

import { join } from 'node:path';
import type { LiveDir } from '../claude-dir/sharers.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { importSessionsJson, readSessionsJson } from '../resume-map/import/sessions-json.ts';
import type { MaintainableResumeMap } from '../resume-map/resume-map.ts';
import { SqliteResumeMap, type SqliteResumeMapOptions } from '../resume-map/sqlite.ts';
import { isTaken } from '../sqlite/file-identity.ts';
import { claudePinsSource } from './claude-pins.ts';
import { configuredSources } from './configured/configured-sources.ts';
import { type FormerStateSettings, formerStateSources } from './former-state.ts';
import { KeepList } from './keep-list.ts';
import type { LiveSource } from './live-source.ts';
import { resumeMapSource } from './resume-map-source.ts';
import { runningProcessesSource, unseenProcessesSource } from './running-processes.ts';

export type MapSettings = Pick<
  Config,
  'stateDir' | 'sessions.db' | 'ownsSessionsDb' | 'sessions.maxAge' | 'setsRowAge' | 'sessions.defaultForge'
>;

/**
 * Opens the resume map: the default one is made, migrated and filled from an old `sessions.json` as needed; a host's own must be there.
 * @throws OperatingError
 */
export function openResumeMap(
  settings: MapSettings,
  clock: Clock,
  extra: Pick<SqliteResumeMapOptions, 'busyTimeoutMs' | 'transcripts' | 'onForgotten'> = {},
): SqliteResumeMap {
  const options: SqliteResumeMapOptions = { ...rowAgeOf(settings), clock, ...extra };
  const path = settings['sessions.db'];
  if (!settings.ownsSessionsDb) return SqliteResumeMap.openExisting(path, options);
  const map = SqliteResumeMap.openOwn(path, options);
  try {
    importSessionsJson(path, sessionsJsonPath(settings), settings['sessions.defaultForge'], clock.now());
    return map;
  } catch (error) {
    map.close();
    throw error;
  }
}

/** The resume map as `openResumeMap` would open it, and no byte changes: what it would make, it makes in memory. */
export async function openResumeMapForReading(settings: MapSettings, clock: Clock): Promise<SqliteResumeMap> {
  const options: SqliteResumeMapOptions = { ...rowAgeOf(settings), clock };
  const path = settings['sessions.db'];
  if (!settings.ownsSessionsDb) return SqliteResumeMap.openForReading(path, options);
  const pending = readSessionsJson(sessionsJsonPath(settings), settings['sessions.defaultForge']);
  const onDisk = isTaken(path) ? SqliteResumeMap.openOwnForReading(path, options) : undefined;
  if (onDisk !== undefined && pending === undefined) return onDisk;
  try {
    return await SqliteResumeMap.preview(onDisk, pending, options);
  } finally {
    await onDisk?.close();
  }
}

/**
 * Everything that protects. What may take long to answer comes first: nobody is held up meanwhile.
 * @param stop ends the waiting for a host's own programs
 */
export function liveSources(
  map: MaintainableResumeMap,
  settings: FormerStateSettings & Pick<Config, 'sources' | 'sessions.db'>,
  claudeDirs: readonly LiveDir[],
  clock: Clock,
  stop?: AbortSignal,
): LiveSource[] {
  const { asked, held } = configuredSources(settings.sources, clock, { heldDatabase: settings['sessions.db'], stop });
  return [
    ...asked,
    resumeMapSource(map),
    ...held,
    new KeepList(settings.stateDir).asLiveSource(),
    ...formerStateSources(settings, clock, (stateDir) => openOwnForReadingIn(stateDir, settings, clock)),
    ...claudeDirs.flatMap((one) =>
      one.home === undefined
        ? [unseenProcessesSource(one.writtenSinceMs)]
        : [runningProcessesSource(one.home, one.path, { clock }), claudePinsSource(one.home, one.path, clock)],
    ),
  ];
}

function openOwnForReadingIn(
  stateDir: string,
  { 'sessions.defaultForge': defaultForge }: FormerStateSettings,
  clock: Clock,
): Promise<SqliteResumeMap> {
  const settings: MapSettings = {
    stateDir,
    'sessions.db': join(stateDir, 'sessions.db'),
    ownsSessionsDb: true,
    'sessions.maxAge': 'never',
    setsRowAge: true,
    'sessions.defaultForge': defaultForge,
  };
  return openResumeMapForReading(settings, clock);
}

/** What nobody has set counts less than what a host has written into its map. */
function rowAgeOf({
  setsRowAge,
  'sessions.maxAge': maxSessionAge,
}: MapSettings): Pick<SqliteResumeMapOptions, 'maxSessionAge'> {
  return setsRowAge ? { maxSessionAge } : {};
}

function sessionsJsonPath(settings: MapSettings): string {
  return join(settings.stateDir, 'sessions.json');
}
