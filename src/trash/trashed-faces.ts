/** How a person recognises sessions that lie in the trash: read from both ends of their transcripts there, as from those in place. */

import { isTranscript } from '../claude-dir/layout.ts';
import { readSessionFace, type SessionFace } from '../claude-dir/session-face.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { errorCode, isExhaustion } from '../errors.ts';
import { type ByteName, parseByteName } from '../files/byte-name.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import type { TrashedSession } from './folders.ts';
import type { Trash } from './trash.ts';

/** As a listing of the trash has told of it: the manifest is not read again. */
export type FacelessSession = Pick<TrashedSession, 'sessionId' | 'run' | 'parts' | 'project'>;

/** @returns faces by id, of those of the sessions whose transcripts can be read there */
export function trashedFaces(trash: Trash, sessions: readonly FacelessSession[]): ReadonlyMap<SessionId, SessionFace> {
  const faces = new Map<SessionId, SessionFace>();
  for (const run of new Set(sessions.map((session) => session.run))) {
    try {
      facesIn(
        trash,
        run,
        sessions.filter((session) => session.run === run),
        faces,
      );
    } catch (error) {
      // It is listed by its id alone; what is wrong with the folder, the listing says.
      const code = errorCode(error);
      if (code === undefined || isExhaustion(code)) throw error;
    }
  }
  return faces;
}

function facesIn(
  trash: Trash,
  run: ByteName,
  sessions: readonly FacelessSession[],
  faces: Map<SessionId, SessionFace>,
): void {
  const directory = trash.openFolder(run);
  const inFolder = new OpenDirs(directory);
  try {
    for (const { sessionId, parts, project } of sessions) {
      const transcript = parts.find(isTranscript);
      const parent = transcript && inFolder.find(transcript.directory);
      if (transcript === undefined || parent?.lstat(transcript.name)?.isFile() !== true) continue;
      const name = project === undefined ? undefined : parseByteName(project);
      faces.set(sessionId, readSessionFace(parent, transcript.name, name));
    }
  } finally {
    inFolder.close();
    directory.close();
  }
}
