/** The trash of all places together, that of stores on other machines included, which can only be asked in turn. */

import type { SessionId } from '../claude-dir/session-id.ts';
import { OperatingError } from '../errors.ts';
import { displayName } from '../files/byte-name.ts';
import type { PostgresStoredSessions } from '../session-store/postgres-stored-sessions.ts';
import { eachSharedStore, type StorePlaces } from './open-stores.ts';
import {
  idsInTrash,
  type RestoredSession,
  type RestoreOptions,
  readTrash,
  restoreHere,
  type SessionInTrash,
  type TrashPlaces,
} from './trash-contents.ts';

type AllPlaces = TrashPlaces & StorePlaces;

/** All that lies in the trash of every Claude directory and session store, and what of it cannot be read. */
export async function readAllTrash(config: AllPlaces): Promise<ReturnType<typeof readTrash>> {
  const { listed, unreadable } = readTrash(config);
  await eachSharedStore(
    config,
    { dryRun: true },
    async (store) => listed.push(...(await listedIn(store))),
    (fault) => {
      unreadable.push(fault);
    },
  );
  return { listed, unreadable };
}

/** Which sessions are in the trash at all. @param onRefused is told of a store that cannot be asked */
export async function idsInAllTrash(
  config: AllPlaces,
  onRefused: (fault: string) => void,
): Promise<ReturnType<typeof idsInTrash>> {
  const { sessionIds, unreadableFolders } = idsInTrash(config, onRefused);
  const ids = new Set(sessionIds);
  const add = async (store: PostgresStoredSessions) => {
    for (const { sessionId } of await store.trashed()) ids.add(sessionId);
  };
  await eachSharedStore(config, { dryRun: true }, add, onRefused);
  return { sessionIds: ids, unreadableFolders };
}

/**
 * Brings a session back from wherever its trash is; as many copies as there are.
 * @throws OperatingError, `bad-data` where it is in none, or cannot come back: its place is taken, or a part of it is gone
 */
export async function restoreSession(
  config: AllPlaces,
  sessionId: SessionId,
  options: RestoreOptions,
): Promise<RestoredSession> {
  const here = restoreHere(config, sessionId, options);
  const faults: string[] = [];
  const projects: string[] = [];
  const places: string[] = [];
  const restore = async (store: PostgresStoredSessions) => {
    for (const session of await store.trashed()) {
      if (session.sessionId !== sessionId || !(await store.restore(session))) continue;
      projects.push(displayName(session.projectKey));
      places.push(displayName(store.path));
    }
  };
  await eachSharedStore(config, { dryRun: false }, restore, (fault) => faults.push(fault));
  if ('result' in here) return here.result;
  if (projects.length > 0) {
    return { sessionId, project: projects.join(', '), place: [...new Set(places)].join(', ') };
  }
  const [fault] = faults;
  throw fault === undefined ? here.absence : new OperatingError('bad-data', fault);
}

async function listedIn(store: PostgresStoredSessions): Promise<readonly SessionInTrash[]> {
  const trashed = await store.trashed();
  return trashed.map((session) => {
    const { projectKey, lastUsedAtMs } = session;
    const asInTrash = { state: 'trashed', project: projectKey, files: 0, newestMtimeMs: lastUsedAtMs } as const;
    return { place: store.path, session: { ...session, ...asInTrash } };
  });
}
