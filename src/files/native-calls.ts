/**
 * Reads directories by the system's own calls, relative to a held descriptor: several times faster than Node's, which take a path
 * and make objects of more than is asked for. Reads alone: whatever changes something goes through Node.
 */

import { constants, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import { type ByteName, byteNameFromSystem } from './byte-name.ts';

/** What the system says of one file, as far as it matters here. Node's `Stats` is one, too. */
export interface FileFacts {
  readonly dev: number;
  readonly ino: number;
  readonly uid: number;
  readonly gid: number;
  /** Kind and permission bits. */
  readonly mode: number;
  readonly nlink: number;
  readonly size: number;
  /** Allocated ones, of 512 bytes each: what it takes of the disk. */
  readonly blocks: number;
  /** Unix epoch ms, with fractions. */
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

export type EntryKind = 'file' | 'directory' | 'other';

export interface DirEntry {
  readonly name: ByteName;
  readonly kind: EntryKind;
}

/** Each answers undefined where it failed, whatever the reason: then the same is asked of Node, whose errors tell. */
export interface NativeCalls {
  /** A new descriptor of a directory in the held one; never through a symlink. */
  openDirectory(directory: number, name: ByteName): number | undefined;
  /** A new descriptor of a file in the held directory, for reading; never through a symlink, never waiting for a FIFO's writer. */
  openFile(directory: number, name: ByteName, flags: number): number | undefined;
  /** How many bytes came, from the descriptor's position on; 0 at the end. */
  read(fd: number, into: Buffer): number | undefined;
  /** Closes a descriptor that came from here: Node keeps a list of its own, and warns of others. */
  close(fd: number): void;
  /** Null where there is no such entry. */
  lstat(directory: number, name: ByteName): FileFacts | null | undefined;
  /** The facts of an open file itself. */
  fstat(fd: number): FileFacts | undefined;
  /** Every entry but `.` and `..`, in no order, from the descriptor's position on, which it moves. */
  entries(directory: number): DirEntry[] | undefined;
  /** Moves the descriptor's position to the beginning. @returns whether it could */
  rewind(directory: number): boolean;
}

/** Loading them takes as long as some thousand calls by Node; a thread that has made so many will make more. */
const CALLS_WORTH_LOADING = 200;
let callsByNode = 0;
let loaded: NativeCalls | undefined | 'not yet' = 'not yet';

/** Undefined where they are not to be had, and in a thread that makes but a few calls: Node's do as well then. */
export function nativeCalls(): NativeCalls | undefined {
  if (loaded !== 'not yet') return loaded;
  callsByNode += 1;
  if (callsByNode > CALLS_WORTH_LOADING) loaded = loadNativeCalls();
  return loaded === 'not yet' ? undefined : loaded;
}

/** For a thread that will make many calls, or, with `undefined`, is to do without them. */
export function useNativeCalls(calls: NativeCalls | undefined): void {
  loaded = calls;
}

/** @returns undefined where koffi, an optional dependency, or one of the calls is not to be had on this system */
export function loadNativeCalls(): NativeCalls | undefined {
  if (process.platform !== 'linux' || endianness() !== 'LE') return undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const c = koffi.load(null);
    const dlopen = c.func('void *dlopen(const char *path, int flags)') as (path: string, flags: number) => unknown;
    if (!stayLoaded(dlopen)) return undefined;
    return systemCalls({
      errno: () => koffi.errno(),
      openat: c.func('int openat(int directory, const void *name, int flags)'),
      statx: c.func('int statx(int directory, const void *name, int flags, unsigned int mask, void *facts)'),
      read: c.func('long read(int file, void *bytes, size_t size)'),
      close: c.func('int close(int directory)'),
      getdents: c.func('long getdents64(int directory, void *entries, size_t size)'),
      lseek: c.func('long lseek(int directory, long offset, int whence)'),
    });
  } catch {
    // Not installed, or not made for this system.
    return undefined;
  }
}

/**
 * When it is unloaded, with the last thread that uses it, koffi's library syncs stdout and stderr, and hangs for good where that fails.
 * @returns whether it stays until the process ends
 */
function stayLoaded(dlopen: (path: string, flags: number) => unknown): boolean {
  const [path] = readFileSync('/proc/self/maps', 'utf8').match(/\/.*\/koffi\.node$/m) ?? [];
  return path !== undefined && dlopen(path, RTLD_NOW | RTLD_NODELETE) !== null;
}

const RTLD_NOW = 2;
const RTLD_NODELETE = 0x1000;

interface LibraryCalls {
  errno(): number;
  openat(directory: number, name: Buffer, flags: number): number;
  statx(directory: number, name: Buffer, flags: number, mask: number, facts: Buffer): number;
  read(file: number, bytes: Buffer, size: number): number | bigint;
  close(directory: number): number;
  getdents(directory: number, entries: Buffer, size: number): number | bigint;
  lseek(directory: number, offset: number, whence: number): number | bigint;
}

const NAME_BYTES_MAX = 255;
const ENTRIES_BYTES = 1 << 16;
const ENOENT = 2;
const O_CLOEXEC = 0o2000000;
const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC;
const FILE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | O_CLOEXEC;

function systemCalls({ errno, openat, read, close, statx, getdents, lseek }: LibraryCalls): NativeCalls {
  const nameBytes = Buffer.alloc(NAME_BYTES_MAX + 1);
  const statxBytes = Buffer.alloc(STATX.bytes);
  const statxView = new DataView(statxBytes.buffer, statxBytes.byteOffset, STATX.bytes);
  const entriesBytes = Buffer.alloc(ENTRIES_BYTES);
  const terminated = (name: ByteName) => {
    if (name.length > NAME_BYTES_MAX) return undefined;
    nameBytes[nameBytes.write(name, 'latin1')] = 0;
    return nameBytes;
  };
  const calls: NativeCalls = {
    openDirectory(directory, name) {
      const bytes = terminated(name);
      const fd = bytes === undefined ? -1 : openat(directory, bytes, DIRECTORY_FLAGS);
      return fd < 0 ? undefined : fd;
    },
    openFile(directory, name, flags) {
      const bytes = terminated(name);
      const fd = bytes === undefined ? -1 : openat(directory, bytes, flags | FILE_FLAGS);
      return fd < 0 ? undefined : fd;
    },
    read(fd, into) {
      const length = Number(read(fd, into, into.length));
      return length < 0 ? undefined : length;
    },
    close(fd) {
      close(fd);
    },
    lstat(directory, name) {
      const bytes = terminated(name);
      if (bytes === undefined) return undefined;
      if (statx(directory, bytes, STATX.noFollow, STATX.basic, statxBytes) === 0) return factsOf(statxView);
      return errno() === ENOENT ? null : undefined;
    },
    fstat(fd) {
      nameBytes[0] = 0;
      return statx(fd, nameBytes, STATX.itself, STATX.basic, statxBytes) === 0 ? factsOf(statxView) : undefined;
    },
    rewind: (directory) => Number(lseek(directory, 0, 0)) === 0,
    entries(directory) {
      const entries: DirEntry[] = [];
      let hasUnknown = false;
      for (;;) {
        const length = Number(getdents(directory, entriesBytes, ENTRIES_BYTES));
        if (length < 0) return undefined;
        if (length === 0) break;
        hasUnknown = addEntries(entriesBytes, length, entries) || hasUnknown;
      }
      return hasUnknown ? withKinds(directory, entries, calls) : entries;
    },
  };
  return calls;
}

/** `struct statx`, the same on every architecture. Source: statx(2), linux/stat.h. */
const STATX = {
  bytes: 256,
  /** AT_SYMLINK_NOFOLLOW */
  noFollow: 0x100,
  /** AT_EMPTY_PATH */
  itself: 0x1000,
  /** STATX_BASIC_STATS */
  basic: 0x7ff,
  nlink: 16,
  uid: 20,
  gid: 24,
  mode: 28,
  ino: 32,
  size: 40,
  blocks: 48,
  ctime: 96,
  mtime: 112,
  devMajor: 136,
  devMinor: 140,
} as const;

function factsOf(view: DataView): FileFacts {
  return new StatxFacts(
    view.getUint16(STATX.mode, true),
    deviceNumber(view.getUint32(STATX.devMajor, true), view.getUint32(STATX.devMinor, true)),
    uint64(view, STATX.ino),
    view.getUint32(STATX.uid, true),
    view.getUint32(STATX.gid, true),
    view.getUint32(STATX.nlink, true),
    uint64(view, STATX.size),
    uint64(view, STATX.blocks),
    milliseconds(view, STATX.mtime),
    milliseconds(view, STATX.ctime),
  );
}

/** The time in a `struct statx_timestamp`, as Node computes it, so that both see the same time. */
function milliseconds(view: DataView, offset: number): number {
  const seconds = view.getUint32(offset, true) + view.getInt32(offset + 4, true) * 2 ** 32;
  return seconds * 1_000 + view.getUint32(offset + 8, true) / 1_000_000;
}

class StatxFacts implements FileFacts {
  readonly mode: number;
  readonly dev: number;
  readonly ino: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly size: number;
  readonly blocks: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;

  constructor(
    mode: number,
    dev: number,
    ino: number,
    uid: number,
    gid: number,
    nlink: number,
    size: number,
    blocks: number,
    mtimeMs: number,
    ctimeMs: number,
  ) {
    this.mode = mode;
    this.dev = dev;
    this.ino = ino;
    this.uid = uid;
    this.gid = gid;
    this.nlink = nlink;
    this.size = size;
    this.blocks = blocks;
    this.mtimeMs = mtimeMs;
    this.ctimeMs = ctimeMs;
  }

  isFile(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFREG;
  }

  isDirectory(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFDIR;
  }

  isSymbolicLink(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFLNK;
  }
}

function uint64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
}

/** As the C library's `makedev` puts it together, which is what Node shows. */
function deviceNumber(major: number, minor: number): number {
  const low = ((major & 0xfff) << 8) | (minor & 0xff);
  return low + (minor >>> 8) * 2 ** 20 + ((major & 0xfffff000) >>> 0) * 2 ** 32;
}

/** `struct linux_dirent64`. Source: getdents(2). */
const DIRENT = { length: 16, type: 18, name: 19 } as const;
const DT_DIRECTORY = 4;
const DT_FILE = 8;
const DT_UNKNOWN = 0;
/** Stands for a kind only until the file itself has been asked. */
const UNKNOWN_KIND = 'unknown' as EntryKind;
const DOT = 0x2e;

/** @returns whether the kind of any is not told */
function addEntries(bytes: Buffer, length: number, entries: DirEntry[]): boolean {
  let hasUnknown = false;
  for (let offset = 0; offset < length; ) {
    const next = offset + bytes.readUInt16LE(offset + DIRENT.length);
    const start = offset + DIRENT.name;
    let end = start;
    while (bytes[end] !== 0) end += 1;
    if (!isDots(bytes, start, end)) {
      const kind = kindOf(bytes[offset + DIRENT.type]);
      hasUnknown ||= kind === UNKNOWN_KIND;
      entries.push({ name: byteNameFromSystem(bytes.toString('latin1', start, end)), kind });
    }
    offset = next;
  }
  return hasUnknown;
}

function isDots(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[start] !== DOT) return false;
  return end === start + 1 || (end === start + 2 && bytes[start + 1] === DOT);
}

function kindOf(type: number | undefined): EntryKind {
  if (type === DT_FILE) return 'file';
  if (type === DT_DIRECTORY) return 'directory';
  return type === DT_UNKNOWN ? UNKNOWN_KIND : 'other';
}

/** Some file systems tell no kinds with the names. */
function withKinds(directory: number, entries: readonly DirEntry[], calls: NativeCalls): DirEntry[] | undefined {
  const known: DirEntry[] = [];
  for (const entry of entries) {
    const facts = entry.kind === UNKNOWN_KIND ? calls.lstat(directory, entry.name) : undefined;
    if (entry.kind !== UNKNOWN_KIND) known.push(entry);
    else if (facts === undefined) return undefined;
    else if (facts !== null)
      known.push({ name: entry.name, kind: facts.isFile() ? 'file' : facts.isDirectory() ? 'directory' : 'other' });
  }
  return known;
}
