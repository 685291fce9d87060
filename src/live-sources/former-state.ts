/** What a state directory of the former name holds protects as well, while there is state under both names: a host may still write there. */

import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { stateDirBeside } from '../config/state-dir.ts';
import { throwIfUnsafeStateDir } from '../files/state-dir-safety.ts';
import type { MaintainableResumeMap } from '../resume-map/resume-map.ts';
import { SqliteResumeMap } from '../resume-map/sqlite.ts';
import { isTaken } from '../sqlite/file-identity.ts';
import { KeepList } from './keep-list.ts';
import { type LiveSource, withFreshReading } from './live-source.ts';

export type FormerStateSettings = Pick<
  Config,
  'stateDir' | 'formerStateDir' | 'ownsSessionsDb' | 'sessions.defaultForge'
>;

/** The sources' name. */
export const FORMER_STATE = 'former-state';

/** @param openForReading opens a map of ours so that no byte changes, an old `sessions.json` beside it included */
export function formerStateSources(
  settings: FormerStateSettings,
  clock: Clock,
  openForReading: (stateDir: string) => Promise<MaintainableResumeMap>,
): readonly LiveSource[] {
  const stateDir = stateDirBeside(settings);
  if (stateDir === undefined) return [];
  const pins: LiveSource = { ...new KeepList(stateDir).asLiveSource(), name: FORMER_STATE };
  // With a database of its own, a host has no map in any state directory.
  return settings.ownsSessionsDb ? [formerMap(stateDir, clock, () => openForReading(stateDir)), pins] : [pins];
}

/** Opened for each question anew: nobody is to be held up who moves it to where it belongs. */
function formerMap(stateDir: string, clock: Clock, openForReading: () => Promise<MaintainableResumeMap>): LiveSource {
  const path = join(stateDir, 'sessions.db');
  const reading = async <T>(ask: (map: MaintainableResumeMap) => Promise<T>): Promise<T> => {
    throwIfUnsafeStateDir(stateDir);
    return andClose(await openForReading(), ask);
  };
  const source: LiveSource = {
    name: FORMER_STATE,
    protection: 'live',
    read: () => reading((map) => map.readLiveIds()),
    withLive: async (ids, act, onHeld) => {
      // A `sessions.json` alone, or nothing any more.
      if (!isTaken(path)) return withFreshReading(source, ids, act);
      throwIfUnsafeStateDir(stateDir);
      return andClose(SqliteResumeMap.openExisting(path, { clock }), (map) => map.withWritersHeld(ids, act, onHeld));
    },
    check: () => reading((map) => map.check()),
  };
  return source;
}

async function andClose<T>(map: MaintainableResumeMap, ask: (map: MaintainableResumeMap) => Promise<T>): Promise<T> {
  try {
    return await ask(map);
  } finally {
    await map.close();
  }
}
