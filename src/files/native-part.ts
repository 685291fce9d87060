/** The program's own native part, where it is built for this system. What it does, Node's calls do as well, slower. */

import { createRequire } from 'node:module';
import { availableParallelism, endianness } from 'node:os';
import { fileURLToPath } from 'node:url';

/** An answer to bulk work holds for each task what is told of it, and for all of them the rows, links and texts. Laid out by whatever did it. */
export type NativeAnswer = readonly [told: ArrayBuffer, rows: ArrayBuffer, links: ArrayBuffer, others: ArrayBuffer];

export interface NativePart {
  /** In another thread: `native/scan.h`. @param stop anything but 0 in it ends the work at the next entry */
  scan(words: Uint32Array, names: Uint8Array, stop: Int32Array): Promise<NativeAnswer>;
  /** In this thread. */
  scanHere(words: Uint32Array, names: Uint8Array, stop: Int32Array): NativeAnswer;
  /** In another thread: `native/look.h`. */
  look(words: Uint32Array, names: Uint8Array, stop: Int32Array): Promise<NativeAnswer>;
  /** In this thread, and as a whole: `native/move.h`. @param told is filled */
  move(words: Uint32Array, names: Uint8Array, told: Uint32Array): void;
  /**
   * A new descriptor, for reading; never through a symlink, never waiting for a FIFO's writer. Here and below a name is one component, one
   * character a byte, and a number below 0 is that of the system's error, negated.
   */
  openAt(directory: number, name: string, flags: number): number;
  /** Looks at an entry itself. @param facts are filled: `native/calls.c` says with what */
  lookAt(directory: number, name: string, facts: Float64Array): number;
  lookAtOpen(fd: number, facts: Float64Array): number;
  /** How many bytes came, from the descriptor's position on; 0 at the end. */
  read(fd: number, into: Uint8Array): number;
  /** The same of the entries of a directory, each a `struct linux_dirent64`. */
  readEntries(directory: number, into: Uint8Array): number;
  rewind(directory: number): number;
  close(fd: number): number;
  /** At once, whatever other threads do. */
  exit(code: number): never;
}

/** The environment variable that, with `off`, has Node's own calls do everything. */
export const NATIVE_SWITCH = 'SESSION_SWEEPER_NATIVE';

let loaded: NativePart | undefined | 'not yet' = 'not yet';

/** Undefined where Node's own calls are to do the same. */
export function nativePart(): NativePart | undefined {
  if (loaded === 'not yet') loaded = process.env[NATIVE_SWITCH] === 'off' ? undefined : loadNativePart();
  return loaded;
}

let underWay = 0;
let atWork: NativePart | undefined;

/** As the native part's own call, so that it is known that a thread is at work. */
export async function callNatively(
  part: NativePart,
  call: 'scan' | 'look',
  ...request: Parameters<NativePart['scan']>
): Promise<NativeAnswer> {
  underWay += 1;
  atWork = part;
  try {
    return await part[call](...request);
  } finally {
    underWay -= 1;
  }
}

/** libuv has four threads for all that a process asks of it: one is left to whoever else asks. */
const AT_A_TIME_MAX = 3;

/** Has as many share some work as it has threads. @param work takes of it until nothing is left @throws what any of them has thrown */
export async function severalAtATime(work: () => Promise<void>): Promise<void> {
  const count = Math.min(availableParallelism(), AT_A_TIME_MAX);
  const ends = await Promise.allSettled(Array.from({ length: count }, () => work()));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** The native part, where a thread is in it that cannot be ended otherwise. */
export function nativeUnderWay(): NativePart | undefined {
  return underWay > 0 ? atWork : undefined;
}

/** From now on in this thread; with `undefined`, Node's own calls. */
export function useNativePart(part: NativePart | undefined): void {
  loaded = part;
}

/** @returns undefined where it is not built for this system, or cannot be loaded here */
export function loadNativePart(): NativePart | undefined {
  if (process.platform !== 'linux' || endianness() !== 'LE') return undefined;
  // As far from the sources as from what is compiled of them.
  const path = fileURLToPath(new URL(`../../native/build/linux-${process.arch}.node`, import.meta.url));
  try {
    return createRequire(import.meta.url)(path) as NativePart;
  } catch {
    return undefined;
  }
}
