/** All units of a Claude directory, in typed arrays: some 60 bytes each, whatever they hold. */

import { COMPANION_PLACES, companionPlace, isTranscript, PROJECTS, projectParts } from '../claude-dir/layout.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import type { Doubt, Part, Unit, UnitRows } from '../claude-dir/unit.ts';
import type { ByteName } from '../files/byte-name.ts';
import type { DirectoryRows } from './directory-scan.ts';
import { IrregularTable } from './irregular-table.ts';
import {
  companionFlag,
  copyRow,
  DIRECTORY_FLAG,
  doubtFlags,
  doubtOf,
  FLOAT,
  hashOfId,
  isSameId,
  joinedFlags,
  PROJECT_FLAGS,
  ROW_BYTES,
  ROW_FLOATS,
  ROW_WORDS,
  type Rows,
  readId,
  rowsIn,
  TRANSCRIPT_FLAG,
  WORD,
  writeId,
} from './part-records.ts';

const CHUNK_BITS = 13;
const CHUNK_ROWS = 1 << CHUNK_BITS;
const FIRST_SLOTS = 1 << 10;
/** Of the slots; more makes the way to a free one long. */
const LOAD_MAX = 0.7;
const NO_PROJECT = 0xffffffff;

export interface Completeness {
  /** Every project directory could be read: if not, a missing transcript may be where we could not look. */
  readonly projects: boolean;
  /** Every other place could be read: if not, what we cannot see of a unit may be its newest part. */
  readonly companions: boolean;
}

/** What was found in one directory of the sessions in it. */
export type FoundRows = Pick<DirectoryRows, 'buffer' | 'count' | 'project' | 'place' | 'irregular'>;

export class UnitTable implements UnitRows {
  readonly projects: readonly ByteName[];
  readonly #chunks: Rows[] = [];
  /** By the hash of an id: its row, plus 1; 0 where there is none. */
  #slots = new Uint32Array(FIRST_SLOTS);
  #length = 0;
  /** What lies in other projects than the transcript's is in it, too. */
  readonly #irregular = new IrregularTable();
  #completeness: Completeness = { projects: true, companions: true };
  readonly #wanted = new Uint32Array(4);

  /** @param projects names by their index */
  constructor(projects: readonly ByteName[]) {
    this.projects = projects;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds what was found in one directory. */
  add({ buffer, count, project, place, irregular }: FoundRows): void {
    const rows = rowsIn(buffer, count);
    let next = 0;
    for (let index = 0; index < count; index += 1) {
      const row = this.#add(rows, index, project ?? NO_PROJECT);
      const entry = irregular[next];
      if (entry?.row !== index) continue;
      next += 1;
      this.#irregular.add(row, { directory: this.#directoryOf(project, place), name: entry.name, kind: entry.kind });
    }
  }

  /** To be called when all directories have been added. */
  complete(completeness: Completeness): void {
    this.#completeness = completeness;
    for (const row of this.#irregular.scattered()) this.#doubt(row, 'unrecognised');
  }

  /** For where a transcript may lie that was not seen: then what has none is no left-over. */
  doubtOrphans(): void {
    this.#completeness = { ...this.#completeness, projects: false };
  }

  /** The row of a session; undefined where it has nothing here. */
  find(sessionId: SessionId): number | undefined {
    writeId(sessionId, this.#wanted, 0);
    const slot = this.#slotOf(this.#wanted, 0);
    const row = this.#slots[slot] ?? 0;
    return row === 0 ? undefined : row - 1;
  }

  sessionId(row: number): SessionId {
    return readId(this.#chunk(row).words, wordAt(row) + WORD.id);
  }

  newestMtimeMs(row: number): number {
    return this.#chunk(row).floats[floatAt(row) + FLOAT.newestMtimeMs] ?? Number.NaN;
  }

  bytes(row: number): number {
    return this.#chunk(row).floats[floatAt(row) + FLOAT.bytes] ?? 0;
  }

  files(row: number): number {
    return this.#word(row, WORD.files);
  }

  projectIndex(row: number): number | undefined {
    const project = this.#word(row, WORD.project);
    return project === NO_PROJECT ? undefined : project;
  }

  hasTranscript(row: number): boolean {
    return (this.#word(row, WORD.flags) & TRANSCRIPT_FLAG) !== 0;
  }

  doubt(row: number): Doubt | undefined {
    const flags = this.#word(row, WORD.flags);
    const { projects, companions } = this.#completeness;
    const own = doubtOf(flags);
    if (own !== undefined) return own;
    if (!companions) return 'unreadable';
    return (flags & TRANSCRIPT_FLAG) === 0 && !projects ? 'projects-unreadable' : undefined;
  }

  compareIds(left: number, right: number): number {
    const [leftWords, rightWords] = [this.#chunk(left).words, this.#chunk(right).words];
    const [leftAt, rightAt] = [wordAt(left) + WORD.id, wordAt(right) + WORD.id];
    for (let word = 0; word < 4; word += 1) {
      const difference = (leftWords[leftAt + word] ?? 0) - (rightWords[rightAt + word] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
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
      files: this.files(row),
      bytes: this.bytes(row),
      newestMtimeMs: this.newestMtimeMs(row),
      digest: this.#word(row, WORD.digest),
    };
  }

  /** The transcript first: it is moved first, so that a session which writes in that instant is noticed at once. */
  #parts(row: number): Part[] {
    const sessionId = this.sessionId(row);
    const flags = this.#word(row, WORD.flags);
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

  #directoryOf(project: number | undefined, place: number | undefined): readonly ByteName[] {
    return project === undefined ? companionPlace(place ?? -1).directory : [PROJECTS, this.#projectName(project)];
  }

  /** @returns the row of the session in the table */
  #add(rows: Rows, index: number, project: number): number {
    const slot = this.#slotOf(rows.words, index * ROW_WORDS + WORD.id);
    const known = this.#slots[slot] ?? 0;
    if (known === 0) return this.#append(slot, rows, index, project);
    this.#merge(known - 1, rows, index, project);
    return known - 1;
  }

  #append(slot: number, rows: Rows, index: number, project: number): number {
    const row = this.#length;
    if (row === this.#chunks.length * CHUNK_ROWS) {
      this.#chunks.push(rowsIn(new ArrayBuffer(CHUNK_ROWS * ROW_BYTES), CHUNK_ROWS));
    }
    const chunk = this.#chunk(row);
    copyRow(rows, index, chunk, row & (CHUNK_ROWS - 1));
    chunk.words[wordAt(row) + WORD.project] = project;
    this.#slots[slot] = row + 1;
    this.#length = row + 1;
    if (this.#length > this.#slots.length * LOAD_MAX) this.#growSlots();
    return row;
  }

  #merge(row: number, rows: Rows, index: number, project: number): void {
    const { floats, words } = this.#chunk(row);
    const [toFloat, to] = [floatAt(row), wordAt(row)];
    const [fromFloat, from] = [index * ROW_FLOATS, index * ROW_WORDS];
    const filesBefore = words[to + WORD.files] ?? 0;
    const files = rows.words[from + WORD.files] ?? 0;
    const newestBefore = floats[toFloat + FLOAT.newestMtimeMs] ?? Number.NaN;
    const newest = rows.floats[fromFloat + FLOAT.newestMtimeMs] ?? Number.NaN;
    // The time of a directory tells only where there is no file.
    const isOneWithout = (filesBefore === 0) !== (files === 0);
    floats[toFloat + FLOAT.newestMtimeMs] = !isOneWithout
      ? Math.max(newestBefore, newest)
      : files > 0
        ? newest
        : newestBefore;
    floats[toFloat + FLOAT.bytes] = (floats[toFloat + FLOAT.bytes] ?? 0) + (rows.floats[fromFloat + FLOAT.bytes] ?? 0);
    words[to + WORD.files] = filesBefore + files;
    words[to + WORD.digest] = (words[to + WORD.digest] ?? 0) + (rows.words[from + WORD.digest] ?? 0);
    const flags = this.#placedFlags(row, rows.words[from + WORD.flags] ?? 0, project);
    words[to + WORD.flags] = joinedFlags(words[to + WORD.flags] ?? 0, flags);
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
    const ownFlags = this.#word(row, WORD.flags);
    const [rank, ownRank] = [rankOf(flags), rankOf(ownFlags)];
    // Without a transcript anywhere, it is the same project whichever thread was first.
    if (own === undefined || rank > ownRank || (rank === ownRank && rank < TRANSCRIPT_RANK && project < own)) {
      if (own !== undefined) this.#moveElsewhere(row, own, ownFlags);
      this.#chunk(row).words[wordAt(row) + WORD.project] = project;
      return flags;
    }
    this.#addElsewhere(row, project, flags);
    const isDouble = (flags & ownFlags & TRANSCRIPT_FLAG) !== 0;
    return joinedFlags(flags & ~PROJECT_FLAGS, doubtFlags(isDouble ? 'duplicate-id' : undefined));
  }

  #moveElsewhere(row: number, project: number, flags: number): void {
    this.#addElsewhere(row, project, flags);
    this.#chunk(row).words[wordAt(row) + WORD.flags] = flags & ~PROJECT_FLAGS;
  }

  #addElsewhere(row: number, project: number, flags: number): void {
    for (const part of this.#projectParts(this.sessionId(row), project, flags)) this.#irregular.add(row, part);
  }

  #doubt(row: number, doubt: Doubt): void {
    const { words } = this.#chunk(row);
    words[wordAt(row) + WORD.flags] = joinedFlags(this.#word(row, WORD.flags), doubtFlags(doubt));
  }

  /** The slot of an id, or the free one that it would take. */
  #slotOf(words: Uint32Array, at: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOfId(words, at) & mask;
    for (;;) {
      const row = this.#slots[slot] ?? 0;
      if (row === 0 || isSameId(this.#chunk(row - 1).words, wordAt(row - 1) + WORD.id, words, at)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #growSlots(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let row = 0; row < this.#length; row += 1) {
      this.#slots[this.#slotOf(this.#chunk(row).words, wordAt(row) + WORD.id)] = row + 1;
    }
  }

  #word(row: number, field: number): number {
    return this.#chunk(row).words[wordAt(row) + field] ?? 0;
  }

  #chunk(row: number): Rows {
    const chunk = this.#chunks[row >>> CHUNK_BITS];
    if (chunk === undefined) throw new Error(`no unit in row ${row}`);
    return chunk;
  }
}

function wordAt(row: number): number {
  return (row & (CHUNK_ROWS - 1)) * ROW_WORDS;
}

function floatAt(row: number): number {
  return (row & (CHUNK_ROWS - 1)) * ROW_FLOATS;
}

const TRANSCRIPT_RANK = 2;

/** How much what was found in a project says that the session is the project's. */
function rankOf(flags: number): number {
  if ((flags & TRANSCRIPT_FLAG) !== 0) return TRANSCRIPT_RANK;
  return (flags & DIRECTORY_FLAG) === 0 ? 0 : 1;
}
