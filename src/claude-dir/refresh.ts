/**
 * Makes old files of a unit younger, so that whoever goes by the time of their last change spares them. Changes times alone, and of
 * nothing that has another name, owner or file system than the unit: that is not ours.
 */

import { closeSync, constants, fstatSync, futimesSync } from 'node:fs';
import { errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { mountIdOf } from '../files/mount-id.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { DEPTH_MAX, type Surroundings } from './measure.ts';
import type { Part } from './unit.ts';

export interface RefreshTimes {
  /** What was last changed before this is set to it. Unix epoch ms. */
  readonly toMs: number;
  readonly nowMs: number;
}

/** @returns how many files and directories were made younger; what cannot be is left as it is */
export function refreshParts(claudeDir: ClaudeDir, parts: readonly Part[], times: RefreshTimes): number {
  const held = new OpenDirs(claudeDir.root);
  try {
    const refresh = new Refresh(claudeDir.surroundings, times);
    return parts.reduce((refreshed, part) => refreshed + refresh.part(held, part), 0);
  } finally {
    held.close();
  }
}

/** Looks at many units, one after the other, and changes nothing. */
export class OlderParts {
  readonly #held: OpenDirs;
  readonly #look: Refresh;

  constructor(claudeDir: ClaudeDir, thanMs: number) {
    this.#held = new OpenDirs(claudeDir.root);
    this.#look = new Refresh(claudeDir.surroundings, { toMs: thanMs, nowMs: thanMs }, 'look');
    // What is moved meanwhile is looked at by its old name or not at all: no more than a question hangs on it.
    this.#held.beginBatch();
  }

  /** Whether anything of a unit is so old that it would be made younger, or cannot be looked at: then it may be. */
  has(parts: readonly Part[]): boolean {
    try {
      return parts.some((part) => this.#look.part(this.#held, part) > 0);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return true;
    }
  }

  close(): void {
    this.#held.close();
  }
}

class Refresh {
  readonly #surroundings: Surroundings;
  readonly #times: RefreshTimes;
  readonly #isLook: boolean;

  constructor(surroundings: Surroundings, times: RefreshTimes, mode: 'change' | 'look' = 'change') {
    this.#surroundings = surroundings;
    this.#times = times;
    this.#isLook = mode === 'look';
  }

  part(held: OpenDirs, { directory, name, kind }: Part): number {
    const parent = held.find(directory);
    if (parent === undefined) return 0;
    return kind === 'file' ? this.#file(parent, name) : this.#tree(parent, name, directory.join('/'), 0);
  }

  #tree(parent: AnchoredDir, name: ByteName, parentPath: string, depth: number): number {
    const path = `${parentPath}/${name}`;
    if (depth >= DEPTH_MAX || this.#surroundings.mountPoints.has(path)) return 0;
    let directory: AnchoredDir;
    try {
      directory = parent.openChild(name);
    } catch (error) {
      return ignored(error);
    }
    try {
      if (!this.#isOurs(directory)) return 0;
      let refreshed = 0;
      for (const entry of directory.entries()) {
        if (entry.kind === 'directory') refreshed += this.#tree(directory, entry.name, path, depth + 1);
        if (entry.kind === 'file') refreshed += this.#file(directory, entry.name);
      }
      // What is done in it changes its own time, so it comes last.
      return refreshed + this.#open(directory.fd);
    } finally {
      directory.close();
    }
  }

  #file(directory: AnchoredDir, name: ByteName): number {
    let fd: number;
    try {
      // Most are young enough, and looking costs less than opening.
      const facts = directory.lstat(name);
      if (facts === undefined || !facts.isFile() || facts.nlink > 1 || facts.mtimeMs >= this.#times.toMs) return 0;
      if (this.#isLook) return 1;
      fd = directory.openFile(name, constants.O_RDONLY);
    } catch (error) {
      return ignored(error);
    }
    try {
      const stats = fstatSync(fd);
      return stats.isFile() && stats.nlink === 1 && this.#isOurs(stats, fd) ? this.#open(fd) : 0;
    } finally {
      closeSync(fd);
    }
  }

  #open(fd: number): number {
    const { toMs, nowMs } = this.#times;
    const before = fstatSync(fd);
    if (before.mtimeMs >= toMs) return 0;
    if (this.#isLook) return 1;
    try {
      futimesSync(fd, before.atimeMs / 1_000, toMs / 1_000);
      // Written to in this very moment: then it is as young as that.
      if (fstatSync(fd).size !== before.size) futimesSync(fd, nowMs / 1_000, nowMs / 1_000);
      return 1;
    } catch (error) {
      return ignored(error);
    }
  }

  /** @param file that has a device number of its own in an overlay */
  #isOurs({ dev, uid }: { readonly dev: number; readonly uid: number }, file?: number): boolean {
    const { dev: here, mountId, uid: owner } = this.#surroundings;
    if (uid !== owner) return false;
    return dev === here || (file !== undefined && mountId !== undefined && mountIdOf(file) === mountId);
  }
}

/** Gone, or not ours: it is not our loss. */
function ignored(error: unknown): 0 {
  const code = errorCode(error);
  if (code === undefined || isExhaustion(code)) throw error;
  return 0;
}
