/** A unit: one session's transcript with all its companions, removed and restored whole. */

import type { ByteName } from '../files/byte-name.ts';
import type { SessionId } from './session-id.ts';

/** Why a unit is not understood well enough to be touched. Of several doubts the first is told: it is what an operator most wants to know. */
export const DOUBTS = [
  /** A symlink, device, FIFO or socket in it, a directory named like a transcript, or nesting without end. */
  'unrecognised',
  /** A file of it has a name that was not seen in the Claude directory, perhaps a backup's. */
  'hard-linked',
  /** A file of it belongs to another user than `projects/` does. */
  'foreign-owner',
  /** A part of it is a mount point or lies on another file system. */
  'other-filesystem',
  /** A part of it could not be read. */
  'unreadable',
  /** The same id has transcripts in two projects. */
  'duplicate-id',
  /** It has no transcript where we could look, and we could not look everywhere. */
  'projects-unreadable',
] as const;
export type Doubt = (typeof DOUBTS)[number];

/** More project directories than this no session has something in. */
export const UNIT_PROJECTS_MAX = 8;

/** A file or directory that is moved in one rename. */
export interface Part {
  /** Its directory below the Claude directory, e.g. `['projects', '-srv-app']`. Shared between the parts in it. */
  readonly directory: readonly ByteName[];
  readonly name: ByteName;
  readonly kind: 'file' | 'directory';
}

/** What the files of a unit looked like; equal measures mean an untouched unit. */
export interface Measure {
  readonly files: number;
  readonly bytes: number;
  /** What its files and directories take of the disk: allocated blocks, a file with several names by its share. */
  readonly diskBytes: number;
  /** The newest modification of any file in it, Unix epoch ms; of its directories where it has no file. */
  readonly newestMtimeMs: number;
  /** Sum over inode, size and mtime of every file, independent of their order. */
  readonly digest: number;
}

export interface Unit extends Measure {
  readonly sessionId: SessionId;
  /** The directory name of its transcript's project; undefined where only companions beside `projects/` are left. */
  readonly project: ByteName | undefined;
  readonly hasTranscript: boolean;
  readonly doubt: Doubt | undefined;
  readonly parts: readonly Part[];
  /** What may be its own or another session's, so that it stays; mostly nothing. */
  readonly undecided: readonly Part[];
  /** How many names of its files with several names were seen in the Claude directory, by inode; mostly empty. */
  readonly seenNames: ReadonlyMap<number, number>;
}

/** Many units, by the numbers of their rows, from 0 on; of each, what a plan and a report want to know. */
export interface Units {
  readonly length: number;
  /** Names by the index of a project. */
  readonly projects: readonly ByteName[];
  sessionId(row: number): SessionId;
  /** The first eight digits of the id, as a number: cheaper than the id. */
  idHead(row: number): number;
  /** Undefined where only companions beside `projects/` are left. */
  projectIndex(row: number): number | undefined;
  hasTranscript(row: number): boolean;
  doubt(row: number): Doubt | undefined;
  files(row: number): number;
  bytes(row: number): number;
  /** What it takes of the disk. */
  diskBytes(row: number): number;
  newestMtimeMs(row: number): number;
  /** Compares two units by their session ids: negative where the first comes first. */
  compareIds(left: number, right: number): number;
}

/** The same units, of other ages. */
export function withTimes(units: Units, newestMtimeMs: Units['newestMtimeMs']): Units {
  return {
    length: units.length,
    projects: units.projects,
    sessionId: (row) => units.sessionId(row),
    idHead: (row) => units.idHead(row),
    projectIndex: (row) => units.projectIndex(row),
    hasTranscript: (row) => units.hasTranscript(row),
    doubt: (row) => units.doubt(row),
    files: (row) => units.files(row),
    bytes: (row) => units.bytes(row),
    diskBytes: (row) => units.diskBytes(row),
    newestMtimeMs,
    compareIds: (left, right) => units.compareIds(left, right),
  };
}

export function partPath(part: Part): string {
  return [...part.directory, part.name].join('/');
}

/** Whether two directories are one, by their paths. */
export function isSamePath(left: readonly ByteName[], right: readonly ByteName[]): boolean {
  return left.length === right.length && left.every((name, index) => name === right[index]);
}
