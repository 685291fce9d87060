/** The directories that units are moved between, held open while a batch goes on; and where in them a unit is. */

import type { Part, Unit } from '../claude-dir/unit.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import { type AddedSinceScan, UNIT_DIRECTORIES_MAX } from './added-since-scan.ts';
import type { Movable, NamedIn } from './native-moves.ts';

export class OpenPlaces {
  /** Directories below the Claude directory. */
  readonly source: OpenDirs;
  /** Directories below the trash folder. */
  readonly target: OpenDirs;

  constructor(claudeRoot: AnchoredDir, folder: AnchoredDir) {
    this.source = new OpenDirs(claudeRoot);
    this.target = new OpenDirs(folder);
  }

  beginBatch(): void {
    this.source.beginBatch();
    this.target.beginBatch();
  }

  endBatch(): void {
    this.source.endBatch();
    this.target.endBatch();
  }

  /** Whether the directories of one more unit can be held open. */
  hasRoom(): boolean {
    return this.source.hasRoom(UNIT_DIRECTORIES_MAX) && this.target.hasRoom(UNIT_DIRECTORIES_MAX);
  }

  makeRoom(): void {
    if (this.hasRoom()) return;
    this.endBatch();
    this.source.close();
    this.target.close();
  }

  /** @returns undefined where it takes more than looks at names, or fails: by itself it fails as well, and that tells */
  movable(unit: Unit, added: AddedSinceScan): Movable | undefined {
    try {
      const absent = added.absentNames(unit);
      const parts: Movable['parts'][number][] = [];
      for (const part of unit.parts) {
        const to = this.target.findOrMake(part.directory);
        const from = this.source.find(part.directory);
        if (from === undefined) return undefined;
        parts.push({ part, from: from.plainFd, to: to.plainFd });
      }
      return absent && { measure: unit, absent: this.oldNames(absent), parts };
    } catch {
      return undefined;
    }
  }

  /** Nothing is under a name whose directory is no more. */
  oldNames(parts: readonly Pick<Part, 'directory' | 'name'>[]): NamedIn[] {
    return parts.flatMap(({ directory, name }) => {
      const held = this.source.find(directory);
      return held === undefined ? [] : [{ directory: held.plainFd, name }];
    });
  }

  close(): void {
    this.source.close();
    this.target.close();
  }
}
