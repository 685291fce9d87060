/** A resume map or a thread map in a database of a host's, beside the map of the settings: opened for each question, and written to by none. */

import type { Clock } from '../../clock.ts';
import type { HeldMapSettings } from '../../config/source-settings.ts';
import type { LiveMap, SweepableMap } from '../../resume-map/resume-map.ts';
import type { SessionMaxAge } from '../../resume-map/row-age.ts';
import { SqliteResumeMap } from '../../resume-map/sqlite.ts';
import { SqliteThreadMap } from '../../thread-map/sqlite.ts';
import type { LiveSource } from '../live-source.ts';
import { askAgainWhereBusy, unlessRefused } from '../refusal.ts';

/**
 * For which the writers of one map may have to wait for those of another: far less than any host waits for a lock. Whoever was too busy
 * is asked again when all are free.
 */
const WAIT_WHILE_HOLDING_MS = 250;
/** A run is deaf meanwhile. */
const WAIT_MS = 1_000;

const KINDS = { 'resume-map': SqliteResumeMap, 'thread-map': SqliteThreadMap };

export interface OpenMapOptions {
  readonly clock: Clock;
  readonly busyTimeoutMs?: number;
  /** Of whoever opens a resume map; what a host has written into it counts where it keeps rows for longer. */
  readonly maxSessionAge?: SessionMaxAge;
  /** Opens it so that no byte of it changes. */
  readonly isRead: boolean;
}

/** @throws OperatingError where it is not there, or is no such map */
export function openConfiguredMap(
  { kind, db }: HeldMapSettings,
  { isRead, ...options }: OpenMapOptions,
): LiveMap & SweepableMap {
  return isRead ? KINDS[kind].openForReading(db, options) : KINDS[kind].openExisting(db, options);
}

export function heldMapSource(settings: HeldMapSettings, clock: Clock): LiveSource {
  const openForReading = () => openConfiguredMap(settings, { clock, busyTimeoutMs: WAIT_MS, isRead: true });
  return {
    name: settings.name,
    protection: 'live',
    read: async () => andClose(openForReading(), (map) => map.readLiveIds()),
    withLive: (ids, act, onHeld) => {
      const ask = async (acting: typeof act) => {
        const map = openConfiguredMap(settings, { clock, busyTimeoutMs: WAIT_WHILE_HOLDING_MS, isRead: false });
        return andClose(map, (opened) => opened.withWritersHeld(ids, acting, onHeld));
      };
      return unlessRefused(ask, act, askAgainWhereBusy);
    },
    check: async () => andClose(openForReading(), (map) => map.check()),
  };
}

async function andClose<T>(map: LiveMap, ask: (map: LiveMap) => Promise<T>): Promise<T> {
  try {
    return await ask(map);
  } finally {
    await map.close();
  }
}
