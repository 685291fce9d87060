/**
 * Makes a session whole again that was written anew under its old name while its older part went to the trash: its transcript
 * becomes the older part with the newer one after it. Both originals lie in the trash until the purge.
 */

import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  readSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { isTranscript } from '../claude-dir/layout.ts';
import { type Part, partPath } from '../claude-dir/unit.ts';
import { OperatingError } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, displayName, fixedName } from '../files/byte-name.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import type { TrashFolder } from './folder.ts';
import type { ManifestEntry } from './manifest.ts';
import { isThere, putBack } from './move.ts';
import { type OpenFolder, restorableParts, throwIfLeft, throwIfUnreachable } from './restore.ts';

/** The transcript while it is put together, in the trash folder that takes the newer part: only ever a copy. */
export const JOINING_NAME = fixedName('joining.jsonl');

const CHUNK_BYTES = 1 << 20;
const NEWLINE = Buffer.from('\n');
const PERMISSION_BITS = 0o777;

/**
 * @param beginFolder makes the trash folder that takes the newer part
 * @returns paths that stay in the trash, since newer files have their names
 * @throws OperatingError `bad-data` where it is not safe to join them
 */
export function joinEntry(
  entry: ManifestEntry,
  run: OpenFolder,
  beginFolder: () => TrashFolder,
  nowMs: number,
): string[] {
  const parts = restorableParts(entry, run.trash);
  throwIfUnreachable(entry.sessionId, parts, run.claudeDir);
  const taken = parts.filter((part) => isThere(part, run.claudeDir));
  if (!taken.some(isTranscript)) {
    // A kill from here on leaves a session on its way back.
    run.manifest.event('restoring', entry.sessionId, nowMs);
    run.manifest.sync();
  }
  const free = parts.filter((part) => !taken.includes(part));
  const left = taken.filter((part) => !isTranscript(part)).flatMap((part) => mergePart(part, run));
  left.push(...putBack(free, run.claudeDir, run.trash).map(partPath));
  const transcript = taken.find(isTranscript);
  if (transcript !== undefined) joinTranscript(entry, transcript, run, beginFolder, nowMs);
  const unseen = entry.parts.filter((part) => !parts.includes(part));
  throwIfLeft(entry.sessionId, unseen, run.trash);
  run.manifest.event(transcript === undefined && left.length === 0 ? 'restored' : 'joined', entry.sessionId, nowMs);
  return left.map(displayName);
}

/** Puts what has no counterpart among the newer files back beside them. @returns what stays in the trash */
function mergePart(part: Part, { claudeDir, trash }: OpenFolder): string[] {
  const [source, target] = [trash.find(part.directory), claudeDir.find(part.directory)];
  const canMerge = part.kind === 'directory' && target?.lstat(part.name)?.isDirectory() === true;
  if (!canMerge || source === undefined) return [partPath(part)];
  return mergeDirectory(source, target, part.name).map((path) => [...part.directory, path].join('/'));
}

function mergeDirectory(sourceParent: AnchoredDir, targetParent: AnchoredDir, name: ByteName): string[] {
  const source = sourceParent.openChild(name);
  try {
    const target = targetParent.openChild(name);
    try {
      const left: string[] = [];
      for (const entry of source.entries()) {
        const taken = target.lstat(entry.name);
        if (taken === undefined) moveBack(entry.name, entry.kind, source, target);
        else if (entry.kind === 'directory' && taken.isDirectory())
          left.push(...mergeDirectory(source, target, entry.name));
        else left.push(entry.name);
      }
      return left.map((path) => `${name}/${path}`);
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

function moveBack(
  name: ByteName,
  kind: 'file' | 'directory' | 'other',
  source: AnchoredDir,
  target: AnchoredDir,
): void {
  if (kind === 'directory') {
    source.renameTo(name, target);
    return;
  }
  source.linkTo(name, target);
  source.unlink(name);
}

function joinTranscript(
  entry: ManifestEntry,
  transcript: Part,
  { claudeDir, trash }: OpenFolder,
  beginFolder: () => TrashFolder,
  nowMs: number,
): void {
  const older = presentDirectory(trash, transcript).openFile(transcript.name, constants.O_RDONLY);
  try {
    const newer = presentDirectory(claudeDir, transcript).openFile(transcript.name, constants.O_RDONLY);
    try {
      const stats = fstatSync(newer);
      if (!stats.isFile() || stats.nlink > 1) throw refusal(entry, 'what stands under its old name is no plain file');
      // An earlier join was killed before it could say that it was through.
      if (beginsWith(newer, older)) return;
      withFolder(beginFolder(), (run) =>
        replaceByJoined(entry, transcript, { older, newer, stats }, claudeDir, run, nowMs),
      );
    } finally {
      closeSync(newer);
    }
  } finally {
    closeSync(older);
  }
}

function replaceByJoined(
  entry: ManifestEntry,
  transcript: Part,
  { older, newer, stats }: { readonly older: number; readonly newer: number; readonly stats: Stats },
  claudeDir: OpenDirs,
  { directory, manifest }: TrashFolder,
  nowMs: number,
): void {
  const { sessionId, project } = entry;
  const measure = { files: 1, bytes: stats.size, newestMtimeMs: stats.mtimeMs };
  manifest.intent({ sessionId, reason: 'joined', project, ...measure, parts: [transcript] }, nowMs);
  manifest.sync();
  const copiedBytes = writeJoined(directory, older, newer, stats);
  const taking = new OpenDirs(directory);
  try {
    const target = taking.findOrMake(transcript.directory);
    const place = presentDirectory(claudeDir, transcript);
    place.linkTo(transcript.name, target);
    if (target.lstat(transcript.name)?.ino !== stats.ino || place.lstat(transcript.name)?.ino !== stats.ino) {
      target.unlink(transcript.name);
      directory.unlink(JOINING_NAME);
      manifest.event('kept', sessionId, nowMs);
      throw refusal(entry, 'it was written anew meanwhile; try again');
    }
    directory.renameTo(JOINING_NAME, place, transcript.name);
    place.sync();
    appendWhatCame(place, transcript.name, newer, copiedBytes);
    manifest.event('joined', sessionId, nowMs);
  } finally {
    taking.close();
  }
}

/** The older part, then the newer one, with the newer one's owner, permissions and times. @returns bytes of the newer part */
function writeJoined(directory: AnchoredDir, older: number, newer: number, stats: Stats): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const joined = directory.openFile(JOINING_NAME, flags, stats.mode & PERMISSION_BITS);
  try {
    if (!endsWithNewline(older, copy(older, joined, 0))) writeSync(joined, NEWLINE);
    const copiedBytes = copy(newer, joined, 0);
    fchmodSync(joined, stats.mode & PERMISSION_BITS);
    if (fstatSync(joined).uid !== stats.uid) fchownSync(joined, stats.uid, stats.gid);
    futimesSync(joined, stats.atimeMs / 1_000, stats.mtimeMs / 1_000);
    fsyncSync(joined);
    return copiedBytes;
  } finally {
    closeSync(joined);
  }
}

/** Whoever had it open when it was replaced has written to the older file: that is not to be missing. */
function appendWhatCame(place: AnchoredDir, name: ByteName, newer: number, copiedBytes: number): void {
  if (fstatSync(newer).size <= copiedBytes) return;
  const joined = place.openFile(name, constants.O_WRONLY | constants.O_APPEND);
  try {
    copy(newer, joined, copiedBytes);
    fsyncSync(joined);
  } finally {
    closeSync(joined);
  }
}

/** @returns the position up to which it has read */
function copy(from: number, to: number, start: number): number {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let position = start;
  for (;;) {
    const read = readSync(from, buffer, 0, buffer.length, position);
    if (read === 0) return position;
    for (let written = 0; written < read; ) written += writeSync(to, buffer, written, read - written);
    position += read;
  }
}

function endsWithNewline(fd: number, size: number): boolean {
  const last = Buffer.alloc(1);
  return size === 0 || (readSync(fd, last, 0, 1, size - 1) === 1 && last.equals(NEWLINE));
}

function beginsWith(whole: number, start: number): boolean {
  const { size } = fstatSync(start);
  if (fstatSync(whole).size < size) return false;
  const [left, right] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)];
  for (let position = 0; position < size; position += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, size - position);
    if (!readFully(whole, left, length, position).equals(readFully(start, right, length, position))) return false;
  }
  return true;
}

function readFully(fd: number, buffer: Buffer, length: number, position: number): Buffer {
  let done = 0;
  while (done < length) {
    const read = readSync(fd, buffer, done, length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return buffer.subarray(0, done);
}

function presentDirectory(tree: OpenDirs, part: Part): AnchoredDir {
  return tree.findOrMake(part.directory);
}

function withFolder(run: TrashFolder, use: (run: TrashFolder) => void): void {
  try {
    use(run);
  } finally {
    try {
      run.manifest.close();
    } finally {
      run.directory.close();
    }
  }
}

function refusal({ sessionId }: ManifestEntry, fault: string): OperatingError {
  return new OperatingError('bad-data', `join ${sessionId}: ${fault}`);
}
