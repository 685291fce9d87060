/**
 * A directory held by its descriptor, so that no symlink can redirect what is done in it, not even one that is swapped in
 * while we work. Every call names one component below the held directory and never follows a link in it.
 */

import {
  type BigIntStats,
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { errnoError, errorCode } from '../errors.ts';
import { type ByteName, displayName, isAscii } from './byte-name.ts';
import { entriesByNode, linkTargetAt, seenAmong } from './entries-by-node.ts';
import { endsOf, type FileEnds, piecesOf } from './file-pieces.ts';
import { type DirEntry, type FileFacts, nativeCalls } from './native-calls.ts';
import { isInMemory, type Room, roomAround } from './room.ts';

const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const OWN_DIRECTORY_MODE = 0o700;

export class AnchoredDir {
  readonly fd: number;
  readonly dev: number;
  readonly ino: number;
  #uid: number;
  #gid: number;
  /** Permission bits, as they were when it was opened. */
  readonly mode: number;
  /** The time of the last change of its entries, as it was when it was opened. Unix epoch ms. */
  readonly mtimeMs: number;
  /** Allocated ones, of 512 bytes each, as they were when it was opened. */
  readonly blocks: number;
  readonly #prefix: string;
  readonly #close: (fd: number) => void;
  /** The only entries that are seen: how each is called here, and how on disk. */
  #seen: ReadonlyMap<ByteName, ByteName> | undefined;
  #isOpen = true;
  #isAtStart = true;

  private constructor(fd: number, facts: FileFacts, close: (fd: number) => void) {
    this.fd = fd;
    this.#close = close;
    this.#prefix = `/proc/self/fd/${fd}/`;
    this.dev = facts.dev;
    this.ino = facts.ino;
    this.#uid = facts.uid;
    this.#gid = facts.gid;
    this.mode = facts.mode;
    this.mtimeMs = facts.mtimeMs;
    this.blocks = facts.blocks;
  }

  get uid(): number {
    return this.#uid;
  }

  get gid(): number {
    return this.#gid;
  }

  /** Opens an absolute path whose last component is no symlink. @throws the system's error, e.g. ELOOP, ENOTDIR, ENOENT */
  static open(path: string): AnchoredDir {
    return AnchoredDir.#held(openSync(path, DIRECTORY_FLAGS), closeSync);
  }

  /** @throws the system's error; ENOTDIR or ELOOP where the child is no directory */
  openChild(name: ByteName): AnchoredDir {
    const native = nativeCalls();
    const fd = native?.openDirectory(this.#openFd(), this.#onDisk(name));
    if (native === undefined || fd === undefined) {
      return AnchoredDir.#held(openSync(this.#path(name), DIRECTORY_FLAGS), closeSync);
    }
    const facts = native.fstat(fd);
    return facts === undefined ? AnchoredDir.#held(fd, native.close) : new AnchoredDir(fd, facts, native.close);
  }

  /** The child, made first where there is none: private, and its parent's owner's. */
  openOrMakeChild(name: ByteName): AnchoredDir {
    try {
      mkdirSync(this.#path(name), { mode: OWN_DIRECTORY_MODE });
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
      return this.openChild(name);
    }
    const child = this.openChild(name);
    // A worker that runs as root must not leave directories that Claude's user cannot enter.
    try {
      child.giveTo(this);
    } catch (error) {
      child.close();
      throw error;
    }
    return child;
  }

  /** From now on, what is made in it belongs to the owner of another directory: its own owner may only have mounted it. */
  giveChildrenTo(owner: AnchoredDir): void {
    this.#uid = owner.uid;
    this.#gid = owner.gid;
  }

  /** From now on, of all its entries only these are there, each under a name of its own: for a directory that is not all ours. */
  seeOnly(names: ReadonlyMap<ByteName, ByteName>): void {
    this.#seen = names;
  }

  /** Makes this directory, or a file in it, `parent`'s owner's. Only root can give away; what another user makes is its own. */
  giveTo(parent: AnchoredDir, fd: number = this.fd): void {
    if (process.geteuid?.() !== 0 || fstatSync(fd).uid === parent.uid) return;
    fchownSync(fd, parent.uid, parent.gid);
    if (fd !== this.fd) return;
    // What is made in it from now on is given to the new owner too.
    this.#uid = parent.uid;
    this.#gid = parent.gid;
  }

  static #held(fd: number, close: (fd: number) => void): AnchoredDir {
    try {
      return new AnchoredDir(fd, fstatSync(fd), close);
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  /** The same for whoever holds this very directory. */
  get identity(): string {
    return `${this.dev}:${this.ino}`;
  }

  /** The descriptor, for calls that know names as they are on disk. @throws where names are others here, or it is closed */
  get plainFd(): number {
    if (this.#seen !== undefined) throw new Error('names are not here what they are on disk');
    return this.#openFd();
  }

  /** In no order. */
  entries(): DirEntry[] {
    const entries = this.#allEntries();
    return this.#seen === undefined ? entries : seenAmong(entries, this.#seen);
  }

  #allEntries(): DirEntry[] {
    const native = nativeCalls();
    if (native !== undefined && (this.#isAtStart || native.rewind(this.#openFd()))) {
      const entries = native.entries(this.#openFd());
      this.#isAtStart = false;
      if (entries !== undefined) return entries;
    }
    return entriesByNode(this.#prefix, (name) => this.lstat(name));
  }

  lstat(name: ByteName): FileFacts | undefined {
    if (this.#isHidden(name)) return undefined;
    const facts = nativeCalls()?.lstat(this.#openFd(), this.#onDisk(name));
    if (facts === null) return undefined;
    return facts ?? lstatSync(this.#path(name), { throwIfNoEntry: false });
  }

  lstatExact(name: ByteName): BigIntStats | undefined {
    if (this.#isHidden(name)) return undefined;
    return lstatSync(this.#path(name), { throwIfNoEntry: false, bigint: true });
  }

  has(name: ByteName): boolean {
    return this.lstat(name) !== undefined;
  }

  /** Whether the entry `name` still is the directory that `child` holds. */
  holds(name: ByteName, child: AnchoredDir): boolean {
    const stats = this.lstat(name);
    return stats?.isDirectory() === true && stats.ino === child.ino && stats.dev === child.dev;
  }

  /** A rename that the caller knows to overwrite nothing. @throws the system's error, e.g. EXDEV */
  renameTo(name: ByteName, target: AnchoredDir, targetName: ByteName = name): void {
    renameSync(this.#path(name), target.#path(targetName));
  }

  /** A second name for a regular file. @throws EEXIST where the target is taken: unlike a rename, it never overwrites */
  linkTo(name: ByteName, target: AnchoredDir, targetName: ByteName = name): void {
    linkSync(this.#path(name), target.#path(targetName));
  }

  makeDirectory(name: ByteName, mode: number = OWN_DIRECTORY_MODE): void {
    mkdirSync(this.#path(name), { mode });
  }

  unlink(name: ByteName): void {
    unlinkSync(this.#path(name));
  }

  removeDirectory(name: ByteName): void {
    rmdirSync(this.#path(name));
  }

  /** Opens a file in it, never through a symlink, never blocking on a FIFO. The caller closes the descriptor. */
  openFile(name: ByteName, flags: number, mode?: number): number {
    return openSync(this.#path(name), flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, mode);
  }

  /**
   * Hands out a file's bytes, piece by piece; a piece is good until the next. Leaves the time of its last reading as it is, as far as
   * that is the reader's to say.
   * @throws the system's error, or where it is no regular file
   */
  readPieces(name: ByteName): Generator<Buffer, void, void> {
    return piecesOf(
      () => nativeCalls()?.openFile(this.#openFd(), this.#onDisk(name), constants.O_NOATIME),
      () => this.#openUntouched(name),
    );
  }

  /**
   * Both ends of a file, however large it is; what is shorter than two of them is all in `head`.
   * @throws the system's error, or where it is no regular file
   */
  readEnds(name: ByteName, endBytes: number): FileEnds {
    return endsOf(this.#openUntouched(name), endBytes);
  }

  #openUntouched(name: ByteName): number {
    try {
      return this.openFile(name, constants.O_RDONLY | constants.O_NOATIME);
    } catch (error) {
      // Another user's file: a dry run may still read it.
      if (errorCode(error) !== 'EPERM') throw error;
      return this.openFile(name, constants.O_RDONLY);
    }
  }

  /** Reads what a symlink says; undefined where it is none, or is gone. */
  linkTarget(name: ByteName): string | undefined {
    return linkTargetAt(this.#path(name));
  }

  /** Makes the directory's own entries durable. */
  sync(): void {
    fsyncSync(this.fd);
  }

  /** Tells how much may still be made on its file system. */
  room(): Room {
    return roomAround(this.#prefix);
  }

  /** Whether its file system is one in memory, where names take no blocks. */
  isInMemory(): boolean {
    return isInMemory(this.#prefix);
  }

  /** Tells where the held directory is right now, for messages and for finding mount points. */
  currentPath(): string {
    return readlinkSync(`/proc/self/fd/${this.fd}`, { encoding: 'latin1' });
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#close(this.fd);
  }

  /** A closed descriptor's number may be another's by now. */
  #openFd(): number {
    if (!this.#isOpen) throw new Error('the directory is closed');
    return this.fd;
  }

  /** A string where that is exact (it is cheaper), the bytes where it is not. */
  #path(name: ByteName): string | Buffer {
    this.#openFd();
    const path = this.#prefix + this.#onDisk(name);
    return isAscii(path) ? path : Buffer.from(path, 'latin1');
  }

  #isHidden(name: ByteName): boolean {
    return this.#seen !== undefined && !this.#seen.has(name);
  }

  /** @throws an error with ENOENT for what is not to be seen: nothing of that name is made either */
  #onDisk(name: ByteName): ByteName {
    if (this.#seen === undefined) return name;
    const onDisk = this.#seen.get(name);
    if (onDisk === undefined) throw errnoError('ENOENT', `${displayName(name)} is none of this program's places`);
    return onDisk;
  }
}
