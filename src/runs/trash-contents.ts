/** The trash of all Claude directories and session stores together: what lies in it, and how a session comes back. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { type DirLock, distinctPlaces } from '../claude-dir/dir-lock.ts';
import { openClaudeDirs } from '../claude-dir/open-and-lock.ts';
import type { SessionFace } from '../claude-dir/session-face.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { OperatingError, systemError } from '../errors.ts';
import { byteNameFromSystem, displayName } from '../files/byte-name.ts';
import { readRunning } from '../live-sources/running-processes.ts';
import { StoredSessions } from '../session-store/stored-sessions.ts';
import { notInTrash } from '../trash/bring-back.ts';
import type { TrashedSession } from '../trash/folders.ts';
import { Trash } from '../trash/trash.ts';
import { type FacelessSession, trashedFaces } from '../trash/trashed-faces.ts';
import type { KnownSession } from './session-index.ts';

/** Where there may be a trash. */
export type TrashPlaces = Pick<Config, 'claudeDir' | 'sessions.store'> & Partial<Pick<Config, 'mayClaudeDirBeMissing'>>;
type UnreadableFolder = ReturnType<Trash['mentioned']>['unreadableFolders'][number];

/** One session in the trash. */
export interface SessionInTrash {
  /** The Claude directory or the session store that it was in. */
  readonly place: string;
  readonly session: Pick<
    TrashedSession,
    'sessionId' | 'state' | 'reason' | 'files' | 'bytes' | 'newestMtimeMs' | 'trashedAtMs'
  > & { readonly project: string | undefined };
  /** Where its files lie in the trash; a session store has none. */
  readonly lies?: FacelessSession;
}

/** All that lies in the trash of every Claude directory and session store, and what of it cannot be read. */
export function readTrash(config: TrashPlaces): { readonly listed: SessionInTrash[]; readonly unreadable: string[] } {
  const listed: SessionInTrash[] = [];
  const unreadable: string[] = [];
  eachTrash(
    config,
    (trash, claudeDir) => {
      const { sessions, unreadableFolders } = trash.contents();
      for (const session of sessions) listed.push({ place: claudeDir.path, session, lies: session });
      for (const { run, code } of unreadableFolders) unreadable.push(`${claudeDir.path}: trash folder ${run}: ${code}`);
    },
    { onPassedOver: (_, { message }) => unreadable.push(message) },
  );
  const listStore = (store: StoredSessions) => {
    for (const session of store.trashed()) {
      const { projectKey, lastUsedAtMs } = session;
      const asInTrash = { state: 'trashed', project: projectKey, files: 0, newestMtimeMs: lastUsedAtMs } as const;
      listed.push({ place: store.path, session: { ...session, ...asInTrash } });
    }
  };
  eachStore(config, 'read', listStore, (fault) => unreadable.push(fault));
  return { listed, unreadable };
}

/** How a person recognises sessions in the trash, by the Claude directory that they were in and their ids. */
export function facesInTrash(
  config: TrashPlaces,
  sessions: readonly SessionInTrash[],
): (one: SessionInTrash) => SessionFace | undefined {
  const faces = new Map<string, ReadonlyMap<SessionId, SessionFace>>();
  eachTrash(config, (trash, { path }) => {
    const here = sessions.flatMap(({ place, lies }) => (place === path && lies !== undefined ? [lies] : []));
    if (here.length > 0) faces.set(path, trashedFaces(trash, here));
  });
  return ({ place, session }) => faces.get(place)?.get(session.sessionId);
}

/** What lies in the trash as a person recognises it, by id. */
export function knownInTrash(config: TrashPlaces): ReadonlyMap<SessionId, KnownSession> {
  const { listed } = readTrash(config);
  const faceOf = facesInTrash(config, listed);
  return new Map(
    listed.map((one) => {
      const { sessionId, project, newestMtimeMs: lastUsedMs } = one.session;
      const { title, workingDirectory } = faceOf(one) ?? { title: undefined, workingDirectory: undefined };
      const shown = project === undefined ? undefined : displayName(project);
      return [sessionId, { sessionId, project: shown, hasTranscript: true, lastUsedMs, title, workingDirectory }];
    }),
  );
}

/** Which sessions are in the trash at all; cheaper than reading of each what it is. @param onRefused is told of a store that cannot be opened */
export function idsInTrash(
  config: TrashPlaces,
  onRefused: (fault: string) => void,
): { readonly sessionIds: ReadonlySet<SessionId>; readonly unreadableFolders: readonly UnreadableFolder[] } {
  const passedOver: UnreadableFolder[] = [];
  const mentioned = eachTrash(config, (trash) => trash.mentioned(), { onPassedOver: notingIn(passedOver) });
  const ofStore = (store: StoredSessions) => store.trashed().map((one) => one.sessionId);
  const hidden = eachStore(config, 'read', ofStore, onRefused).flat();
  return {
    sessionIds: new Set([...hidden, ...mentioned.flatMap(({ sessionIds }) => [...sessionIds])]),
    unreadableFolders: [...mentioned.flatMap(({ unreadableFolders }) => unreadableFolders), ...passedOver],
  };
}

/** What lies in the trash of a directory that cannot be opened is not known either. */
function notingIn(unreadable: UnreadableFolder[]): (path: string, fault: OperatingError) => void {
  return (path, { message }) => unreadable.push({ run: byteNameFromSystem(`of ${path}`), code: message });
}

/** A session that is back. */
export interface RestoredSession {
  readonly sessionId: SessionId;
  readonly joined?: true;
  readonly project?: string;
  /** Whence it came: the Claude directory or session stores, and the folder of the trash. */
  readonly place: string;
  readonly run?: string;
  /** Paths that stay in the trash, since newer files have their names. */
  readonly left?: readonly string[];
}

/** @returns the sessions whose restore this has finished */
export function reconcileAll(config: TrashPlaces, lock: DirLock): ReadonlySet<SessionId> {
  return new Set(eachTrash(config, (trash) => trash.reconcile(systemClock.now()).restored, { lock }).flat());
}

export interface RestoreOptions {
  /** Whether it is put together with what was begun anew under its name. */
  readonly joins: boolean;
  readonly lock: DirLock;
}

/**
 * Brings a session back from wherever its trash is on this host.
 * @returns what came back, or why there is nothing of it
 * @throws OperatingError, `bad-data` where it cannot come back: its place is taken, or a part of it is gone
 */
export function restoreHere(
  config: TrashPlaces,
  sessionId: SessionId,
  { joins, lock }: RestoreOptions,
): { readonly result: RestoredSession } | { readonly absence: OperatingError } {
  let result: RestoredSession | undefined;
  const restore = (trash: Trash, claudeDir: ClaudeDir) => {
    const { sessions, unreadableFolders } = trash.contents();
    const session = sessions.find((one) => one.sessionId === sessionId && one.state !== 'joined');
    if (session === undefined || result !== undefined) return unreadableFolders;
    const whence = { place: displayName(claudeDir.path), run: session.run };
    const project = session.project === undefined ? whence : { ...whence, project: displayName(session.project) };
    if (!joins || !trash.isRecreated(session)) {
      const { left } = trash.restore(sessionId, systemClock.now());
      result = { sessionId, ...project, ...(left.length > 0 ? { left } : {}) };
      return unreadableFolders;
    }
    throwIfRunning(claudeDir, sessionId);
    const { left } = trash.join(sessionId, systemClock.now());
    result = { sessionId, joined: true, ...project, ...(left.length > 0 ? { left } : {}) };
    return unreadableFolders;
  };
  const passedOver: UnreadableFolder[] = [];
  const unreadable = eachTrash(config, restore, { lock, onPassedOver: notingIn(passedOver) }).flat();
  const faults: string[] = [];
  const inStore = restoreInStore(config, sessionId, (fault) => faults.push(fault));
  result ??= inStore;
  if (result !== undefined) return { result };
  const [fault] = faults;
  const absent = notInTrash([sessionId], [...unreadable, ...passedOver]);
  return { absence: fault === undefined ? absent : new OperatingError('bad-data', fault) };
}

/**
 * One id may be stored under several projects, and beside a copy in a directory: all of them come back.
 * @param onRefused is told of a store that cannot be opened
 */
function restoreInStore(
  config: TrashPlaces,
  sessionId: SessionId,
  onRefused: (fault: string) => void,
): RestoredSession | undefined {
  const restore = (store: StoredSessions) => {
    const path = displayName(store.path);
    const held = store.trashed().filter((session) => session.sessionId === sessionId);
    return held
      .filter((session) => store.restore(session))
      .map(({ projectKey }) => [displayName(projectKey), path] as const);
  };
  const projects = eachStore(config, 'write', restore, onRefused).flat();
  if (projects.length === 0) return undefined;
  const [names, places] = [projects.map(([name]) => name), projects.map(([, path]) => path)];
  return { sessionId, project: names.join(', '), place: [...new Set(places)].join(', ') };
}

/** One that cannot be opened keeps no other from its turn. @param onRefused is given what is wrong with it, one sentence */
function eachStore<T>(
  config: TrashPlaces,
  mode: 'read' | 'write',
  use: (store: StoredSessions) => T,
  onRefused: (fault: string) => void,
): T[] {
  return config['sessions.store'].flatMap((path) => {
    try {
      const store = mode === 'read' ? StoredSessions.openForReading(path) : StoredSessions.open(path);
      try {
        return [use(store)];
      } finally {
        store.close();
      }
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      onRefused(error.message);
      return [];
    }
  });
}

/** Whoever writes to the transcript while it is put together could write past it. */
function throwIfRunning(claudeDir: ClaudeDir, sessionId: SessionId): void {
  const { ids, prefixes, faults = [] } = readRunning(claudeDir.home, claudeDir.path);
  if (ids.has(sessionId) || prefixes?.match(sessionId)) {
    throw new OperatingError('bad-data', `join ${sessionId}: a process is at work on it; end it first`);
  }
  const [fault] = faults;
  if (fault !== undefined) throw new OperatingError('bad-data', `join ${sessionId}: ${fault}`);
}

interface Opening {
  /** Needed where anything is changed. */
  readonly lock?: DirLock;
  /** Is told of a Claude directory that cannot be opened, where there are others. */
  readonly onPassedOver?: (path: string, fault: OperatingError) => void;
}

/** Uses the trash of every Claude directory that has one. */
function eachTrash<T>(config: TrashPlaces, use: (trash: Trash, claudeDir: ClaudeDir) => T, opening: Opening = {}): T[] {
  const results: T[] = [];
  const useTrash = (claudeDir: ClaudeDir) => {
    const trash = Trash.openIfThere(claudeDir);
    if (trash === undefined) return;
    try {
      results.push(use(trash, claudeDir));
    } catch (error) {
      throw systemError(`work in the trash of ${displayName(claudeDir.path)}`, error);
    } finally {
      trash.close();
    }
  };
  withClaudeDirs(config, useTrash, opening);
  return results;
}

function withClaudeDirs(
  config: TrashPlaces,
  use: (claudeDir: ClaudeDir) => void,
  { lock, onPassedOver }: Opening,
): void {
  const opened: ClaudeDir[] = [];
  try {
    openClaudeDirs(config, (claudeDir) => opened.push(claudeDir), lock?.directories, onPassedOver);
    for (const claudeDir of distinctPlaces(opened)) use(claudeDir);
  } finally {
    for (const claudeDir of opened) claudeDir.close();
  }
}
