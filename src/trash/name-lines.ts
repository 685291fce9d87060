/**
 * A disk in memory that has no room for one byte more has some for names still: what cannot be written to a manifest stands in the names of empty
 * files beside it, in their order, as if it followed in the same file. On other file systems names take blocks, too.
 */

import { closeSync, constants } from 'node:fs';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, fixedName } from '../files/byte-name.ts';

/** `manifest-00000001-` and the bytes. */
const NAME = /^manifest-(\d{8})-([A-Za-z0-9_-]+)$/;
/** 236 letters, of the 255 that a name may have. */
const BYTES_PER_NAME = 177;
const FILE_MODE = 0o600;

export class NameWriter {
  readonly #directory: AnchoredDir;
  #next: number;

  /** Goes on after the names that are there. */
  constructor(directory: AnchoredDir) {
    this.#directory = directory;
    this.#next = lineNames(directory).length + 1;
  }

  /** @throws the system's error; then some of the names may be there */
  write(bytes: Buffer): void {
    for (let start = 0; start < bytes.length; start += BYTES_PER_NAME) {
      const text = bytes.subarray(start, start + BYTES_PER_NAME).toString('base64url');
      const name = fixedName(`manifest-${String(this.#next).padStart(8, '0')}-${text}`);
      const fd = this.#directory.openFile(name, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, FILE_MODE);
      try {
        this.#directory.giveTo(this.#directory, fd);
      } finally {
        closeSync(fd);
      }
      this.#next += 1;
    }
  }
}

/** In their order; mostly none. */
export function lineNames(directory: AnchoredDir): readonly ByteName[] {
  const names = directory.entries().filter(({ name, kind }) => kind === 'file' && NAME.test(name));
  return names.map(({ name }) => name).sort();
}

/** These bytes follow the manifest's own. */
export function bytesInNames(names: readonly ByteName[]): Buffer {
  return Buffer.concat(names.map((name) => Buffer.from(NAME.exec(name)?.[2] ?? '', 'base64url')));
}
