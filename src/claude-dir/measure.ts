/** Looks at every file of a part, without following, opening or blocking on any. */

import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { mountIdOfEntry } from '../files/mount-id.ts';
import type { FileFacts } from '../files/native-calls.ts';
import type { Doubt, Measure, Part } from './unit.ts';

/** Claude nests five deep; each level holds a descriptor while it is walked. */
export const DEPTH_MAX = 32;

/** In which the system counts what is allocated, whatever the file system's own are. */
const BLOCK_BYTES = 512;

/** A symlink or a file stands where a directory was. */
const REPLACED_CODES: ReadonlySet<string> = new Set(['ELOOP', 'ENOTDIR']);

/** The Claude directory's facts that each file in it is held against. */
export interface Surroundings {
  /** Of its directories; in an overlay, files have the numbers of their layers. */
  readonly dev: number;
  /** Undefined where the kernel does not say: then only `dev` tells. */
  readonly mountId: number | undefined;
  readonly uid: number;
  /** Relative paths of the mount points below the Claude directory; mostly none. */
  readonly mountPoints: ReadonlySet<string>;
}

/** A call that failed while looking; `path` is relative to the Claude directory. */
export interface ReadFault {
  readonly path: string;
  readonly code: string;
}

/** A file with several names. */
export interface LinkedFile {
  readonly inode: number;
  readonly names: number;
}

const NO_FILES: readonly LinkedFile[] = [];

/** Adds up the files of a unit, part by part. */
export class Measurer implements Measure {
  files = 0;
  bytes = 0;
  diskBytes = 0;
  digest = 0;
  doubt: Doubt | undefined;
  readonly faults: ReadFault[] = [];
  #linked: LinkedFile[] | undefined;
  readonly #surroundings: Surroundings;
  #newestFileMtimeMs = 0;
  #newestDirectoryMtimeMs = 0;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  get newestMtimeMs(): number {
    return this.files > 0 ? this.#newestFileMtimeMs : this.#newestDirectoryMtimeMs;
  }

  /** Files that have another name somewhere: the measurer cannot tell where. */
  get linked(): readonly LinkedFile[] {
    return this.#linked ?? NO_FILES;
  }

  /** @param parent the held directory that the part lies in */
  add(parent: AnchoredDir, part: Part): void {
    this.#add(parent, part.name, part.kind, part.directory.join('/'), 0);
  }

  /** What the system would not show; a name that is something else by now is none. */
  get unreadable(): ReadFault | undefined {
    return this.faults.find(({ code }) => !REPLACED_CODES.has(code));
  }

  suspect(doubt: Doubt): void {
    this.doubt ??= doubt;
  }

  #add(parent: AnchoredDir, name: ByteName, kind: 'file' | 'directory', parentPath: string, depth: number): void {
    const path = `${parentPath}/${name}`;
    try {
      if (this.#isMountPoint(path)) this.suspect('other-filesystem');
      else if (kind === 'file') this.#addFile(parent, name);
      else this.#addDirectory(parent, name, path, depth);
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined || isExhaustion(code)) throw error;
      // Gone between listing and looking: Claude removes files too.
      if (code === 'ENOENT') return;
      this.suspect(REPLACED_CODES.has(code) ? 'unrecognised' : 'unreadable');
      this.faults.push({ path, code });
    }
  }

  #addFile(parent: AnchoredDir, name: ByteName): void {
    const stats = parent.lstat(name);
    if (stats === undefined) return;
    const isOfLayer = stats.dev !== this.#surroundings.dev && this.#isInMount(parent, name);
    if (!this.#isOfHere(isOfLayer ? { dev: this.#surroundings.dev, uid: stats.uid } : stats)) return;
    if (!stats.isFile()) {
      this.suspect('unrecognised');
      return;
    }
    if (stats.nlink > 1) this.#noteLinked(stats, isOfLayer);
    this.files += 1;
    this.bytes += stats.size;
    this.diskBytes += (stats.blocks * BLOCK_BYTES) / stats.nlink;
    // A layer's file gets another number when it is moved or written to, which copies it into the uppermost one.
    this.digest = (this.digest + digestOf(isOfLayer ? 0 : stats.ino, stats.size, stats.mtimeMs)) >>> 0;
    this.#newestFileMtimeMs = Math.max(this.#newestFileMtimeMs, stats.mtimeMs);
  }

  #noteLinked({ ino, nlink }: FileFacts, isOfLayer: boolean): void {
    // Two files might have the same number, and be taken for two names of one.
    if (isOfLayer || !Number.isSafeInteger(ino)) this.suspect('hard-linked');
    this.#linked ??= [];
    this.#linked.push({ inode: ino, names: nlink });
  }

  #addDirectory(parent: AnchoredDir, name: ByteName, path: string, depth: number): void {
    if (depth >= DEPTH_MAX) {
      this.suspect('unrecognised');
      return;
    }
    const directory = this.#open(parent, name);
    try {
      if (!this.#isOfHere(directory)) return;
      this.diskBytes += directory.blocks * BLOCK_BYTES;
      this.#newestDirectoryMtimeMs = Math.max(this.#newestDirectoryMtimeMs, directory.mtimeMs);
      for (const entry of directory.entries()) {
        if (entry.kind === 'other') this.suspect('unrecognised');
        else this.#add(directory, entry.name, entry.kind, path, depth + 1);
      }
    } finally {
      directory.close();
    }
  }

  #open(parent: AnchoredDir, name: ByteName): AnchoredDir {
    try {
      return parent.openChild(name);
    } catch (error) {
      // What is closed to us may tell whose it is.
      if (errorCode(error) === 'EACCES') this.#isOfHere(parent.lstat(name) ?? this.#surroundings);
      throw error;
    }
  }

  /** @returns whether it lies in the Claude directory's own file system */
  #isOfHere({ dev, uid }: Pick<FileFacts, 'dev' | 'uid'>): boolean {
    if (dev !== this.#surroundings.dev) {
      this.suspect('other-filesystem');
      return false;
    }
    if (uid !== this.#surroundings.uid) this.suspect('foreign-owner');
    return true;
  }

  #isInMount(parent: AnchoredDir, name: ByteName): boolean {
    const { mountId } = this.#surroundings;
    return mountId !== undefined && mountIdOfEntry(parent, name) === mountId;
  }

  #isMountPoint(path: string): boolean {
    return this.#surroundings.mountPoints.size > 0 && this.#surroundings.mountPoints.has(path);
  }
}

/** What is allocated may change without anybody's writing, and says nothing. */
export function sameMeasure(left: Measure, right: Measure): boolean {
  return (
    left.files === right.files &&
    left.bytes === right.bytes &&
    left.digest === right.digest &&
    left.newestMtimeMs === right.newestMtimeMs
  );
}

const DIGEST_MULTIPLIER = 0x9e3779b1;

/** 32 bits that change when inode, size or mtime does; not against an adversary, who may write the file as he likes anyway. */
function digestOf(ino: number, size: number, mtimeMs: number): number {
  const wholeMs = Math.floor(mtimeMs);
  const words = [ino, ino / 2 ** 32, size, size / 2 ** 32, wholeMs, wholeMs / 2 ** 32, (mtimeMs - wholeMs) * 1e6];
  let digest = 0;
  for (const word of words) {
    digest = Math.imul(digest ^ (word | 0), DIGEST_MULTIPLIER);
    digest ^= digest >>> 15;
  }
  return digest >>> 0;
}
