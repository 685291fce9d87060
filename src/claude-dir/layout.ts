/**
 * What belongs to a session in a Claude directory. Whatever does not parse here is not ours to touch.
 * Observed with Claude Code 2.1; the format is internal to it, so this relies on names alone.
 */

import { type ByteName, ownName } from '../files/byte-name.ts';
import { parseSessionId, SESSION_ID_LENGTH, type SessionId } from './session-id.ts';
import type { Part } from './unit.ts';

export const PROJECTS = ownName('projects');
/** Everything of this program in a Claude directory lies below it: the locks and the trash. */
export const SWEEPER_DIRECTORY = ownName('session-sweeper');

export interface CompanionPlace {
  readonly directory: ByteName;
  readonly kind: 'file' | 'directory';
  /** The session that an entry of this place belongs to; undefined for what is no session's. */
  sessionOf(name: string): SessionId | undefined;
  /** The name that a session's entry has, where there is just one. */
  nameFor(sessionId: SessionId): ByteName;
}

function directoryPlace(directory: string): CompanionPlace {
  return {
    directory: ownName(directory),
    kind: 'directory',
    sessionOf: parseSessionId,
    nameFor: (sessionId) => ownName(sessionId),
  };
}

/** Of older versions: `ID.json` and `ID-agent-ID.json`. The only place where a session's names do not follow from its id. */
export const TO_DO_LISTS: CompanionPlace = {
  directory: ownName('todos'),
  kind: 'file',
  sessionOf: (name) =>
    /^(-agent-[0-9a-f-]+)?\.json$/.test(name.slice(SESSION_ID_LENGTH))
      ? parseSessionId(name.slice(0, SESSION_ID_LENGTH))
      : undefined,
  nameFor: (sessionId) => ownName(`${sessionId}.json`),
};

/** Beside `projects/`: where else a session leaves things. */
export const COMPANION_PLACES: readonly CompanionPlace[] = [
  directoryPlace('file-history'),
  directoryPlace('session-env'),
  // Also holds named task lists that are no session's: their names do not parse, so they stay.
  directoryPlace('tasks'),
  directoryPlace('image-cache'),
  directoryPlace('uploads'),
  {
    directory: ownName('debug'),
    kind: 'file',
    sessionOf: (name) => (name.endsWith('.txt') ? parseSessionId(name.slice(0, -'.txt'.length)) : undefined),
    nameFor: (sessionId) => ownName(`${sessionId}.txt`),
  },
  TO_DO_LISTS,
];

const TRANSCRIPT_SUFFIX = '.jsonl';

export function transcriptName(sessionId: SessionId): ByteName {
  return ownName(sessionId + TRANSCRIPT_SUFFIX);
}

/** Every part that a session can have under a name that follows from its id. */
export function namedParts(sessionId: SessionId, project: ByteName | undefined): Part[] {
  const parts = COMPANION_PLACES.map(({ directory, kind, nameFor }): Part => {
    return { directory: [directory], name: nameFor(sessionId), kind };
  });
  return project === undefined ? parts : [...projectParts(sessionId, project), ...parts];
}

/** What a session has in its project's directory. */
export function projectParts(sessionId: SessionId, project: ByteName): Part[] {
  const directory = [PROJECTS, project];
  return [
    { directory, name: transcriptName(sessionId), kind: 'file' },
    { directory, name: ownName(sessionId), kind: 'directory' },
  ];
}

/** Whether a path is one that `namedParts` or a companion place can give: nothing else is ever moved, whatever a manifest says. */
export function isKnownPlace(directory: readonly string[]): boolean {
  if (directory[0] === PROJECTS) return directory.length === 2;
  return directory.length === 1 && COMPANION_PLACES.some((place) => place.directory === directory[0]);
}

/** What an entry of a project directory is: the transcript of a session, its directory, or nothing that we know. */
export function parseProjectEntry(
  name: string,
): { readonly sessionId: SessionId; readonly isTranscript: boolean } | undefined {
  const isTranscript = name.endsWith(TRANSCRIPT_SUFFIX);
  const sessionId = parseSessionId(isTranscript ? name.slice(0, -TRANSCRIPT_SUFFIX.length) : name);
  return sessionId && { sessionId, isTranscript };
}
