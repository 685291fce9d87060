/**
 * What belongs to a session in a Claude directory. Whatever does not parse here is not ours to touch.
 * Observed with Claude Code 2.1; the format is internal to it, so this relies on names alone.
 */

import { type ByteName, fixedName } from '../files/byte-name.ts';
import { type IrregularParts, JOB_DIRECTORIES, TEAM_TASKS, TO_DO_LISTS } from './irregular-parts.ts';
import { parseSessionId, SESSION_ID_LENGTH, type SessionId } from './session-id.ts';
import { isSamePath, type Part } from './unit.ts';

export const PROJECTS = fixedName('projects');
/** Everything of this program in a Claude directory lies below it: the locks and the trash. */
export const SWEEPER_DIRECTORY = fixedName('session-sweeper');
export const TRASH_DIRECTORY = fixedName('trash');

/** Parts whose name follows from the session's id: of each kind, a session has one at the most. */
export interface RegularPart {
  readonly kind: 'file' | 'directory';
  /** The session that an entry belongs to; undefined for what is no session's. */
  sessionOf(name: string): SessionId | undefined;
  nameFor(sessionId: SessionId): ByteName;
}

/** A directory beside `projects/` in which sessions leave things. */
export interface CompanionPlace {
  /** Its path below the Claude directory. */
  readonly directory: readonly ByteName[];
  readonly regular?: RegularPart;
  readonly irregular?: IrregularParts;
}

const REGULAR_DIRECTORY: RegularPart = {
  kind: 'directory',
  sessionOf: parseSessionId,
  nameFor: (sessionId) => fixedName(sessionId),
};

/** @param textFor a name that begins with the session's id */
function regularFile(textFor: (sessionId: SessionId) => string): RegularPart {
  return {
    kind: 'file',
    sessionOf: (name) => {
      const sessionId = parseSessionId(name.slice(0, SESSION_ID_LENGTH));
      return sessionId !== undefined && name === textFor(sessionId) ? sessionId : undefined;
    },
    nameFor: (sessionId) => fixedName(textFor(sessionId)),
  };
}

/** Where else a session leaves things. */
export const COMPANION_PLACES: readonly CompanionPlace[] = [
  { directory: below('file-history'), regular: REGULAR_DIRECTORY },
  { directory: below('session-env'), regular: REGULAR_DIRECTORY },
  // Also holds named task lists that are no session's: their names do not parse, so they stay.
  { directory: below('tasks'), regular: REGULAR_DIRECTORY, irregular: TEAM_TASKS },
  { directory: below('image-cache'), regular: REGULAR_DIRECTORY },
  { directory: below('uploads'), regular: REGULAR_DIRECTORY },
  { directory: below('dev-mods'), regular: REGULAR_DIRECTORY },
  { directory: below('debug'), regular: regularFile((sessionId) => `${sessionId}.txt`) },
  // They hold the first prompt of a session.
  { directory: below('usage-data', 'session-meta'), regular: regularFile((sessionId) => `${sessionId}.json`) },
  { directory: below('usage-data', 'facets'), regular: regularFile((sessionId) => `${sessionId}.json`) },
  { directory: below('jobs'), irregular: JOB_DIRECTORIES },
  // By older releases of Claude Code.
  {
    directory: below('todos'),
    regular: regularFile((sessionId) => `${sessionId}-agent-${sessionId}.json`),
    irregular: TO_DO_LISTS,
  },
];

function below(...names: readonly string[]): readonly ByteName[] {
  return names.map(fixedName);
}

/** The directories of what a session has beside its projects, those on the way included. */
export const COMPANION_PATHS: readonly (readonly ByteName[])[] = [
  ...new Map(
    COMPANION_PLACES.flatMap(({ directory }) => directory.map((_, depth) => directory.slice(0, depth + 1))).map(
      (path) => [path.join('/'), path],
    ),
  ).values(),
];

/** @throws where there is none with that index */
export function companionPlace(index: number): CompanionPlace {
  const place = COMPANION_PLACES[index];
  if (place === undefined) throw new Error(`no companion place ${index}`);
  return place;
}

const TRANSCRIPT_SUFFIX = '.jsonl';

export function transcriptName(sessionId: SessionId): ByteName {
  return fixedName(sessionId + TRANSCRIPT_SUFFIX);
}

/** What a session has in its project's directory. */
export function projectParts(sessionId: SessionId, project: ByteName): Part[] {
  const directory = [PROJECTS, project];
  return [
    { directory, name: transcriptName(sessionId), kind: 'file' },
    { directory, name: fixedName(sessionId), kind: 'directory' },
  ];
}

/** Whether sessions leave things in a directory: nothing elsewhere is ever moved, whatever a manifest says. */
export function isKnownPlace(directory: readonly ByteName[]): boolean {
  if (directory[0] === PROJECTS) return directory.length === 2;
  return COMPANION_PLACES.some((place) => isSamePath(place.directory, directory));
}

/** What an entry of a project directory is: the transcript of a session, its directory, or nothing that we know. */
export function parseProjectEntry(
  name: string,
): { readonly sessionId: SessionId; readonly isTranscript: boolean } | undefined {
  const isTranscript = name.endsWith(TRANSCRIPT_SUFFIX);
  const sessionId = parseSessionId(isTranscript ? name.slice(0, -TRANSCRIPT_SUFFIX.length) : name);
  return sessionId && { sessionId, isTranscript };
}

/** The part of a session that Claude resumes it from. */
export function isTranscript({ directory, name, kind }: Part): boolean {
  return directory[0] === PROJECTS && kind === 'file' && parseProjectEntry(name)?.isTranscript === true;
}
