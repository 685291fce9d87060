/**
 * Tells in which mount a file lies, where its device number does not: in an overlay each file has the number of the layer that it
 * comes from, and directories have one of the overlay's own.
 */

import { closeSync, readFileSync } from 'node:fs';
import type { AnchoredDir } from './anchored-dir.ts';
import type { ByteName } from './byte-name.ts';

/** Names a file and does nothing with it. Node has no constant for it. Source: open(2), asm-generic/fcntl.h. */
const O_PATH = 0o10000000;

/** The number of the mount that an open file lies in; undefined where the kernel does not say. */
export function mountIdOf(fd: number): number | undefined {
  const [, id] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
  return id === undefined ? undefined : Number(id);
}

/** The same of an entry of a held directory, whatever it is. @throws the system's error */
export function mountIdOfEntry(directory: AnchoredDir, name: ByteName): number | undefined {
  const fd = directory.openFile(name, O_PATH);
  try {
    return mountIdOf(fd);
  } finally {
    closeSync(fd);
  }
}
