/** The sessions of a store as the plan knows units: without files, and with a project where their key may be the name of one. */

import { headNumberOf } from '../../claude-dir/id-prefixes.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { Units } from '../../claude-dir/unit.ts';
import { type ByteName, fixedName, parseByteName } from '../../files/byte-name.ts';
import type { StoredSession } from '../../session-store/stored-session.ts';

/** The project of a session whose key is no file name. */
const NO_PROJECT = fixedName('-');

export function sessionAt(sessions: readonly StoredSession[], row: number): StoredSession {
  const session = sessions[row];
  if (session === undefined) throw new Error(`no session in row ${row}`);
  return session;
}

export function projectOf({ projectKey }: StoredSession): ByteName {
  return parseByteName(projectKey) ?? NO_PROJECT;
}

/** A session that lies in no file counts what its entries take. */
export function unitsOf(sessions: readonly StoredSession[]): Units {
  const projects: ByteName[] = [];
  const indexes = new Map<ByteName, number>();
  const projectIndexes = sessions.map((session) => {
    const project = projectOf(session);
    const known = indexes.get(project) ?? projects.push(project) - 1;
    indexes.set(project, known);
    return known;
  });
  const sessionId = (row: number): SessionId => sessionAt(sessions, row).sessionId;
  return {
    length: sessions.length,
    projects,
    sessionId,
    idHead: (row) => headNumberOf(sessionId(row)),
    projectIndex: (row) => projectIndexes[row],
    hasTranscript: (row) => sessionAt(sessions, row).hasMain,
    doubt: () => undefined,
    files: () => 0,
    bytes: (row) => sessionAt(sessions, row).bytes,
    diskBytes: (row) => sessionAt(sessions, row).bytes,
    newestMtimeMs: (row) => sessionAt(sessions, row).lastUsedAtMs,
    compareIds: (left, right) => (sessionId(left) < sessionId(right) ? -1 : 1),
  };
}
