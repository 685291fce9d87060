/**
 * A directory held by its descriptor, so that no symlink can redirect what is done in it, not even one that is swapped in
 * while we work. Every call names one component below the held directory and never follows a link in it.
 */

import {
  type BigIntStats,
  closeSync,
  constants,
  type Dirent,
  existsSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { errnoError, errorCode, OperatingError } from '../errors.ts';
import { type ByteName, byteNameFromSystem, displayName } from './byte-name.ts';
import { type DirEntry, type EntryKind, type FileFacts, nativeCalls } from './native-calls.ts';
import { isInMemory, type Room, roomAround } from './room.ts';

const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const OWN_DIRECTORY_MODE = 0o700;

/** Shared by all: what is read is looked at before anything else is. */
const PIECE = Buffer.allocUnsafeSlow(1 << 18);

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
  readonly #prefixBytes: Buffer;
  readonly #close: (fd: number) => void;
  /** The only entries that are seen: how each is called here, and how on disk. */
  #seen: ReadonlyMap<ByteName, ByteName> | undefined;
  #isOpen = true;
  #isAtStart = true;

  private constructor(fd: number, facts: FileFacts, close: (fd: number) => void) {
    this.fd = fd;
    this.#close = close;
    this.#prefix = `/proc/self/fd/${fd}/`;
    this.#prefixBytes = Buffer.from(this.#prefix, 'latin1');
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
    if (this.#seen === undefined) return entries;
    return [...this.#seen].flatMap(([name, onDisk]) => {
      const entry = entries.find((one) => one.name === onDisk);
      return entry === undefined ? [] : [{ ...entry, name }];
    });
  }

  #allEntries(): DirEntry[] {
    const native = nativeCalls();
    if (native !== undefined && (this.#isAtStart || native.rewind(this.#openFd()))) {
      const entries = native.entries(this.#openFd());
      this.#isAtStart = false;
      if (entries !== undefined) return entries;
    }
    return this.#entriesByNode();
  }

  #entriesByNode(): DirEntry[] {
    try {
      return readdirSync(this.#prefix, { encoding: 'latin1', withFileTypes: true }).map((entry) => {
        return { name: byteNameFromSystem(entry.name), kind: kindOf(entry) };
      });
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    // Where the file system tells no kinds, Node looks at each entry by its own idea of the name, and fails where that is not UTF-8.
    return readdirSync(this.#prefix, 'latin1').flatMap((text) => {
      const name = byteNameFromSystem(text);
      const facts = this.lstat(name);
      return facts === undefined ? [] : [{ name, kind: kindOf(facts) }];
    });
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
  *readPieces(name: ByteName): Generator<Buffer, void, void> {
    const native = nativeCalls();
    const fd = native?.openFile(this.#openFd(), this.#onDisk(name), constants.O_NOATIME);
    if (native === undefined || fd === undefined) {
      yield* this.#readPiecesByNode(name);
      return;
    }
    try {
      if (!(native.fstat(fd) ?? fstatSync(fd)).isFile()) throw new Error('not a regular file');
      for (;;) {
        const length = native.read(fd, PIECE) ?? readSync(fd, PIECE);
        if (length === 0) return;
        yield PIECE.subarray(0, length);
      }
    } finally {
      native.close(fd);
    }
  }

  *#readPiecesByNode(name: ByteName): Generator<Buffer, void, void> {
    const fd = this.#openUntouched(name);
    try {
      if (!fstatSync(fd).isFile()) throw new Error('not a regular file');
      for (let length = readSync(fd, PIECE); length > 0; length = readSync(fd, PIECE)) yield PIECE.subarray(0, length);
    } finally {
      closeSync(fd);
    }
  }

  /**
   * Both ends of a file, however large it is; what is shorter than two of them is all in `head`.
   * @throws the system's error, or where it is no regular file
   */
  readEnds(name: ByteName, endBytes: number): { readonly head: Buffer; readonly tail: Buffer; readonly bytes: number } {
    const fd = this.#openUntouched(name);
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) throw new Error('not a regular file');
      const isWhole = stats.size <= 2 * endBytes;
      const head = readAt(fd, isWhole ? stats.size : endBytes, 0);
      const tail = isWhole ? Buffer.alloc(0) : readAt(fd, endBytes, stats.size - endBytes);
      return { head, tail, bytes: stats.size };
    } finally {
      closeSync(fd);
    }
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

  /** What a symlink says; undefined where it is none, or is gone. */
  linkTarget(name: ByteName): string | undefined {
    try {
      return readlinkSync(this.#path(name), { encoding: 'latin1' });
    } catch (error) {
      if (errorCode(error) === 'EINVAL' || errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Makes the directory's own entries durable. */
  sync(): void {
    fsyncSync(this.fd);
  }

  /** What may still be made on its file system. */
  room(): Room {
    return roomAround(this.#prefix);
  }

  /** Whether its file system is one in memory, where names take no blocks. */
  isInMemory(): boolean {
    return isInMemory(this.#prefix);
  }

  /** Where the held directory is right now, for messages and for finding mount points. */
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
    const onDisk = this.#onDisk(name);
    if (isAscii(onDisk)) return this.#prefix + onDisk;
    return Buffer.concat([this.#prefixBytes, Buffer.from(onDisk, 'latin1')]);
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

/** @throws OperatingError (`unsafe-root`) where descriptors cannot anchor paths: there is no safe way to work then */
export function requireAnchoring(): void {
  if (existsSync('/proc/self/fd/')) return;
  throw new OperatingError(
    'unsafe-root',
    'start: /proc is not mounted, and without /proc/self/fd no directory can be held safely (Linux only)',
  );
}

function kindOf(entry: Pick<Dirent, 'isFile' | 'isDirectory'>): EntryKind {
  if (entry.isFile()) return 'file';
  return entry.isDirectory() ? 'directory' : 'other';
}

function isAscii(name: string): boolean {
  for (let index = 0; index < name.length; index += 1) {
    if (name.charCodeAt(index) > 0x7f) return false;
  }
  return true;
}

/** As many bytes as are there, up to `length`. */
function readAt(fd: number, length: number, position: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const read = readSync(fd, bytes, filled, length - filled, position + filled);
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}
