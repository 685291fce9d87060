/** Ends sessions whose time in the trash is over: marks them first, durably, and destroys what is marked. */

import { errorCode, errorMessage } from '../../errors.ts';
import type { SessionId } from '../../sessions/session-id.ts';
import { destroyPart, type TrashBounds } from './destroy.ts';
import type { ManifestEntry } from './manifest.ts';
import { isThere } from './move.ts';
import type { OpenRun } from './restore.ts';

export interface Destroyed {
  readonly sessions: readonly ManifestEntry[];
  readonly faults: readonly DestroyFault[];
  /** Why the run's directory could not be removed, though no session is left in it. */
  readonly leftOver: string | undefined;
}

export interface DestroyFault {
  readonly sessionId: SessionId;
  readonly message: string;
}

/** @param unmarked sessions that a killed purge had marked, and that are to stay */
export function markEntries(
  entries: readonly ManifestEntry[],
  unmarked: readonly ManifestEntry[],
  { manifest, trash }: OpenRun,
  nowMs: number,
): void {
  for (const { sessionId, parts } of entries) {
    const present = parts.flatMap((part, index) => (isThere(part, trash) ? [index] : []));
    manifest.purging(sessionId, present, nowMs);
  }
  for (const { sessionId, trashedAtMs } of unmarked) manifest.event('trashed', sessionId, trashedAtMs);
  manifest.sync();
}

/** What cannot be destroyed stays marked, and does not hold up the others. */
export function destroyEntries(
  marked: readonly ManifestEntry[],
  bounds: TrashBounds,
  { manifest, trash }: OpenRun,
  nowMs: number,
  shouldStop: () => boolean,
): Destroyed {
  const sessions: ManifestEntry[] = [];
  const faults: DestroyFault[] = [];
  for (const entry of marked) {
    if (shouldStop()) break;
    try {
      for (const part of entry.parts) destroyPart(part, trash, bounds);
      sessions.push(entry);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      faults.push({ sessionId: entry.sessionId, message: errorMessage(error) });
    }
  }
  for (const { sessionId } of sessions) manifest.event('purged', sessionId, nowMs);
  return { sessions, faults, leftOver: undefined };
}
