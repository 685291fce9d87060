/** A keep list of somebody else's making: a directory with a file an id, or one file of ids, read anew for each question. */

import { statSync } from 'node:fs';
import type { KeepListSettings } from '../../config/source-settings.ts';
import { errorMessage, OperatingError, operatingError } from '../../errors.ts';
import { readWholeFile } from '../../files/whole-file.ts';
import { KeepList } from '../keep-list.ts';
import type { LiveReading } from '../live-source.ts';
import { parseIdLines } from './id-lines.ts';

/** Hundreds of thousands of ids. */
const FILE_BYTES_MAX = 32 * 2 ** 20;

/** What is not there is no empty list. @throws OperatingError */
export async function readKeepList({ path, closed = false }: KeepListSettings): Promise<LiveReading> {
  if (isDirectory(path)) return readDirectory(path);
  const text = readWholeFile(path, FILE_BYTES_MAX);
  try {
    const { ids, count, closedWith } = parseIdLines(text);
    // Whoever writes it in place empties it first.
    if (closedWith === undefined && count === 0) throw new Error('it names nobody: where that is meant, say “end 0”');
    if (closed && closedWith === undefined)
      throw new Error('it has no closing line: it is cut off, or not written to its end');
    if (closedWith !== undefined && closedWith !== count) {
      throw new Error(`its closing line says ${closedWith} ids, and there are ${count}`);
    }
    return { ids, malformed: 0 };
  } catch (error) {
    throw new OperatingError('bad-data', `read ${path}: ${errorMessage(error)}`, { cause: error });
  }
}

/** A place where a file system is to be mounted is an empty directory until it is. */
async function readDirectory(path: string): Promise<LiveReading> {
  const reading = await KeepList.at(path).asLiveSource().read();
  if (reading.ids.size > 0 || reading.malformed > 0) return reading;
  const message = `read ${path}: it is empty: is it mounted? Where nobody is meant, make a file .keep in it`;
  throw new OperatingError('unavailable', message);
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    throw operatingError('unavailable', `read ${path}`, error);
  }
}
