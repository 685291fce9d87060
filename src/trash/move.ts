/** Moves the parts of a unit between the Claude directory and a trash folder, whole or not at all, overwriting nothing. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { remedyFor } from '../claude-dir/own-remedy.ts';
import { type Part, partPath } from '../claude-dir/unit.ts';
import { errnoError, errorCode, errorMessage, OperatingError } from '../errors.ts';
import type { ErrorKind } from '../exit-codes.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { displayName } from '../files/byte-name.ts';
import { factsBelow } from '../files/facts-below.ts';
import type { OpenDirs } from '../files/open-dirs.ts';
import { shellWord } from '../format/shell-word.ts';

/** These say that the whole place cannot be worked in: trying the next unit would only fail again, or worse. */
const STOPPING_CODES: ReadonlySet<string> = new Set(['EROFS', 'ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM']);

export function isStopping(error: unknown): boolean {
  return STOPPING_CODES.has(errorCode(error) ?? '');
}

/** The end of a run: nothing more is removed. */
export function stoppingError(action: string, error: unknown): OperatingError {
  if (error instanceof OperatingError) return error;
  const code = errorCode(error);
  const kind: ErrorKind = code === undefined ? 'internal' : 'io';
  return new OperatingError(kind, `${action}: ${errorMessage(error)}`, { cause: error });
}

/** Moves one part to the same path below the other tree. @throws the system's error; ENOENT where the part is gone */
function movePart(part: Part, from: OpenDirs, to: OpenDirs): void {
  const target = to.findOrMake(part.directory);
  const source = from.find(part.directory);
  if (source === undefined) throw errno('ENOENT', part);
  moveWithoutReplacing(part, source, target);
}

/** A rename overwrites files; so a file gets its new name by a link, which does not, before it loses the old one. */
function moveWithoutReplacing(part: Part, source: AnchoredDir, target: AnchoredDir): void {
  if (part.kind === 'directory') {
    // A rename replaces an empty directory at the most, and this looks first.
    if (target.has(part.name)) throw errno('EEXIST', part);
    source.renameTo(part.name, target);
    return;
  }
  try {
    source.linkTo(part.name, target);
  } catch (error) {
    if (!NO_LINKS_CODES.has(errorCode(error) ?? '') || target.has(part.name)) throw error;
    // No hard links here, or no room for one more name: looking first is all that can be done there.
    source.renameTo(part.name, target);
    return;
  }
  // Where a symlink got the new name, the file itself may be back under the old one by now: nothing is unlinked then.
  if (target.lstat(part.name)?.isFile() !== true) throw errno('EEXIST', part);
  source.unlink(part.name);
}

/** A rename needs no room of its own, so what was begun on a disk that filled up can still be put back. */
const NO_LINKS_CODES: ReadonlySet<string> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
  'ENOSPC',
  'EDQUOT',
]);

/**
 * The faster way into a trash folder, where nobody but the holder of the lock writes.
 * @param isKnownFree whether the part's new name has been looked for already
 */
export function renamePart(part: Part, from: OpenDirs, to: OpenDirs, isKnownFree: boolean): void {
  const target = to.findOrMake(part.directory);
  const source = from.find(part.directory);
  if (source === undefined) throw errno('ENOENT', part);
  if (!isKnownFree && target.has(part.name)) throw errno('EEXIST', part);
  source.renameTo(part.name, target);
}

/** The old name, or a directory on the way to it, is something else by now. */
const TAKEN_CODES: ReadonlySet<string> = new Set(['EEXIST', 'ENOTEMPTY', 'ENOTDIR', 'ELOOP', 'EISDIR']);

export function isTakenCode(error: unknown): boolean {
  return TAKEN_CODES.has(errorCode(error) ?? '');
}

/**
 * Brings back what lies in the trash of a unit, as far as the old names are free.
 * @returns the parts whose names are taken; they stay in the trash
 * @throws the system's error for any other reason
 */
export function putBack(parts: readonly Part[], claudeDir: OpenDirs, run: OpenDirs): Part[] {
  const stuck: Part[] = [];
  // The transcript last: until it is there, nobody resumes a session whose companions are not.
  for (const part of parts.toReversed()) {
    if (!isThere(part, run)) continue;
    if (finishLinkedMove(part, claudeDir, run)) continue;
    try {
      movePart(part, run, claudeDir);
    } catch (error) {
      // Any other error may pass: what was begun is then ended by the next run.
      if (!isTakenCode(error)) throw error;
      stuck.push(part);
    }
  }
  return stuck.toReversed();
}

/** A kill between the link and the unlink of a file's way back left it under both names: only the last step is missing. */
function finishLinkedMove(part: Part, claudeDir: OpenDirs, run: OpenDirs): boolean {
  if (!isLinkedMove(part, claudeDir, run)) return false;
  run.find(part.directory)?.unlink(part.name);
  return true;
}

function isLinkedMove(part: Part, claudeDir: OpenDirs, run: OpenDirs): boolean {
  if (part.kind !== 'file') return false;
  const there = claudeDir.find(part.directory)?.lstatExact(part.name);
  const here = run.find(part.directory)?.lstatExact(part.name);
  return there !== undefined && here?.isFile() === true && there.ino === here.ino && there.dev === here.dev;
}

/** Whether `putBack` would leave the part in the trash, since something else has its old name. */
export function isNameTaken(part: Part, claudeDir: OpenDirs, run: OpenDirs): boolean {
  return isThere(part, claudeDir) && !isLinkedMove(part, claudeDir, run);
}

export function isThere(part: Part, tree: OpenDirs): boolean {
  return tree.find(part.directory)?.has(part.name) ?? false;
}

function errno(code: string, part: Part): Error {
  return errnoError(code, displayName(partPath(part)));
}

/** One part may lie where no rename leads from: all others can still be moved. */
export function withRemedy(claudeDir: ClaudeDir, error: unknown, part: Part | undefined): unknown {
  if (part === undefined) return error;
  if (errorCode(error) === 'EACCES') return withAccessRemedy(claudeDir, error, part);
  if (errorCode(error) !== 'EXDEV') return error;
  const path = `${Buffer.from(claudeDir.path).toString('latin1')}/${partPath(part)}`;
  const [word, aside] = [shellWord(path), shellWord(`${path}.aside`)];
  const why = `${displayName(path)} comes from an image's layer, or is under another project quota or in a mount`;
  return errnoError('EXDEV', `${why}; for the first, mv ${word} ${aside} && mv ${aside} ${word}`);
}

/** A rename writes into the directory that it leads from. */
function withAccessRemedy(claudeDir: ClaudeDir, error: unknown, part: Part): unknown {
  const path = `${Buffer.from(claudeDir.path).toString('latin1')}/${part.directory.join('/')}`;
  try {
    const facts = factsBelow(claudeDir.root, part.directory);
    return (facts && remedyFor(error, path, facts)) ?? errno('EACCES', part);
  } catch {
    return errno('EACCES', part);
  }
}
