/** All units of a Claude directory: what each holds, where its parts are, and what of it is not understood. */

import { COMPANION_PLACES, companionPlace, isTranscript, PROJECTS, projectParts } from '../claude-dir/layout.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import type { Doubt, Part, Unit, Units } from '../claude-dir/unit.ts';
import type { ByteName } from '../files/byte-name.ts';
import type { DirectoryRecords } from './directory-scan.ts';
import { IrregularTable } from './irregular-table.ts';
import { LinkTable } from './link-table.ts';
import {
  companionFlag,
  DIRECTORY_FLAG,
  doubtFlags,
  doubtOf,
  FLOAT,
  joinedFlags,
  PROJECT_FLAGS,
  projectRank,
  RECORD_WORDS,
  type Rows,
  recordsIn,
  TRANSCRIPT_FLAG,
  TRANSCRIPT_RANK,
  WORD,
} from './part-records.ts';
import { PartsByHead } from './parts-by-head.ts';
import { UnitRecords } from './unit-records.ts';

const NO_PROJECT = 0xffffffff;

export interface Completeness {
  /** Every project directory could be read: if not, a missing transcript may be where we could not look. */
  readonly projects: boolean;
  /** Every other place could be read: if not, what we cannot see of a unit may be its newest part. */
  readonly companions: boolean;
}

/** What was found in one directory of the sessions in it. */
export type FoundRows = Pick<DirectoryRecords, 'buffer' | 'count' | 'project' | 'place' | 'irregular' | 'links'>;

export class UnitTable implements Units {
  readonly projects: readonly ByteName[];
  readonly #records = new UnitRecords();
  /** What lies in other projects than the transcript's is in it, too. */
  readonly #irregular = new IrregularTable();
  readonly #byHead = new PartsByHead();
  readonly links = new LinkTable();
  /** The directories of the Claude directory in which there are files with several names. */
  readonly linkedPlaces = new Set<ByteName>();
  /** Made when it is first asked for, which is once all projects are known. */
  #projectIndexes: ReadonlyMap<ByteName, number> | undefined;
  #completeness: Completeness = { projects: true, companions: true };

  /** @param projects names by their index */
  constructor(projects: readonly ByteName[]) {
    this.projects = projects;
  }

  get length(): number {
    return this.#records.length;
  }

  /** Adds what was found in one directory. */
  add({ buffer, count, project, place, irregular, links }: FoundRows): void {
    const rows = recordsIn(buffer, count);
    const directory = this.#directoryOf(project, place);
    let [nextIrregular, nextLink] = [0, 0];
    for (let index = 0; index < count; index += 1) {
      const entry = irregular[nextIrregular]?.row === index ? irregular[nextIrregular] : undefined;
      if (entry !== undefined) nextIrregular += 1;
      const part = entry && { directory, name: entry.name, kind: entry.kind };
      if (part !== undefined && entry?.isByHead) {
        this.#byHead.add(rows, index, part);
        continue;
      }
      const row = this.#add(rows, index, project ?? NO_PROJECT);
      if (part !== undefined) this.#irregular.add(row, part);
      for (let link = links[nextLink]; link?.row === index; link = links[nextLink]) {
        nextLink += 1;
        this.links.add(link.inode, link.names, row);
      }
    }
    const [top] = directory;
    if (links.length > 0 && top !== undefined) this.linkedPlaces.add(top);
  }

  /** To be called when all directories have been added. */
  complete(completeness: Completeness): void {
    this.#completeness = completeness;
    this.#addByHead();
    for (const row of this.#irregular.scattered()) this.#addFlags(row, doubtFlags('unrecognised'));
    for (const row of this.links.rowsWithUnseen()) this.#addFlags(row, doubtFlags('hard-linked'));
  }

  /** For where a transcript may lie that was not seen: then what has none is no left-over. */
  doubtOrphans(): void {
    this.#completeness = { ...this.#completeness, projects: false };
  }

  /** The row of a session; undefined where it has nothing here. */
  find(sessionId: SessionId): number | undefined {
    return this.#records.find(sessionId);
  }

  findPacked(bytes: Buffer, at: number): number | undefined {
    return this.#records.findPacked(bytes, at);
  }

  packId(row: number, into: Buffer, at: number): void {
    this.#records.packId(row, into, at);
  }

  sessionId(row: number): SessionId {
    return this.#records.sessionId(row);
  }

  /** The first eight digits of the id, as a number. */
  idHead(row: number): number {
    return this.#records.word(row, WORD.id);
  }

  newestMtimeMs(row: number): number {
    return this.#records.float(row, FLOAT.newestMtimeMs);
  }

  bytes(row: number): number {
    return this.#records.float(row, FLOAT.bytes);
  }

  diskBytes(row: number): number {
    return this.#records.float(row, FLOAT.diskBytes);
  }

  files(row: number): number {
    return this.#records.word(row, WORD.files);
  }

  projectIndex(row: number): number | undefined {
    const project = this.#records.word(row, WORD.project);
    return project === NO_PROJECT ? undefined : project;
  }

  hasTranscript(row: number): boolean {
    return (this.#records.word(row, WORD.flags) & TRANSCRIPT_FLAG) !== 0;
  }

  /** Whether there may be a directory of its own in its project. */
  mayHaveDirectory(row: number): boolean {
    return (this.#records.word(row, WORD.flags) & DIRECTORY_FLAG) !== 0 || !this.#completeness.projects;
  }

  doubt(row: number): Doubt | undefined {
    const flags = this.#records.word(row, WORD.flags);
    const { projects, companions } = this.#completeness;
    const own = doubtOf(flags);
    if (own !== undefined) return own;
    if (!companions) return 'unreadable';
    return (flags & TRANSCRIPT_FLAG) === 0 && !projects ? 'projects-unreadable' : undefined;
  }

  /** Adds to the number of entries that a unit has in each project. @param counts by the index of the project */
  countProjectParts(row: number, counts: Uint32Array): void {
    const project = this.projectIndex(row);
    const flags = this.#records.word(row, WORD.flags);
    const add = (index: number, parts: number) => {
      counts[index] = (counts[index] ?? 0) + parts;
    };
    if (project !== undefined) {
      add(project, Number((flags & TRANSCRIPT_FLAG) !== 0) + Number((flags & DIRECTORY_FLAG) !== 0));
    }
    for (const { directory } of this.#irregular.partsOf(row)) {
      const [place, name] = directory;
      if (place === PROJECTS && name !== undefined) add(this.#indexOf(name), 1);
    }
  }

  compareIds(left: number, right: number): number {
    return this.#records.compareIds(left, right);
  }

  /** The unit as an object of its own: for the few that something is done with. */
  unit(row: number): Unit {
    const project = this.projectIndex(row);
    return {
      sessionId: this.sessionId(row),
      project: project === undefined ? undefined : this.projects[project],
      hasTranscript: this.hasTranscript(row),
      doubt: this.doubt(row),
      parts: this.#parts(row),
      undecided: this.#irregular.undecidedOf(row),
      files: this.files(row),
      bytes: this.bytes(row),
      diskBytes: this.diskBytes(row),
      newestMtimeMs: this.newestMtimeMs(row),
      digest: this.#records.word(row, WORD.digest),
      seenNames: this.links.seenNamesIn(row),
    };
  }

  /** The transcript first: it is moved first, so that a session which writes in that instant is noticed at once. */
  #parts(row: number): Part[] {
    const sessionId = this.sessionId(row);
    const flags = this.#records.word(row, WORD.flags);
    const project = this.projectIndex(row);
    const inProject = project === undefined ? [] : this.#projectParts(sessionId, project, flags);
    const companions = COMPANION_PLACES.flatMap((place, index): readonly Part[] => {
      const { directory, regular } = place;
      if (regular === undefined || (flags & companionFlag(index)) === 0) return [];
      return [{ directory, name: regular.nameFor(sessionId), kind: regular.kind }];
    });
    return [...inProject, ...companions, ...this.#irregular.partsOf(row)].sort(
      (left, right) => Number(isTranscript(right)) - Number(isTranscript(left)),
    );
  }

  #projectParts(sessionId: SessionId, project: number, flags: number): Part[] {
    return projectParts(sessionId, this.#projectName(project)).filter((part) => {
      return (flags & (isTranscript(part) ? TRANSCRIPT_FLAG : DIRECTORY_FLAG)) !== 0;
    });
  }

  #projectName(project: number): ByteName {
    const name = this.projects[project];
    if (name === undefined) throw new Error(`no project ${project}`);
    return name;
  }

  #indexOf(project: ByteName): number {
    this.#projectIndexes ??= new Map(this.projects.map((name, index) => [name, index]));
    return this.#projectIndexes.get(project) ?? -1;
  }

  #directoryOf(project: number | undefined, place: number | undefined): readonly ByteName[] {
    return project === undefined ? companionPlace(place ?? -1).directory : [PROJECTS, this.#projectName(project)];
  }

  /** Which is the only session is known for certain where all of them were seen. */
  #addByHead(): void {
    for (const { record, part, candidates } of this.#byHead.withCandidates(this)) {
      const [row] = candidates;
      if (row === undefined) continue;
      if (candidates.length === 1 && this.#completeness.projects && this.#completeness.companions) {
        this.#records.addMeasure(row, record, 0);
        this.#addFlags(row, record.words[WORD.flags] ?? 0);
        this.#irregular.add(row, part);
      } else for (const one of candidates) this.#irregular.addUndecided(one, part);
    }
  }

  /** @returns the row of the session in the table */
  #add(rows: Rows, index: number, project: number): number {
    const known = this.#records.findOwner(rows, index);
    if (known === undefined) {
      const row = this.#records.append(rows, index);
      this.#records.setWord(row, WORD.project, project);
      return row;
    }
    this.#records.addMeasure(known, rows, index);
    const flags = this.#placedFlags(known, rows.words[index * RECORD_WORDS + WORD.flags] ?? 0, project);
    this.#addFlags(known, flags);
    return known;
  }

  /**
   * A unit's project is that of its transcript. Entering a worktree moves the transcript to another project, and may leave the rest
   * behind: what lies in other projects is irregular.
   * @param flags of what was found in `project`
   * @returns the flags that the unit gets by it
   */
  #placedFlags(row: number, flags: number, project: number): number {
    const own = this.projectIndex(row);
    if (project === NO_PROJECT || project === own) return flags;
    const ownFlags = this.#records.word(row, WORD.flags);
    const [rank, ownRank] = [projectRank(flags), projectRank(ownFlags)];
    // Without a transcript anywhere, it is the same project whichever thread was first.
    if (own === undefined || rank > ownRank || (rank === ownRank && rank < TRANSCRIPT_RANK && project < own)) {
      if (own !== undefined) this.#moveElsewhere(row, own, ownFlags);
      this.#records.setWord(row, WORD.project, project);
      return flags;
    }
    this.#addElsewhere(row, project, flags);
    const isDouble = (flags & ownFlags & TRANSCRIPT_FLAG) !== 0;
    return joinedFlags(flags & ~PROJECT_FLAGS, doubtFlags(isDouble ? 'duplicate-id' : undefined));
  }

  #moveElsewhere(row: number, project: number, flags: number): void {
    this.#addElsewhere(row, project, flags);
    this.#records.setWord(row, WORD.flags, flags & ~PROJECT_FLAGS);
  }

  #addElsewhere(row: number, project: number, flags: number): void {
    for (const part of this.#projectParts(this.sessionId(row), project, flags)) this.#irregular.add(row, part);
  }

  #addFlags(row: number, flags: number): void {
    this.#records.setWord(row, WORD.flags, joinedFlags(this.#records.word(row, WORD.flags), flags));
  }
}
