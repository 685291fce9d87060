/** Makes the directory of a new trash folder, with its manifest in it. */

import { EARLIEST_SENSIBLE_TIME_MS } from '../clock.ts';
import { errorCode, OperatingError } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, fixedName } from '../files/byte-name.ts';
import { ManifestWriter } from './manifest.ts';

export interface TrashFolder {
  readonly name: ByteName;
  readonly directory: AnchoredDir;
  readonly manifest: ManifestWriter;
}

/**
 * A taken name is never used again. The caller closes directory and manifest.
 * @throws OperatingError `unavailable` by a clock that has not got the time yet: nobody could tell later how long it has lain; and the
 *   system's error
 */
export function makeTrashFolder(trash: AnchoredDir, startedAtMs: number): TrashFolder {
  if (startedAtMs < EARLIEST_SENSIBLE_TIME_MS) {
    const time = new Date(startedAtMs).toISOString();
    throw new OperatingError(
      'unavailable',
      `the clock of this machine says ${time}: nothing is moved to the trash by it`,
    );
  }
  const name = makeUniqueDirectory(trash, startedAtMs);
  const directory = trash.openChild(name);
  try {
    directory.giveTo(trash);
    const manifest = ManifestWriter.create(directory, startedAtMs);
    manifest.sync();
    directory.sync();
    trash.sync();
    return { name, directory, manifest };
  } catch (error) {
    directory.close();
    throw error;
  }
}

/** A run's directory is called like this: anything else in the trash is not ours. */
const FOLDER_NAME = /^\d{8}T\d{6}Z(-\d+)?$/;

export function isFolderName(name: ByteName): boolean {
  return FOLDER_NAME.test(name);
}

/**
 * `20261121T041700Z`, with a suffix where that second has folders already: sorts by time, and can be read. It comes after all of them, also
 * where a destroyed one has left its name free.
 */
function makeUniqueDirectory(trash: AnchoredDir, startedAtMs: number): ByteName {
  const stamp = new Date(startedAtMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const suffixes = trash
    .entries()
    .filter(({ name }) => isFolderName(name) && name.startsWith(stamp))
    .map(({ name }) => Number(name.slice(stamp.length + 1)));
  for (let suffix = Math.max(-1, ...suffixes) + 1; ; suffix += 1) {
    const name = fixedName(suffix === 0 ? stamp : `${stamp}-${suffix}`);
    try {
      trash.makeDirectory(name);
      return name;
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
  }
}
