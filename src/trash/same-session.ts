/** Tells whether two trash folders hold one and the same session, byte for byte: names, sizes and times first, then what stands in the files. */

import { createHash } from 'node:crypto';
import { DEPTH_MAX } from '../claude-dir/measure.ts';
import { type Part, partPath } from '../claude-dir/unit.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { factsBelow } from '../files/facts-below.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import type { ManifestEntry } from './manifest.ts';

/** Tools that bring files back keep whole seconds, some of them every second one. */
const TIME_TOLERANCE_MS = 2_000;
/** Reading more would take a run minutes; what is not compared counts as different. */
const COMPARED_BYTES_MAX = 2 ** 30;

export interface FolderEntry {
  readonly entry: ManifestEntry;
  /** The trash folder that it lies in. */
  readonly directory: AnchoredDir;
}

/** @throws the system's error where either cannot be read */
export function isSameSession(left: FolderEntry, right: FolderEntry): boolean {
  if (!isAlike(left.entry, right.entry)) return false;
  const [inLeft, inRight] = [new OpenDirs(left.directory), new OpenDirs(right.directory)];
  try {
    return left.entry.parts.every((part) => isSamePart(part, inLeft, inRight));
  } finally {
    inLeft.close();
    inRight.close();
  }
}

/** By what the manifests say, which costs nothing. */
function isAlike(left: ManifestEntry, right: ManifestEntry): boolean {
  if (left.state !== 'trashed' || right.state !== 'trashed') return false;
  if (left.bytes !== right.bytes || left.files !== right.files || left.bytes > COMPARED_BYTES_MAX) return false;
  const kinds = new Map(right.parts.map((part) => [partPath(part), part.kind]));
  return (
    kinds.size > 0 &&
    kinds.size === left.parts.length &&
    left.parts.every((part) => kinds.get(partPath(part)) === part.kind)
  );
}

function isSamePart({ directory, name, kind }: Part, inLeft: OpenDirs, inRight: OpenDirs): boolean {
  const [left, right] = [inLeft.find(directory), inRight.find(directory)];
  if (left === undefined || right === undefined) return false;
  return kind === 'file' ? isSameFile(left, right, name) : isSameTree(left, right, name, 0);
}

function isSameTree(left: AnchoredDir, right: AnchoredDir, name: ByteName, depth: number): boolean {
  if (depth > DEPTH_MAX || factsBelow(right, [name])?.isDirectory() !== true) return false;
  const inLeft = left.openChild(name);
  try {
    const inRight = right.openChild(name);
    try {
      const kinds = new Map(inRight.entries().map((entry) => [entry.name, entry.kind]));
      const entries = inLeft.entries();
      return (
        entries.length === kinds.size &&
        entries.every((entry) => {
          if (entry.kind === 'other' || kinds.get(entry.name) !== entry.kind) return false;
          return entry.kind === 'file'
            ? isSameFile(inLeft, inRight, entry.name)
            : isSameTree(inLeft, inRight, entry.name, depth + 1);
        })
      );
    } finally {
      inRight.close();
    }
  } finally {
    inLeft.close();
  }
}

function isSameFile(left: AnchoredDir, right: AnchoredDir, name: ByteName): boolean {
  const [ofLeft, ofRight] = [left.lstat(name), right.lstat(name)];
  if (ofLeft?.isFile() !== true || ofRight?.isFile() !== true) return false;
  if (ofLeft.size !== ofRight.size || Math.abs(ofLeft.mtimeMs - ofRight.mtimeMs) >= TIME_TOLERANCE_MS) return false;
  return contentOf(left, name) === contentOf(right, name);
}

function contentOf(directory: AnchoredDir, name: ByteName): string {
  const hash = createHash('sha256');
  for (const piece of directory.readPieces(name)) hash.update(piece);
  return hash.digest('hex');
}
