/**
 * Reads directories by the system's own calls, relative to a held descriptor: several times faster than Node's, which take a path
 * and make objects of more than is asked for. Reads alone: whatever changes something goes through Node.
 */

import { constants } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { type ByteName, byteNameFromSystem } from './byte-name.ts';
import { type NativePart, nativePart } from './native-part.ts';

/** The system says this of one file, as far as it matters here. Node's `Stats` is one, too. */
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

let ofPart: NativePart | undefined;
let calls: NativeCalls | undefined;

/** Undefined where the native part is not to be had: Node's calls do as well then. */
export function nativeCalls(): NativeCalls | undefined {
  const part = nativePart();
  if (part !== ofPart) {
    ofPart = part;
    calls = part && callsOf(part);
  }
  return calls;
}

const ENTRIES_BYTES = 1 << 16;
const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY;

/** For one thread: what is asked is told in memory that the calls share. */
export function callsOf(part: NativePart): NativeCalls {
  const facts = new Float64Array(FACTS);
  const entriesBytes = Buffer.alloc(ENTRIES_BYTES);
  const known = (result: number) => (result < 0 ? undefined : result);
  const native: NativeCalls = {
    openDirectory: (directory, name) => known(part.openAt(directory, name, DIRECTORY_FLAGS)),
    openFile: (directory, name, flags) => known(part.openAt(directory, name, flags)),
    read: (fd, into) => known(part.read(fd, into)),
    close: (fd) => void part.close(fd),
    lstat(directory, name) {
      const result = part.lookAt(directory, name, facts);
      if (result === 0) return new NativeFacts(facts);
      return result === -osConstants.errno.ENOENT ? null : undefined;
    },
    fstat: (fd) => (part.lookAtOpen(fd, facts) === 0 ? new NativeFacts(facts) : undefined),
    rewind: (directory) => part.rewind(directory) === 0,
    entries(directory) {
      const entries: DirEntry[] = [];
      let hasUnknown = false;
      for (;;) {
        const length = part.readEntries(directory, entriesBytes);
        if (length < 0) return undefined;
        if (length === 0) break;
        hasUnknown = addEntries(entriesBytes, length, entries) || hasUnknown;
      }
      return hasUnknown ? withKinds(directory, entries, native) : entries;
    },
  };
  return native;
}

/** How many numbers the native part tells of a file. */
const FACTS = 10;

class NativeFacts implements FileFacts {
  readonly dev: number;
  readonly ino: number;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly nlink: number;
  readonly size: number;
  readonly blocks: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;

  /** @param facts in the order of `native/calls.c` */
  constructor(facts: Float64Array) {
    this.dev = facts[0] ?? 0;
    this.ino = facts[1] ?? 0;
    this.uid = facts[2] ?? 0;
    this.gid = facts[3] ?? 0;
    this.mode = facts[4] ?? 0;
    this.nlink = facts[5] ?? 0;
    this.size = facts[6] ?? 0;
    this.blocks = facts[7] ?? 0;
    this.mtimeMs = facts[8] ?? 0;
    this.ctimeMs = facts[9] ?? 0;
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
