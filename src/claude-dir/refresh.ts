/** Makes old files of a unit younger, so that whoever goes by the time of their last change spares them. Changes times alone. */

import { closeSync, constants, fstatSync, futimesSync } from 'node:fs';
import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import type { ClaudeDir } from './claude-dir.ts';
import type { Part, Unit } from './unit.ts';

export interface RefreshTimes {
  /** What was last changed before this is set to it. Unix epoch ms. */
  readonly toMs: number;
  readonly nowMs: number;
}

/** @returns how many files and directories were made younger; what cannot be is left as it is */
export function refreshUnit(claudeDir: ClaudeDir, unit: Unit, times: RefreshTimes): number {
  const held = new OpenDirs(claudeDir.root);
  try {
    return unit.parts.reduce((refreshed, part) => refreshed + refreshPart(held, part, times), 0);
  } finally {
    held.close();
  }
}

function refreshPart(held: OpenDirs, part: Part, times: RefreshTimes): number {
  const parent = held.find(part.directory);
  if (parent === undefined) return 0;
  return part.kind === 'file' ? refreshFile(parent, part.name, times) : refreshTree(parent, part.name, times);
}

function refreshTree(parent: AnchoredDir, name: ByteName, times: RefreshTimes): number {
  let directory: AnchoredDir;
  try {
    directory = parent.openChild(name);
  } catch (error) {
    return ignored(error);
  }
  try {
    let refreshed = 0;
    for (const entry of directory.entries()) {
      if (entry.kind === 'directory') refreshed += refreshTree(directory, entry.name, times);
      if (entry.kind === 'file') refreshed += refreshFile(directory, entry.name, times);
    }
    return refreshed + refreshOpen(directory.fd, times);
  } finally {
    directory.close();
  }
}

function refreshFile(directory: AnchoredDir, name: ByteName, times: RefreshTimes): number {
  let fd: number;
  try {
    fd = directory.openFile(name, constants.O_RDONLY);
  } catch (error) {
    return ignored(error);
  }
  try {
    return fstatSync(fd).isFile() ? refreshOpen(fd, times) : 0;
  } finally {
    closeSync(fd);
  }
}

function refreshOpen(fd: number, { toMs, nowMs }: RefreshTimes): number {
  const before = fstatSync(fd);
  if (before.mtimeMs >= toMs) return 0;
  try {
    futimesSync(fd, before.atimeMs / 1_000, toMs / 1_000);
    // Written to in this very moment: then it is as young as that.
    if (fstatSync(fd).size !== before.size) futimesSync(fd, nowMs / 1_000, nowMs / 1_000);
    return 1;
  } catch (error) {
    return ignored(error);
  }
}

/** Gone, or not ours: it is not our loss. */
function ignored(error: unknown): 0 {
  const code = errorCode(error);
  if (code === undefined || isExhaustion(code)) throw error;
  return 0;
}
