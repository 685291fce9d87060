/** Looks at what one directory holds of sessions. Synchronous, and the same in every thread that takes part in a scan. */

import { IN_PROJECT, type IrregularPart } from '../claude-dir/irregular-parts.ts';
import { companionPlace, PROJECTS, parseProjectEntry } from '../claude-dir/layout.ts';
import { type LinkedFile, Measurer, type ReadFault, type Surroundings } from '../claude-dir/measure.ts';
import { parseSessionId, type SessionId } from '../claude-dir/session-id.ts';
import type { Part } from '../claude-dir/unit.ts';
import { errnoError, errorCode, isExhaustion } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, displayName } from '../files/byte-name.ts';
import type { DirEntry } from '../files/native-calls.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import { type DirectoryTask, directoryOf } from './directory-task.ts';
import { companionFlag, DIRECTORY_FLAG, NO_FLAG, PartRecordWriter, TRANSCRIPT_FLAG } from './part-records.ts';

/** A part whose name does not follow from its session's id. */
export interface IrregularEntry {
  /** Which of the rows is about it. */
  readonly row: number;
  readonly name: ByteName;
  readonly kind: Part['kind'];
  /** Only the first eight digits of the session's id are known. */
  readonly isByHead: boolean;
}

/** A name of a file that has several. */
export interface Link extends LinkedFile {
  /** The row about the part that the name is in. */
  readonly row: number;
}

/** What was found; plain data, since it goes from thread to thread. */
export interface DirectoryRecords {
  /** Where it was found: the index of a project, or else of a companion place. */
  readonly project: number | undefined;
  readonly place: number | undefined;
  /** How many entries the directory has, or this share of it, whatever they are. */
  readonly entries: number;
  readonly buffer: ArrayBuffer;
  readonly count: number;
  /** In the order of their rows; mostly none. */
  readonly irregular: readonly IrregularEntry[];
  /** Names of files that have several, in the order of their rows; mostly none. */
  readonly links: readonly Link[];
  /** Whether it could be read in full; one that is not there was. */
  readonly isRead: boolean;
  readonly faults: readonly ReadFault[];
}

const NO_DIRECTORY = 'as it is no directory; what is behind it stays: make it one';
/** Why a place of companions is none to work in, by the error. */
const WHY_ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['EXDEV', 'as it is a mount; whoever has something in it stays: mount the whole Claude directory instead'],
  ['ELOOP', NO_DIRECTORY],
  ['ENOTDIR', NO_DIRECTORY],
]);

export class DirectoryScanner {
  readonly #root: AnchoredDir;
  readonly #projects: AnchoredDir;
  readonly #surroundings: Surroundings;

  constructor(root: AnchoredDir, projects: AnchoredDir, surroundings: Surroundings) {
    this.#root = root;
    this.#projects = projects;
    this.#surroundings = surroundings;
  }

  /** @throws the system's error where the process itself ran out of descriptors or memory */
  scan(task: DirectoryTask): DirectoryRecords {
    const found = new Found(task, this.#surroundings);
    const directory = directoryOf(task);
    const visit = (held: AnchoredDir, entry: DirEntry) => addEntry(task, found, held, directory, entry);
    const isHere = this.#inDirectory(directory, found, visit);
    const isRead = isHere || (task.kind === 'companions' && this.#inOtherPlace(directory, found, visit));
    return found.result(isRead);
  }

  /**
   * The same for single entries of the directory of a task, which have been listed by others.
   * @param inode the number of the directory in which they were listed
   * @returns nothing where another directory stands there now, or none
   * @throws as `scan`
   */
  scanEntries(task: DirectoryTask, inode: number, entries: readonly DirEntry[]): DirectoryRecords[] | undefined {
    const found = new Found(task, this.#surroundings);
    const directory = directoryOf(task);
    try {
      const held = this.#open(directory);
      try {
        if (held.ino !== inode) return undefined;
        for (const entry of entries) addEntry(task, found, held, directory, entry);
        return [found.result(true)];
      } finally {
        held.close();
      }
    } catch (error) {
      found.forgive(directory.join('/'), error);
      return undefined;
    }
  }

  /**
   * What lies in a mount is left alone; but whose it is can be read there, and those sessions stay. Behind a symlink or a file nothing of
   * a session can be seen: it stays where it is, and holds up nobody.
   * @returns whether that is known
   */
  #inOtherPlace(
    directory: readonly ByteName[],
    found: Found,
    visit: (held: AnchoredDir, entry: DirEntry) => void,
  ): boolean {
    const fault = found.faults.pop();
    if (fault === undefined) return false;
    const why = WHY_ELSEWHERE.get(fault.code);
    found.fault(fault.path, why === undefined ? fault.code : `${fault.code}, ${why}`);
    if (fault.code !== 'EXDEV') return why !== undefined;
    const held = new OpenDirs(this.#root);
    try {
      found.isElsewhere = true;
      const place = held.find(directory);
      if (place === undefined) return true;
      for (const entry of place.entries()) if (found.isOurShare(entry.name)) visit(place, entry);
      return true;
    } catch (error) {
      return found.forgive(fault.path, error);
    } finally {
      held.close();
    }
  }

  /** @returns whether it could be read; a place that is not there is read in full */
  #inDirectory(
    directory: readonly ByteName[],
    found: Found,
    visit: (held: AnchoredDir, entry: DirEntry) => void,
  ): boolean {
    const path = directory.join('/');
    let held: AnchoredDir;
    try {
      held = this.#open(directory);
    } catch (error) {
      return found.forgive(path, error);
    }
    try {
      for (const entry of held.entries()) {
        if (!found.isOurShare(entry.name)) continue;
        found.entries += 1;
        visit(held, entry);
      }
      return true;
    } catch (error) {
      // What a part of it throws is seen to where that is measured: this is of the directory itself.
      found.forgive(path, error);
      return false;
    } finally {
      held.close();
    }
  }

  /** @throws the system's error; EXDEV where it, or a directory on the way to it, is a mount point */
  #open(directory: readonly ByteName[]): AnchoredDir {
    if (directory[0] === PROJECTS) return this.#openChild(this.#projects, directory);
    let held = this.#openChild(this.#root, directory.slice(0, 1));
    for (let depth = 2; depth <= directory.length; depth += 1) {
      const parent = held;
      try {
        held = this.#openChild(parent, directory.slice(0, depth));
      } finally {
        parent.close();
      }
    }
    return held;
  }

  /** @param path of the child, whose last name is opened in `parent` */
  #openChild(parent: AnchoredDir, path: readonly ByteName[]): AnchoredDir {
    const { dev, mountPoints } = this.#surroundings;
    const [name, shown] = [path.at(-1), path.join('/')];
    if (name === undefined || mountPoints.has(shown)) throw errnoError('EXDEV', displayName(shown));
    const held = parent.openChild(name);
    if (held.dev === dev) return held;
    held.close();
    throw errnoError('EXDEV', displayName(shown));
  }
}

function addEntry(
  task: DirectoryTask,
  found: Found,
  held: AnchoredDir,
  directory: readonly ByteName[],
  entry: DirEntry,
): void {
  const { name } = entry;
  if (task.kind === 'project') {
    const known = parseProjectEntry(name);
    if (known === undefined) {
      found.addIrregular(IN_PROJECT.find(entry, held), held, directory, entry);
      return;
    }
    const part: Part = { directory, name, kind: known.isTranscript ? 'file' : 'directory' };
    found.add(known.sessionId, held, part, entry, known.isTranscript ? TRANSCRIPT_FLAG : DIRECTORY_FLAG);
    return;
  }
  const { regular, irregular } = companionPlace(task.place);
  const sessionId = regular?.sessionOf(name);
  if (regular === undefined || sessionId === undefined) {
    found.addIrregular(irregular?.find(entry, held), held, directory, entry);
    return;
  }
  found.add(sessionId, held, { directory, name, kind: regular.kind }, entry, companionFlag(task.place));
}

/** What a task has come upon so far. */
class Found {
  entries = 0;
  /** Set where what is found lies in a mount below the Claude directory. */
  isElsewhere = false;
  readonly rows = new PartRecordWriter();
  readonly irregular: IrregularEntry[] = [];
  readonly links: Link[] = [];
  readonly faults: ReadFault[] = [];
  readonly #task: DirectoryTask;
  readonly #surroundings: Surroundings;

  constructor(task: DirectoryTask, surroundings: Surroundings) {
    this.#task = task;
    this.#surroundings = surroundings;
  }

  /** @param found undefined for what is no session's */
  addIrregular(
    found: IrregularPart | undefined,
    held: AnchoredDir,
    directory: readonly ByteName[],
    entry: DirEntry,
  ): void {
    if (found === undefined) return;
    const { owner, kind } = found;
    const isByHead = 'head' in owner;
    this.irregular.push({ row: this.rows.count, name: entry.name, kind, isByHead });
    const sessionId = isByHead ? idWithHead(owner.head) : owner.sessionId;
    this.add(sessionId, held, { directory, name: entry.name, kind }, entry, NO_FLAG);
  }

  add(sessionId: SessionId, held: AnchoredDir, part: Part, entry: DirEntry, flag: number): void {
    const measurer = new Measurer(this.#surroundings);
    if (this.isElsewhere) measurer.suspect('other-filesystem');
    else if (entry.kind === part.kind) measurer.add(held, part);
    else measurer.suspect('unrecognised');
    for (const file of measurer.linked) this.links.push({ ...file, row: this.rows.count });
    this.rows.add(sessionId, flag, measurer);
    for (const fault of measurer.faults) this.faults.push(fault);
  }

  result(isRead: boolean): DirectoryRecords {
    return {
      project: this.#task.kind === 'project' ? this.#task.project : undefined,
      place: this.#task.kind === 'project' ? undefined : this.#task.place,
      entries: this.entries,
      buffer: this.rows.buffer,
      count: this.rows.count,
      irregular: this.irregular,
      links: this.links,
      isRead,
      faults: this.faults,
    };
  }

  forgive(path: string, error: unknown): boolean {
    const code = errorCode(error);
    if (code === undefined || isExhaustion(code)) throw error;
    if (code === 'ENOENT') return true;
    return this.fault(path, code);
  }

  fault(path: string, code: string): false {
    this.faults.push({ path, code });
    return false;
  }

  isOurShare(name: ByteName): boolean {
    const { share, shares } = this.#task;
    return shares === 1 || name.charCodeAt(0) % shares === share;
  }
}

/** Stands for the session in a row until all sessions are known. */
function idWithHead(head: string): SessionId {
  const sessionId = parseSessionId(`${head}-0000-0000-0000-000000000000`);
  if (sessionId === undefined) throw new Error(`no beginning of an id: ${head}`);
  return sessionId;
}
