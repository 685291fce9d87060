/** Brings a session back from a trash: its newest part, and in front of it what older folders hold of it. */

import { isTranscript } from '../claude-dir/layout.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { holdsMetadataAlone } from '../claude-dir/transcript-facts.ts';
import { type Part, partPath } from '../claude-dir/unit.ts';
import { OperatingError, systemError } from '../errors.ts';
import type { ByteName } from '../files/byte-name.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import { makeTrashFolder } from './folder.ts';
import type { TrashContents, TrashedSession, TrashFolders, UnreadableFolder } from './folders.ts';
import { joinEntry } from './join.ts';
import { isInTrash } from './known-folders.ts';
import type { ManifestEntry } from './manifest.ts';
import { isThere } from './move.ts';
import { FINISHED_STATES } from './purge.ts';
import { readManifestEntry } from './read-manifest.ts';
import { type OpenFolder, restoreEntry, throwIfElsewhere } from './restore.ts';

/** Brings back the newest part, and joins the older ones into it, as `Trash.restore` says. */
export function restore(
  folders: TrashFolders,
  sessionId: SessionId,
  nowMs: number,
): TrashedSession & { readonly left: readonly string[] } {
  const [newest, ...older] = heldOf(folders, sessionId);
  throwIfElsewhere(newest, folders.claudeDir);
  const left = restoreNewest(folders, newest, nowMs);
  const transcript = newest.parts.find(isTranscript);
  for (const entry of older) {
    const ofEntry = entry.parts.find(isTranscript);
    if (transcript === undefined || ofEntry === undefined || partPath(ofEntry) !== partPath(transcript)) continue;
    left.push(...joinInto(folders, entry, nowMs));
  }
  return { ...newest, left };
}

/** Puts the newest part in front of what stands under its old name, as `Trash.join` says. */
export function join(
  folders: TrashFolders,
  sessionId: SessionId,
  nowMs: number,
): { readonly session: TrashedSession; readonly left: readonly string[] } {
  const [session] = heldOf(folders, sessionId);
  throwIfElsewhere(session, folders.claudeDir);
  return { session, left: joinInto(folders, session, nowMs) };
}

/** Reads every folder's record of one session. */
export function lookUp(folders: TrashFolders, sessionId: SessionId): TrashContents {
  const sessions: TrashedSession[] = [];
  const unreadableFolders = folders.inEach((directory, run) => {
    const entry = readManifestEntry(directory, sessionId);
    if (entry !== undefined && !FINISHED_STATES.has(entry.state)) sessions.push({ ...entry, run });
  });
  return { sessions, unreadableFolders };
}

/** The parts of a session under whose old names something stands again. */
export function partsTaken(folders: TrashFolders, { parts }: ManifestEntry): Part[] {
  const claudeDir = new OpenDirs(folders.claudeDir.root);
  try {
    return parts.filter((part) => isThere(part, claudeDir));
  } finally {
    claudeDir.close();
  }
}

function restoreNewest(folders: TrashFolders, newest: TrashedSession, nowMs: number): string[] {
  const taken = partsTaken(folders, newest);
  const inTheWay = taken.find(isTranscript);
  const canGiveWay = inTheWay === undefined || isMetadata(folders, inTheWay);
  if (taken.length > 0 && canGiveWay && newest.parts.some(isTranscript)) return [...joinInto(folders, newest, nowMs)];
  whole(folders, `restore ${newest.sessionId}`, newest.run, (run) => restoreEntry(newest, run, nowMs));
  return [];
}

/** Whether nobody has said a word in what stands in the place of a conversation. */
function isMetadata(folders: TrashFolders, { directory, name }: Part): boolean {
  const claudeDir = new OpenDirs(folders.claudeDir.root);
  try {
    const project = claudeDir.find(directory);
    return project?.lstat(name)?.isFile() === true && holdsMetadataAlone(project, name);
  } finally {
    claudeDir.close();
  }
}

function joinInto(folders: TrashFolders, entry: TrashedSession, nowMs: number): readonly string[] {
  let left: readonly string[] = [];
  // By a clock that has gone back, the two halves would lie as if they had come before either was removed.
  const joinedAtMs = Math.max(nowMs, entry.trashedAtMs);
  whole(folders, `join ${entry.sessionId}`, entry.run, (run) => {
    left = joinEntry(entry, run, () => makeTrashFolder(folders.directory, joinedAtMs), joinedAtMs);
  });
  return left;
}

/** Finds what the trash holds of a session, newest first. @throws OperatingError where that is nothing */
function heldOf(folders: TrashFolders, sessionId: SessionId): [TrashedSession, ...TrashedSession[]] {
  const { sessions, unreadableFolders } = lookUp(folders, sessionId);
  const held = sessions.filter((session) => isInTrash(session) && session.state !== 'joined');
  // What was left over of a session is not the session.
  const transcripts = held.filter(({ parts }) => parts.some(isTranscript));
  const [newest, ...older] = (transcripts.length > 0 ? transcripts : held).toSorted(
    (left, right) => right.trashedAtMs - left.trashedAtMs,
  );
  if (newest === undefined) throw notInTrash([sessionId], unreadableFolders);
  return [newest, ...older];
}

function whole(folders: TrashFolders, action: string, run: ByteName, use: (run: OpenFolder) => void): void {
  try {
    folders.within(run, (directory) => folders.withManifest(directory, use));
  } catch (error) {
    throw systemError(action, error);
  }
}

/** Nobody knows what a run holds that cannot be read: then nothing is wrong with what was asked for. */
export function notInTrash(ids: readonly SessionId[], unreadableFolders: readonly UnreadableFolder[]): OperatingError {
  const action = `restore ${ids.join(', ')}: not in the trash`;
  const [first] = unreadableFolders;
  if (first === undefined) return new OperatingError('bad-data', action);
  return new OperatingError('io', `${action}, as far as it can be read: trash folder ${first.run}: ${first.code}`);
}
