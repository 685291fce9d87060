/**
 * What else takes room in a Claude directory and in Claude's directory for temporary files: nothing of it is a session's, and nothing of it
 * is ever touched. Looked at within bounds, however much there is.
 */

import { errorCode, isExhaustion } from '../errors.ts';
import { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, displayName } from '../files/byte-name.ts';
import { inDirectory } from '../files/in-directory.ts';
import type { DirEntry } from '../files/native-calls.ts';
import type { ClaudeDir } from './claude-dir.ts';
import { COMPANION_PLACES, PROJECTS, SWEEPER_DIRECTORY } from './layout.ts';
import { DEPTH_MAX } from './measure.ts';

export interface OtherUse {
  /** Below the Claude directory, or the whole path of what lies outside of it. */
  readonly path: string;
  /** Allocated blocks. */
  readonly diskBytes: number;
  readonly files: number;
  /** There is more of it than was looked at. */
  readonly isCutOff: boolean;
}

/** A second's work or less, divided between all that there is. */
const ENTRIES_MAX = 100_000;
const BLOCK_BYTES = 512;
/** Directories nest no deeper where somebody can use them. */
const LEVELS_MAX = 2 * DEPTH_MAX;

/** @param tempDirs of Claude, with what its runs leave in them; those that are there @returns the biggest first */
export function otherUses(claudeDir: ClaudeDir, tempDirs: readonly string[]): readonly OtherUse[] {
  const items = [...itemsOf(claudeDir), ...tempDirs.map((path) => outside(path, claudeDir.surroundings.uid))];
  const uses = items.map(({ path, measure }) => {
    const counted = new Counted(Math.ceil(ENTRIES_MAX / items.length));
    ignoringErrors(() => measure(counted));
    return { path, diskBytes: counted.diskBytes, files: counted.files, isCutOff: counted.isFull };
  });
  return uses.filter(({ diskBytes }) => diskBytes > 0).sort((one, other) => other.diskBytes - one.diskBytes);
}

/** Where runs of Claude keep temporary files: by its own variable, else in the system's directory. */
export function claudeTempDirs({ surroundings }: ClaudeDir, environment: Readonly<Record<string, string | undefined>>) {
  const parents = [environment.CLAUDE_CODE_TMPDIR, environment.TMPDIR, '/tmp'].filter((path) => path?.startsWith('/'));
  return [...new Set(parents.map((parent) => `${parent}/claude-${surroundings.uid}`))];
}

interface Item {
  readonly path: string;
  measure(counted: Counted): void;
}

/** All at the top but what sessions have; and, where sessions have something, what is no session's. */
function itemsOf({ home: root }: ClaudeDir): Item[] {
  const ofSessions = new Set<string>([
    PROJECTS,
    SWEEPER_DIRECTORY,
    ...COMPANION_PLACES.map(({ directory }) => directory[0] ?? ''),
  ]);
  const atTop = root.entries().filter(({ name }) => !ofSessions.has(name));
  const inPlaces = COMPANION_PLACES.flatMap(({ directory, regular, irregular }): Item[] => {
    const [name, ...deeper] = directory;
    // What is more than one kind takes looking into it to tell.
    if (name === undefined || deeper.length > 0 || regular === undefined || irregular !== undefined) return [];
    const measure = (counted: Counted) => {
      inDirectory(root, name, (place) => {
        for (const entry of place.entries()) if (regular.sessionOf(entry.name) === undefined) counted.add(place, entry);
        return [];
      });
    };
    return [{ path: `${displayName(name)}, of no session`, measure }];
  });
  return [
    ...atTop.map((entry) => ({
      path: displayName(entry.name),
      measure: (counted: Counted) => counted.add(root, entry),
    })),
    ...inPlaces,
  ];
}

/** Another user may have made a directory of that name. */
function outside(path: string, uid: number): Item {
  const measure = (counted: Counted) => {
    const directory = AnchoredDir.open(path);
    try {
      if (directory.uid === uid) counted.addEntries(directory, 0);
    } finally {
      directory.close();
    }
  };
  return { path: displayName(path), measure };
}

class Counted {
  entries = 0;
  files = 0;
  diskBytes = 0;
  readonly #entriesMax: number;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get isFull(): boolean {
    return this.entries >= this.#entriesMax;
  }

  add(parent: AnchoredDir, entry: DirEntry, level = 0): void {
    if (this.isFull) return;
    this.entries += 1;
    if (entry.kind === 'directory') this.#addDirectory(parent, entry.name, level);
    else ignoringErrors(() => this.#addFile(parent, entry.name));
  }

  addEntries(directory: AnchoredDir, level: number): void {
    this.diskBytes += directory.blocks * BLOCK_BYTES;
    for (const entry of directory.entries()) {
      if (this.isFull) return;
      this.add(directory, entry, level + 1);
    }
  }

  #addFile(parent: AnchoredDir, name: ByteName): void {
    const facts = parent.lstat(name);
    if (facts === undefined) return;
    this.files += 1;
    this.diskBytes += (facts.blocks * BLOCK_BYTES) / facts.nlink;
  }

  #addDirectory(parent: AnchoredDir, name: ByteName, level: number): void {
    if (level >= LEVELS_MAX) return;
    ignoringErrors(() => {
      const directory = parent.openChild(name);
      try {
        // What is mounted there is another disk's.
        if (directory.dev === parent.dev) this.addEntries(directory, level);
      } finally {
        directory.close();
      }
    });
  }
}

/** What cannot be looked at is not counted: it is only shown. */
function ignoringErrors(look: () => void): void {
  try {
    look();
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || isExhaustion(code)) throw error;
  }
}
