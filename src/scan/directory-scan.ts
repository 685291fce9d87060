/** Looks at what one directory holds of sessions. Synchronous, and the same in every thread that takes part in a scan. */

import {
  COMPANION_PLACES,
  type CompanionPlace,
  PROJECTS,
  parseProjectEntry,
  transcriptName,
} from '../claude-dir/layout.ts';
import { isExhaustion, Measurer, type ReadFault, type Surroundings } from '../claude-dir/measure.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import type { Part } from '../claude-dir/unit.ts';
import { errorCode } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, ownName } from '../files/byte-name.ts';
import type { DirEntry } from '../files/native-calls.ts';
import { companionFlag, DIRECTORY_FLAG, RowWriter, TRANSCRIPT_FLAG } from './part-records.ts';
import type { KnownRows } from './scan-memory.ts';

/** A directory to look at, or a share of it: a large one is looked at by several threads. */
export type DirectoryTask = (
  | { readonly kind: 'project'; readonly name: ByteName; readonly project: number }
  | { readonly kind: 'companions'; readonly place: number }
) & {
  /** Which share of the sessions, from 0 on, of how many. */
  readonly share: number;
  readonly shares: number;
};

/** What was found; plain data, since it goes from thread to thread. */
export interface DirectoryRows {
  /** Its path in the Claude directory, and into how many shares it was divided. */
  readonly directory: string;
  readonly shares: number;
  /** Undefined for a place beside `projects/`. */
  readonly project: number | undefined;
  readonly buffer: ArrayBuffer;
  readonly count: number;
  /** Whether it could be read in full; one that is not there was. */
  readonly isRead: boolean;
  /** Whether it was there when it was opened. */
  readonly isThere: boolean;
  readonly faults: readonly ReadFault[];
}

/** The path of a task's directory in the Claude directory. */
export function directoryOf(task: DirectoryTask): string {
  return task.kind === 'project' ? `${PROJECTS}/${task.name}` : placeOf(task.place).directory;
}

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
  scan(task: DirectoryTask, known?: KnownRows): DirectoryRows {
    const found = new Found(task, this.#surroundings, known);
    const isRead = task.kind === 'project' ? this.#scanProject(task.name, found) : this.#scanPlace(task.place, found);
    return found.result(isRead);
  }

  /**
   * What a directory holds in which nothing has come or gone: only what is not to be trusted is looked at. Where that contradicts
   * what is known, or was in doubt, all of it is.
   * @throws as `scan`
   */
  scanUnchanged(task: DirectoryTask, known: KnownRows): DirectoryRows {
    const parentName = task.kind === 'project' ? task.name : placeOf(task.place).directory;
    const [parent, directory] =
      task.kind === 'project' ? [this.#projects, [PROJECTS, task.name]] : [this.#root, [parentName]];
    const found = new Found(task, this.#surroundings, known);
    let isAsKnown = true;
    const isRead = this.#inOpened(parent, parentName, directoryOf(task), found, (held) => {
      for (let row = 0; row < known.rows.count && isAsKnown; row += 1) {
        if (known.isTrusted(row)) {
          found.rows.copy(known.rows, row);
          continue;
        }
        const { sessionId, flag } = known.part(row);
        const part = { directory, ...nameOf(task, sessionId, flag) };
        isAsKnown = !known.isDoubted(row) && found.measure(sessionId, held, part, flag);
      }
    });
    return isAsKnown ? found.result(isRead) : this.scan(task);
  }

  #scanProject(name: ByteName, found: Found): boolean {
    const directory = [PROJECTS, name];
    return this.#inDirectory(this.#projects, name, directory.join('/'), found, (held, entry) => {
      const known = parseProjectEntry(entry.name);
      if (known === undefined) return;
      const part: Part = { directory, name: entry.name, kind: known.isTranscript ? 'file' : 'directory' };
      found.add(known.sessionId, held, part, entry, known.isTranscript ? TRANSCRIPT_FLAG : DIRECTORY_FLAG);
    });
  }

  #scanPlace(index: number, found: Found): boolean {
    const place = placeOf(index);
    const directory = [place.directory];
    return this.#inDirectory(this.#root, place.directory, place.directory, found, (held, entry) => {
      const sessionId = place.sessionOf(entry.name);
      if (sessionId === undefined) return;
      found.add(sessionId, held, { directory, name: entry.name, kind: place.kind }, entry, companionFlag(index));
    });
  }

  #inDirectory(
    parent: AnchoredDir,
    name: ByteName,
    path: string,
    found: Found,
    visit: (held: AnchoredDir, entry: DirEntry) => void,
  ): boolean {
    return this.#inOpened(parent, name, path, found, (held) => {
      for (const entry of held.entries()) visit(held, entry);
    });
  }

  /** @returns whether it could be read; a place that is not there is read in full */
  #inOpened(
    parent: AnchoredDir,
    name: ByteName,
    path: string,
    found: Found,
    visit: (held: AnchoredDir) => void,
  ): boolean {
    const { dev, mountPoints } = this.#surroundings;
    if (mountPoints.has(path)) return found.fault(path, 'EXDEV');
    let held: AnchoredDir;
    try {
      held = parent.openChild(name);
    } catch (error) {
      found.isThere = false;
      return found.forgive(path, error);
    }
    try {
      if (held.dev !== dev) return found.fault(path, 'EXDEV');
      visit(held);
      return true;
    } catch (error) {
      // What a part of it throws is seen to where that is measured: this is of the directory itself.
      found.forgive(path, error);
      return false;
    } finally {
      held.close();
    }
  }
}

function placeOf(index: number): CompanionPlace {
  const place = COMPANION_PLACES[index];
  if (place === undefined) throw new Error(`no companion place ${index}`);
  return place;
}

/** What a part is called; of to-do lists it does not follow from the session. */
function nameOf(task: DirectoryTask, sessionId: SessionId, flag: number): Pick<Part, 'name' | 'kind'> {
  if (task.kind === 'companions') {
    const { nameFor, kind } = placeOf(task.place);
    return { name: nameFor(sessionId), kind };
  }
  return flag === TRANSCRIPT_FLAG
    ? { name: transcriptName(sessionId), kind: 'file' }
    : { name: ownName(sessionId), kind: 'directory' };
}

/** What a task has come upon so far. */
class Found {
  readonly rows: RowWriter;
  readonly faults: ReadFault[] = [];
  isThere = true;
  readonly #task: DirectoryTask;
  readonly #surroundings: Surroundings;
  readonly #known: KnownRows | undefined;

  constructor(task: DirectoryTask, surroundings: Surroundings, known: KnownRows | undefined) {
    this.#task = task;
    this.#surroundings = surroundings;
    this.#known = known;
    this.rows = new RowWriter(known?.rows.count);
  }

  add(sessionId: SessionId, held: AnchoredDir, part: Part, entry: DirEntry, flag: number): void {
    if (!this.#isOurShare(sessionId)) return;
    if (entry.kind !== part.kind) {
      const strange = new Measurer(this.#surroundings);
      strange.suspect('unrecognised');
      this.rows.add(sessionId, flag, strange);
      return;
    }
    const known = this.#known?.trusted(sessionId, flag);
    if (this.#known !== undefined && known !== undefined) this.rows.copy(this.#known.rows, known);
    else this.measure(sessionId, held, part, flag);
  }

  /** @returns whether there was anything to see */
  measure(sessionId: SessionId, held: AnchoredDir, part: Part, flag: number): boolean {
    const measurer = new Measurer(this.#surroundings);
    measurer.add(held, part);
    this.rows.add(sessionId, flag, measurer);
    for (const fault of measurer.faults) this.faults.push(fault);
    return measurer.files > 0 || measurer.newestMtimeMs > 0 || measurer.doubt !== undefined;
  }

  result(isRead: boolean): DirectoryRows {
    return {
      directory: directoryOf(this.#task),
      shares: this.#task.shares,
      project: this.#task.kind === 'project' ? this.#task.project : undefined,
      buffer: this.rows.buffer,
      count: this.rows.count,
      isRead,
      isThere: this.isThere,
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

  /** All parts of a session are in the same share. */
  #isOurShare(sessionId: SessionId): boolean {
    const { share, shares } = this.#task;
    return shares === 1 || sessionId.charCodeAt(0) % shares === share;
  }
}
