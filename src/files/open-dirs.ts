/**
 * Keeps the directories open that a batch works in: a few at a time, each checked to be still the one under its name.
 * A directory that was handed out is good until the next call.
 */

import { errorCode } from '../errors.ts';
import type { AnchoredDir } from './anchored-dir.ts';
import type { ByteName } from './byte-name.ts';

/** Enough for many projects and all companion places; far below any limit of descriptors. */
const HELD_MAX = 40;

const ABSENT_CODES: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

interface Held {
  readonly directory: AnchoredDir;
  readonly name: ByteName;
  parent: AnchoredDir;
  /** The trust during which it was last seen under its name. */
  seenIn: number;
}

export class OpenDirs {
  readonly #root: AnchoredDir;
  readonly #held = new Map<string, Held>();
  #isTrusting = false;
  #batches = 0;

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

  /**
   * From here on a directory that was found once is taken to be in its place still, and stays open, until `endBatch`: for a
   * batch of moves, which is looked over once at its end.
   */
  beginBatch(): void {
    this.#batches += 1;
    this.#isTrusting = true;
  }

  /** Those found since `beginBatch` that are not in their place any more. Trust goes on: they can still be worked in. */
  movedAway(): ReadonlySet<AnchoredDir> {
    const movedAway = new Set<AnchoredDir>();
    // Parents come before their children.
    for (const { directory, parent, name, seenIn } of this.#held.values()) {
      if (seenIn !== this.#batches) continue;
      if (movedAway.has(parent) || !parent.holds(name, directory)) movedAway.add(directory);
    }
    return movedAway;
  }

  endBatch(): void {
    this.#isTrusting = false;
  }

  /** Whether a unit's directories can all be held without any being closed. */
  hasRoom(directories: number): boolean {
    return this.#held.size + directories <= HELD_MAX;
  }

  close(): void {
    for (const { directory } of this.#held.values()) directory.close();
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
    if (held !== undefined) {
      if (this.#isTrusting && held.seenIn === this.#batches) return held.directory;
      if (parent.holds(name, held.directory)) {
        held.parent = parent;
        held.seenIn = this.#batches;
        return held.directory;
      }
      // Moved away or swapped since we opened it: what lies in it is no longer below the root.
      this.#drop((other) => other === key || other.startsWith(`${key}/`));
    }
    if (this.#held.size >= HELD_MAX) this.#drop((_, directory) => directory !== parent);
    const directory = open(parent, name);
    this.#held.set(key, { directory, name, parent, seenIn: this.#batches });
    return directory;
  }

  #drop(isDropped: (key: string, directory: AnchoredDir) => boolean): void {
    for (const [key, { directory }] of this.#held) {
      if (!isDropped(key, directory)) continue;
      directory.close();
      this.#held.delete(key);
    }
  }
}
