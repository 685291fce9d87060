/**
 * Whether a state directory is one to believe and to write in. Its pins and maps say whose sessions stay, and its files are made under
 * names that are known beforehand: nobody else may say where they lead, and to root nobody else may speak.
 */

import { lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, OperatingError } from '../errors.ts';
import { shellWord } from '../format/shell-word.ts';

/** Group and others. */
const FOREIGN_WRITE_BITS = 0o022;
const PINS = 'pins';
const ROOT = 0;
/** Locks need no other disk, so a symlink in place of one is somebody's trick or mistake, whoever made it. */
const LOCK = /\.lock$/;

/** One that is not there yet is safe. @throws OperatingError (`unsafe-root`) with the command that mends it */
export function throwIfUnsafeStateDir(stateDir: string): void {
  const fault = stateDirFault(stateDir);
  if (fault === undefined) return;
  throw new OperatingError('unsafe-root', `open state directory ${stateDir}: ${fault.message}; ${fault.remedy}`);
}

export interface StateDirFault {
  readonly message: string;
  /** A command. */
  readonly remedy: string;
}

export function stateDirFault(
  stateDir: string,
  user: number | undefined = process.geteuid?.(),
): StateDirFault | undefined {
  try {
    return user === ROOT ? (writersFault(stateDir) ?? linkFault(stateDir, user)) : linkFault(stateDir, user);
  } catch (error) {
    // What cannot be looked at, whoever needs it says so.
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}

function writersFault(stateDir: string): StateDirFault | undefined {
  for (const directory of [stateDir, join(stateDir, PINS)]) {
    const stats = statSync(directory, { throwIfNoEntry: false });
    if (stats === undefined || (stats.mode & FOREIGN_WRITE_BITS) === 0) continue;
    const which = directory === stateDir ? 'it' : `its ${PINS}/`;
    const message = `${which} can be written by others than its owner, and this worker runs as root`;
    return { message, remedy: `chmod go-w ${wordOf(directory)}` };
  }
  return undefined;
}

function linkFault(stateDir: string, user: number | undefined): StateDirFault | undefined {
  for (const entry of readdirSync(stateDir, { withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const path = join(stateDir, entry.name);
    const link = lstatSync(path, { throwIfNoEntry: false });
    if (link === undefined || !isForeignLink(link, entry.name, user)) continue;
    const isRight = LOCK.test(entry.name) ? '' : `, or, where it is right, chown -h ${user ?? ROOT} ${wordOf(path)}`;
    return {
      message: `its ${entry.name} is a symlink of user ${link.uid}, and is not followed`,
      remedy: `rm ${wordOf(path)}${isRight}`,
    };
  }
  return undefined;
}

function isForeignLink({ uid }: Stats, name: string, user: number | undefined): boolean {
  return LOCK.test(name) || (uid !== ROOT && uid !== user);
}

function wordOf(path: string): string {
  return shellWord(Buffer.from(path, 'utf8').toString('latin1'));
}
