/**
 * Destroys, of older trash folders, the sessions of which a newer one holds the same, byte for byte: the newer one stays, whole, and has all
 * of its time there, counted from when it went last. A kill at any point leaves the newer one, and what is left of the copy is for a purge
 * to end.
 */

import type { SessionId } from '../claude-dir/session-id.ts';
import { errorCode, isExhaustion } from '../errors.ts';
import type { ByteName } from '../files/byte-name.ts';
import type { ReadFolder } from './folders.ts';
import type { ManifestEntry } from './manifest.ts';
import { isSameSession } from './same-session.ts';
import type { Trash } from './trash.ts';

/** A session that went before from the same place, as large as it is now. */
export interface EarlierRemoval {
  readonly sessionId: SessionId;
  /** The trash folder that it went into then. */
  readonly run: string;
}

/** An older copy that was destroyed. */
export interface DroppedCopy {
  /** The trash folder that it lay in. */
  readonly run: ByteName;
  readonly entry: ManifestEntry;
}

/** The caller holds the lock of the Claude directory. @param run the newer folder */
export async function dropCopies(
  trash: Trash,
  run: ByteName,
  earlier: readonly EarlierRemoval[],
  nowMs: number,
  shouldStop: () => Promise<boolean>,
): Promise<readonly DroppedCopy[]> {
  const there = new Set<string>(trash.runs());
  const candidates = earlier.filter((one) => one.run < run && there.has(one.run));
  if (candidates.length === 0 || !there.has(run)) return [];
  const dropped: DroppedCopy[] = [];
  for (const name of new Set(candidates.map((one) => one.run))) {
    const olderRun = name as ByteName;
    const ids = candidates.filter((one) => one.run === name).map(({ sessionId }) => sessionId);
    const copies = await copiesIn(trash, run, olderRun, ids, shouldStop);
    const destroyed = copies.size === 0 ? [] : await destroy(trash, olderRun, copies, nowMs, shouldStop);
    dropped.push(...destroyed.map((entry) => ({ run: olderRun, entry })));
  }
  return dropped;
}

/** Looks both folders through once. What cannot be read is no copy of anything. */
async function copiesIn(
  trash: Trash,
  run: ByteName,
  olderRun: ByteName,
  ids: readonly SessionId[],
  shouldStop: () => Promise<boolean>,
): Promise<ReadonlyMap<SessionId, ManifestEntry>> {
  const copies = new Map<SessionId, ManifestEntry>();
  let folders: readonly ReadFolder[] = [];
  try {
    const newer = trash.readFolder(run);
    folders = [newer];
    const older = trash.readFolder(olderRun);
    folders = [newer, older];
    for (const id of ids) {
      if (await shouldStop()) break;
      const copy = older.entries.get(id);
      if (copy !== undefined && isSameIn(newer, older, id)) copies.set(id, copy);
    }
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  } finally {
    for (const { directory } of folders) directory.close();
  }
  return copies;
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
