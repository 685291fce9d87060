/**
 * Destroys, of one trash folder, the sessions of which an older folder holds the same, byte for byte: the older one stays, whole, and the
 * time that it has lain there goes on. A kill at any point leaves the older one, and what is left of the copy is for a purge to end.
 */

import type { SessionId } from '../claude-dir/session-id.ts';
import { errorCode, isExhaustion } from '../errors.ts';
import type { ByteName } from '../files/byte-name.ts';
import type { ManifestEntry } from './manifest.ts';
import { isSameSession } from './same-session.ts';
import type { ReadFolder, Trash } from './trash.ts';

/** A session that went before from the same place, as large as it is now. */
export interface EarlierRemoval {
  readonly sessionId: SessionId;
  /** The trash folder that it went into then. */
  readonly run: string;
}

/** The caller holds the lock of the Claude directory. @returns what was destroyed */
export async function dropCopies(
  trash: Trash,
  run: ByteName,
  earlier: readonly EarlierRemoval[],
  nowMs: number,
  shouldStop: () => Promise<boolean>,
): Promise<readonly ManifestEntry[]> {
  const there = new Set<string>(trash.runs());
  const candidates = earlier.filter((one) => one.run < run && there.has(one.run));
  if (candidates.length === 0 || !there.has(run)) return [];
  const copies = new Map<SessionId, ManifestEntry>();
  for (const olderRun of new Set(candidates.map((one) => one.run))) {
    const ids = candidates.filter((one) => one.run === olderRun).map(({ sessionId }) => sessionId);
    for (const copy of await sameIn(trash, run, olderRun as ByteName, ids, shouldStop))
      copies.set(copy.sessionId, copy);
  }
  return copies.size === 0 ? [] : destroy(trash, run, copies, nowMs, shouldStop);
}

/** Looks both folders through once. What cannot be read is no copy of anything. */
async function sameIn(
  trash: Trash,
  run: ByteName,
  olderRun: ByteName,
  ids: readonly SessionId[],
  shouldStop: () => Promise<boolean>,
): Promise<ManifestEntry[]> {
  const same: ManifestEntry[] = [];
  let folders: readonly ReadFolder[] = [];
  try {
    const newer = trash.readFolder(run);
    folders = [newer];
    const older = trash.readFolder(olderRun);
    folders = [newer, older];
    for (const id of ids) {
      if (await shouldStop()) break;
      const copy = newer.entries.get(id);
      if (copy !== undefined && isSameIn(newer, older, id)) same.push(copy);
    }
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  } finally {
    for (const { directory } of folders) directory.close();
  }
  return same;
}

function isSameIn(newer: ReadFolder, older: ReadFolder, id: SessionId): boolean {
  const [left, right] = [newer.entries.get(id), older.entries.get(id)];
  if (left === undefined || right === undefined) return false;
  try {
    return isSameSession({ entry: left, directory: newer.directory }, { entry: right, directory: older.directory });
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || isExhaustion(code)) throw error;
    return false;
  }
}

async function destroy(
  trash: Trash,
  run: ByteName,
  copies: ReadonlyMap<SessionId, ManifestEntry>,
  nowMs: number,
  shouldStop: () => Promise<boolean>,
): Promise<readonly ManifestEntry[]> {
  const folder = trash.openForPurge(run, nowMs, { dryRun: false });
  if (folder === undefined) return [];
  try {
    const sessions = folder.sessions().filter(({ sessionId, state }) => state === 'trashed' && copies.has(sessionId));
    folder.mark(folder.find(sessions), [], nowMs);
    const destroyed = await folder.destroy(nowMs, shouldStop);
    return destroyed.sessions.flatMap(({ sessionId }) => copies.get(sessionId) ?? []);
  } finally {
    folder.close();
  }
}
