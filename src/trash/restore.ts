/** Brings one session back out of a run of the trash: whole, times included, and never over anything that stands there. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { isTranscript, projectParts } from '../claude-dir/layout.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { type Part, partPath } from '../claude-dir/unit.ts';
import { errorCode, errorMessage, OperatingError } from '../errors.ts';
import { displayName } from '../files/byte-name.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import type { ManifestEntry, ManifestEvent, ManifestWriter } from './manifest.ts';
import { isNameTaken, isTakenCode, isThere, putBack } from './move.ts';

/** A run of the trash that is being worked in. */
export interface OpenFolder {
  readonly manifest: ManifestWriter;
  readonly claudeDir: OpenDirs;
  readonly trash: OpenDirs;
}

/** @throws OperatingError `bad-data` where it cannot come back whole; it stays as it is then */
export function restoreEntry(entry: ManifestEntry, { manifest, claudeDir, trash }: OpenFolder, nowMs: number): void {
  const { sessionId } = entry;
  const parts = restorableParts(entry, trash);
  const taken = parts.filter((part) => isThere(part, claudeDir));
  if (taken.length > 0) throw placeTaken(sessionId, taken);
  throwIfUnreachable(sessionId, parts, claudeDir);
  manifest.event('restoring', sessionId, nowMs);
  manifest.sync();
  const stuck = putBack(parts, claudeDir, trash);
  if (stuck.length === 0) {
    throwIfAbsent(sessionId, parts, claudeDir);
    throwIfLeft(sessionId, entry.parts, trash);
    manifest.event('restored', sessionId, nowMs);
    return;
  }
  manifest.event('trashed', sessionId, entry.trashedAtMs);
  throw placeTaken(sessionId, stuck);
}

/** Finds what lies in the trash of a session. @throws OperatingError `bad-data` where that is not enough to bring it back */
export function restorableParts(entry: ManifestEntry, trash: OpenDirs): readonly Part[] {
  const parts = entry.parts.filter((part) => isThere(part, trash));
  if (parts.length === 0 || (entry.parts.some(isTranscript) && !parts.some(isTranscript))) {
    throw new OperatingError('bad-data', `restore ${entry.sessionId}: its transcript is not in the trash any more`);
  }
  return parts;
}

/** Ends what a kill had left half-done. @returns what has become of it */
export function settleEntry(entry: ManifestEntry, { claudeDir, trash }: Omit<OpenFolder, 'manifest'>): ManifestEvent {
  const inTrash = partsInTrash(entry, trash);
  if (isMovedWhole(entry, inTrash, claudeDir)) return 'trashed';
  return eventOfReturn(entry, putBack(inTrash, claudeDir, trash));
}

/** Tells what `settleEntry` would make of an entry, and changes nothing. */
export function foreseeEntry(entry: ManifestEntry, { claudeDir, trash }: Omit<OpenFolder, 'manifest'>): ManifestEvent {
  const inTrash = partsInTrash(entry, trash);
  if (isMovedWhole(entry, inTrash, claudeDir)) return 'trashed';
  return eventOfReturn(
    entry,
    inTrash.filter((part) => isNameTaken(part, claudeDir, trash)),
  );
}

function partsInTrash({ parts }: ManifestEntry, trash: OpenDirs): readonly Part[] {
  return parts.filter((part) => isThere(part, trash));
}

function isMovedWhole({ state, parts }: ManifestEntry, inTrash: readonly Part[], claudeDir: OpenDirs): boolean {
  return state === 'intended' && inTrash.length === parts.length && !inTrash.some((part) => isThere(part, claudeDir));
}

/** @param stuck parts that stay in the trash, since their names are taken */
function eventOfReturn({ state, parts }: ManifestEntry, stuck: readonly Part[]): ManifestEvent {
  if (stuck.length === 0) return state === 'restoring' ? 'restored' : 'kept';
  // The conversation is back; what is left of it has newer files in its place, and lies here until its time is over.
  const isBack = state === 'restoring' && parts.some(isTranscript) && !stuck.some(isTranscript);
  return isBack ? 'joined' : 'trashed';
}

/** Makes the directories that are missing. Before anything moves: a session must not come back in part. */
export function throwIfUnreachable(sessionId: SessionId, parts: readonly Part[], claudeDir: OpenDirs): void {
  for (const part of parts) {
    try {
      claudeDir.findOrMake(part.directory);
    } catch (error) {
      // Something else stands in the way; any other error is the system's, and the caller says so.
      if (!isTakenCode(error)) throw error;
      const path = displayName(part.directory.join('/'));
      throw new OperatingError('bad-data', `restore ${sessionId}: ${path}: ${errorMessage(error)}`, { cause: error });
    }
  }
}

/** Called restored is only what can be seen to be back; the rest stays on its way, and the next run goes on with it. */
function throwIfAbsent(sessionId: SessionId, parts: readonly Part[], claudeDir: OpenDirs): void {
  const absent = parts.filter((part) => !isThere(part, claudeDir)).map((part) => displayName(partPath(part)));
  if (absent.length === 0) return;
  throw new OperatingError('io', `restore ${sessionId}: ${absent.join(', ')} did not come back`);
}

/** Parts that could not be seen at first, and can now. @throws OperatingError `io`: what has come back was not all */
export function throwIfLeft(sessionId: SessionId, parts: readonly Part[], trash: OpenDirs): void {
  const left = parts.filter((part) => isThere(part, trash)).map((part) => displayName(partPath(part)));
  if (left.length === 0) return;
  throw new OperatingError(
    'io',
    `restore ${sessionId}: ${left.join(', ')} is still in the trash; restore it once more`,
  );
}

/** Claude resumes, of two transcripts of one id, that of the project it runs in: another one might hide this. @throws OperatingError `bad-data` */
export function throwIfElsewhere({ sessionId, parts }: ManifestEntry, { root, projects }: ClaudeDir): void {
  const own = parts.find(isTranscript);
  if (own === undefined) return;
  const claudeDir = new OpenDirs(root);
  try {
    for (const { name, kind } of projects.entries()) {
      const transcript = kind === 'directory' ? projectParts(sessionId, name).find(isTranscript) : undefined;
      if (transcript === undefined || partPath(transcript) === partPath(own) || !isSeen(transcript, claudeDir))
        continue;
      throw new OperatingError(
        'bad-data',
        `restore ${sessionId}: ${displayName(partPath(transcript))} has the same id, and Claude would resume only one of the two`,
      );
    }
  } finally {
    claudeDir.close();
  }
}

/** A project that is closed to us holds up no other's session: where it has one of the same id, both are kept, and named as such. */
function isSeen(transcript: Part, claudeDir: OpenDirs): boolean {
  try {
    return isThere(transcript, claudeDir);
  } catch (error) {
    if (errorCode(error) === 'EACCES') return false;
    throw error;
  }
}

function placeTaken(sessionId: SessionId, parts: readonly Part[]): OperatingError {
  const paths = parts.map((part) => displayName(partPath(part))).join(', ');
  const way = parts.some(isTranscript) ? ' (--join makes one transcript of the two)' : '';
  return new OperatingError('bad-data', `restore ${sessionId}: ${paths} exists; both are left as they are${way}`);
}
