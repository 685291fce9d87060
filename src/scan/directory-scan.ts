/** Looks at what one directory holds of sessions. Synchronous, and the same in every thread that takes part in a scan. */

import { COMPANION_PLACES, type CompanionPlace, PROJECTS, parseProjectEntry } from '../claude-dir/layout.ts';
import { isExhaustion, Measurer, type ReadFault, type Surroundings } from '../claude-dir/measure.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import type { Part } from '../claude-dir/unit.ts';
import { errorCode } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import type { DirEntry } from '../files/native-calls.ts';
import { companionFlag, DIRECTORY_FLAG, RowWriter, TRANSCRIPT_FLAG } from './part-records.ts';

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
  /** Undefined for a place beside `projects/`. */
  readonly project: number | undefined;
  readonly buffer: ArrayBuffer;
  readonly count: number;
  /** Whether it could be read in full; one that is not there was. */
  readonly isRead: boolean;
  readonly faults: readonly ReadFault[];
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
  scan(task: DirectoryTask): DirectoryRows {
    const found = new Found(task, this.#surroundings);
    const isRead = task.kind === 'project' ? this.#scanProject(task.name, found) : this.#scanPlace(task.place, found);
    return found.result(isRead);
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

  /** @returns whether it could be read; a place that is not there is read in full */
  #inDirectory(
    parent: AnchoredDir,
    name: ByteName,
    path: string,
    found: Found,
    visit: (held: AnchoredDir, entry: DirEntry) => void,
  ): boolean {
    const { dev, mountPoints } = this.#surroundings;
    if (mountPoints.has(path)) return found.fault(path, 'EXDEV');
    let held: AnchoredDir;
    try {
      held = parent.openChild(name);
    } catch (error) {
      return found.forgive(path, error);
    }
    try {
      if (held.dev !== dev) return found.fault(path, 'EXDEV');
      for (const entry of held.entries()) visit(held, entry);
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

/** What a task has come upon so far. */
class Found {
  readonly rows = new RowWriter();
  readonly faults: ReadFault[] = [];
  readonly #task: DirectoryTask;
  readonly #surroundings: Surroundings;

  constructor(task: DirectoryTask, surroundings: Surroundings) {
    this.#task = task;
    this.#surroundings = surroundings;
  }

  add(sessionId: SessionId, held: AnchoredDir, part: Part, entry: DirEntry, flag: number): void {
    if (!this.#isOurShare(sessionId)) return;
    const measurer = new Measurer(this.#surroundings);
    if (entry.kind === part.kind) measurer.add(held, part);
    else measurer.suspect('unrecognised');
    this.rows.add(sessionId, flag, measurer);
    for (const fault of measurer.faults) this.faults.push(fault);
  }

  result(isRead: boolean): DirectoryRows {
    return {
      project: this.#task.kind === 'project' ? this.#task.project : undefined,
      buffer: this.rows.buffer,
      count: this.rows.count,
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

  /** All parts of a session are in the same share. */
  #isOurShare(sessionId: SessionId): boolean {
    const { share, shares } = this.#task;
    return shares === 1 || sessionId.charCodeAt(0) % shares === share;
  }
}
