/** Opens the resume map and the live sources that the configuration names. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { ClaudeDir } from '../transcripts/claude-dir.ts';
import { KeepList } from './live-sources/keep-list.ts';
import type { LiveSource } from './live-sources/live-source.ts';
import { pendingImportSource } from './live-sources/pending-import-source.ts';
import { resumeMapSource } from './live-sources/resume-map-source.ts';
import { runningProcessesSource } from './live-sources/running-processes.ts';
import { importSessionsJson } from './resume-map/sessions-json.ts';
import { SqliteResumeMap, type SqliteResumeMapOptions } from './resume-map/sqlite.ts';

export type MapSettings = Pick<
  Config,
  'stateDir' | 'sessions.db' | 'ownsSessionsDb' | 'sessions.maxAge' | 'sessions.defaultForge'
>;

/**
 * Opens the resume map: the default one is made, migrated and filled from an old `sessions.json` as needed; a host's own must be there.
 * @throws OperatingError
 */
export function openResumeMap(settings: MapSettings, clock: Clock): SqliteResumeMap {
  const options: SqliteResumeMapOptions = { maxSessionAge: settings['sessions.maxAge'], clock };
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

/** Opens the resume map so that no byte changes; undefined where the default one is not there yet. */
export function openResumeMapForReading(settings: MapSettings, clock: Clock): SqliteResumeMap | undefined {
  const path = settings['sessions.db'];
  if (settings.ownsSessionsDb && !existsSync(path)) return undefined;
  return SqliteResumeMap.openForReading(path, { maxSessionAge: settings['sessions.maxAge'], clock });
}

export interface OpenedSources {
  readonly map: SqliteResumeMap | undefined;
  readonly sources: readonly LiveSource[];
  close(): void;
}

/** Everything that protects. @param forReading nothing is made or migrated; what a migration would bring protects already */
export function openSources(
  settings: MapSettings,
  claudeDirs: readonly ClaudeDir[],
  clock: Clock,
  forReading: boolean,
): OpenedSources {
  const map = forReading ? openResumeMapForReading(settings, clock) : openResumeMap(settings, clock);
  const sources: LiveSource[] = [];
  if (map !== undefined) sources.push(resumeMapSource(map));
  if (forReading && settings.ownsSessionsDb) {
    sources.push(
      pendingImportSource(sessionsJsonPath(settings), {
        defaultForge: settings['sessions.defaultForge'],
        maxAge: settings['sessions.maxAge'],
        clock,
      }),
    );
  }
  sources.push(new KeepList(settings.stateDir).asLiveSource());
  for (const claudeDir of claudeDirs) sources.push(runningProcessesSource(claudeDir.root, claudeDir.path));
  return { map, sources, close: () => map?.close() };
}

function sessionsJsonPath(settings: MapSettings): string {
  return join(settings.stateDir, 'sessions.json');
}
