/**
 * Keeps the directories open that a batch works in: a few at a time, each checked to be still the one under its name.
 * A directory that was handed out is good until the next call.
 */

import { errorCode } from '../../errors.ts';
import type { AnchoredDir } from '../anchored-dir.ts';
import type { ByteName } from '../byte-name.ts';

/** Enough for one project and all companion places; far below any limit of descriptors. */
const HELD_MAX = 24;

const ABSENT_CODES: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

export class HeldDirs {
  readonly #root: AnchoredDir;
  readonly #held = new Map<string, AnchoredDir>();

  /** @param root stays its owner's to close */
  constructor(root: AnchoredDir) {
    this.#root = root;
  }

  /**
   * The directory at a path below the root, or undefined where there is none (any more): gone, or a file or symlink by now.
   * @throws the system's error
   */
  find(path: readonly ByteName[]): AnchoredDir | undefined {
    try {
      return this.#walk(path, (parent, name) => parent.openChild(name));
    } catch (error) {
      if (ABSENT_CODES.has(errorCode(error) ?? '')) return undefined;
      throw error;
    }
  }

  /** The same, with what is missing made. */
  findOrMake(path: readonly ByteName[]): AnchoredDir {
    return this.#walk(path, (parent, name) => parent.openOrMakeChild(name));
  }

  close(): void {
    for (const directory of this.#held.values()) directory.close();
    this.#held.clear();
  }

  #walk(path: readonly ByteName[], open: (parent: AnchoredDir, name: ByteName) => AnchoredDir): AnchoredDir {
    let parent = this.#root;
    let key = '';
    for (const name of path) {
      key += `/${name}`;
      parent = this.#child(key, parent, name, open);
    }
    return parent;
  }

  #child(
    key: string,
    parent: AnchoredDir,
    name: ByteName,
    open: (parent: AnchoredDir, name: ByteName) => AnchoredDir,
  ): AnchoredDir {
    const held = this.#held.get(key);
    // Moved away or swapped since we opened it: what lies in it is no longer below the root.
    if (held !== undefined && parent.holds(name, held)) return held;
    if (held !== undefined) this.#drop((other) => other === key || other.startsWith(`${key}/`));
    if (this.#held.size >= HELD_MAX) this.#drop((_, directory) => directory !== parent);
    const opened = open(parent, name);
    this.#held.set(key, opened);
    return opened;
  }

  #drop(isDropped: (key: string, directory: AnchoredDir) => boolean): void {
    for (const [key, directory] of this.#held) {
      if (!isDropped(key, directory)) continue;
      directory.close();
      this.#held.delete(key);
    }
  }
}
