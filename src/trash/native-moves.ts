/** Has the native part look at units, move them and look again, a few in one call; it claims to have moved what is as it was alone. */

import { getSystemErrorName } from 'node:util';
import type { Surroundings } from '../claude-dir/measure.ts';
import type { Measure, Part } from '../claude-dir/unit.ts';
import { errnoError } from '../errors.ts';
import type { ByteName } from '../files/byte-name.ts';
import { type NativePart, nativePart } from '../files/native-part.ts';
import { PackedNames } from '../files/packed-names.ts';

/** The layout of `native/move.h`. */
const MOVED_WORDS = 3;
const [DONE, LEFT, FAILED] = [0, 1, 2];
const KINDS: Readonly<Record<Part['kind'], number>> = { file: 1, directory: 2 };
const NO_MOUNT = 0xffffffff;

export interface NamedIn {
  /** An open descriptor. */
  readonly directory: number;
  readonly name: ByteName;
}

/** A unit with the descriptors of the directories that it is moved between. */
export interface Movable {
  readonly measure: Measure;
  /** Nothing may be under these names. */
  readonly absent: readonly NamedIn[];
  readonly parts: readonly { readonly part: Part; readonly from: number; readonly to: number }[];
}

export type Moved =
  | { readonly kind: 'moved' }
  /** It is where it was, and it was not looked at, or is to be looked at by other means. */
  | { readonly kind: 'left' }
  /** So many of its parts were moved, and the next one could not be. */
  | { readonly kind: 'failed'; readonly parts: number; readonly error: Error }
  /** It was moved, and is not as it was. */
  | { readonly kind: 'different' };

export class NativeMoves {
  readonly #native: NativePart;
  readonly #surroundings: Surroundings;
  /** The file system, or the kernel, knows no rename that replaces nothing. */
  #isUnable = false;

  private constructor(native: NativePart, surroundings: Surroundings) {
    this.#native = native;
    this.#surroundings = surroundings;
  }

  /** @returns undefined where Node's calls are to do the same */
  static within(surroundings: Surroundings): NativeMoves | undefined {
    const native = nativePart();
    // Whether anything in it is mounted is told by paths, which it does not know.
    return native === undefined || surroundings.mountPoints.size > 0
      ? undefined
      : new NativeMoves(native, surroundings);
  }

  /** Ends with the first that was not moved as it should: those after it are left. @returns nothing where it can move none here */
  move(units: readonly Movable[]): Moved[] {
    if (this.#isUnable) return [];
    const told = this.#run(units);
    return units.map((_, index): Moved => {
      const [outcome, parts = 0, error = 0] = told.subarray(index * MOVED_WORDS, (index + 1) * MOVED_WORDS);
      if (outcome === DONE) return { kind: 'moved' };
      if (outcome === LEFT) {
        this.#isUnable ||= error !== 0;
        return { kind: 'left' };
      }
      if (outcome === FAILED) return { kind: 'failed', parts, error: errnoError(codeOf(error), 'rename') };
      return { kind: 'different' };
    });
  }

  /** @returns of each whether there is surely nothing under any of its names */
  areAbsent(names: readonly (readonly NamedIn[])[]): boolean[] {
    const told = this.#run(names.map((absent) => ({ measure: NOTHING, absent, parts: [] })));
    return names.map((_, index) => told[index * MOVED_WORDS] === DONE);
  }

  #run(units: readonly Movable[]): Uint32Array {
    const { words, names } = moveRequest(units, this.#surroundings);
    const told = new Uint32Array(units.length * MOVED_WORDS);
    this.#native.move(words, names, told);
    return told;
  }
}

/** The words and the names of a request for these units. */
export function moveRequest(
  units: readonly Movable[],
  { dev, uid, mountId }: Surroundings,
): { readonly words: Uint32Array; readonly names: Uint8Array } {
  const packed = new PackedNames();
  const words = [dev % 2 ** 32, Math.floor(dev / 2 ** 32), uid, mountId ?? NO_MOUNT];
  for (const { measure, absent, parts } of units) {
    words.push(absent.length, parts.length, measure.files, measure.digest);
    words.push(...halvesOf(measure.bytes), ...halvesOf(measure.newestMtimeMs));
    for (const { directory, name } of absent) words.push(directory, packed.add(name));
    for (const { part, from, to } of parts) words.push(from, to, KINDS[part.kind], packed.add(part.name));
  }
  return { words: Uint32Array.from(words), names: packed.bytes() };
}

const NOTHING: Measure = { files: 0, bytes: 0, diskBytes: 0, newestMtimeMs: 0, digest: 0 };
const DOUBLE = new Float64Array(1);
const HALVES = new Uint32Array(DOUBLE.buffer);

function halvesOf(value: number): Uint32Array {
  DOUBLE[0] = value;
  return HALVES;
}

function codeOf(error: number): string {
  return getSystemErrorName(-error);
}
