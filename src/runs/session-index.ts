/**
 * Which sessions are here, told from names alone, and how a person recognises them: what is typed for a session is held against it. It needs no
 * live source and no plan, so that it also serves where these cannot be had.
 */

import { ClaudeDir } from '../claude-dir/claude-dir.ts';
import { COMPANION_PLACES, transcriptName } from '../claude-dir/layout.ts';
import { readSessionName, type SessionName } from '../claude-dir/session-face.ts';
import { parseSessionId, SESSION_ID_LENGTH, type SessionId, SHORT_ID_LENGTH } from '../claude-dir/session-id.ts';
import type { Config } from '../config/config.ts';
import { errorCode, errorMessage, isExhaustion, OperatingError } from '../errors.ts';
import { type ByteName, displayName, parseByteName } from '../files/byte-name.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import type { StoredSession } from '../session-store/stored-session.ts';
import { StoredSessions } from '../session-store/stored-sessions.ts';

/** Where sessions may be. */
export type SessionPlaces = Pick<Config, 'claudeDir' | 'sessions.store'>;

/** A session as a person recognises it. */
export interface KnownSession extends SessionName {
  readonly sessionId: SessionId;
  /** The directory of its project, as it is shown. */
  readonly project: string | undefined;
  readonly hasTranscript: boolean;
  /** When its transcript was written last, Unix epoch ms; no number where it has none. */
  readonly lastUsedMs: number;
}

interface Found {
  /** The Claude directory or the session store. */
  readonly place: string;
  readonly dirs: OpenDirs | undefined;
  readonly project: ByteName | undefined;
  readonly hasTranscript: boolean;
  readonly lastUsedMs?: number;
}

const TRANSCRIPT_ENDING = '.jsonl';

export class SessionIndex {
  /** What could not be looked into, one sentence each. */
  readonly faults: string[] = [];
  readonly #found = new Map<SessionId, Found>();
  readonly #opened: { close(): void }[] = [];

  /** @throws the system's error where the process itself ran out of something */
  static open(config: SessionPlaces): SessionIndex {
    const index = new SessionIndex();
    try {
      for (const path of config.claudeDir) index.#tried(() => index.#addClaudeDir(path));
      for (const path of config['sessions.store']) index.#tried(() => index.#addStore(path));
      return index;
    } catch (error) {
      index.close();
      throw error;
    }
  }

  /** @param place the session store that has them */
  addStored(place: string, sessions: readonly StoredSession[]): void {
    for (const { sessionId, projectKey, lastUsedAtMs } of sessions) {
      const project = parseByteName(projectKey);
      this.#add(sessionId, { place, dirs: undefined, project, hasTranscript: true, lastUsedMs: lastUsedAtMs });
    }
  }

  /** Made anew for each call. */
  ids(): readonly SessionId[] {
    return [...this.#found.keys()];
  }

  has(sessionId: SessionId): boolean {
    return this.#found.has(sessionId);
  }

  /** Undefined for a session that is not here. */
  session(sessionId: SessionId): KnownSession | undefined {
    const found = this.#found.get(sessionId);
    if (found === undefined) return undefined;
    const { project, hasTranscript, lastUsedMs = Number.NaN } = found;
    const known = { sessionId, project: project && displayName(project), hasTranscript, lastUsedMs };
    return { ...known, ...(this.#nameOf(sessionId, found) ?? NAMELESS) };
  }

  /** Where its transcript is; undefined for one that has none. */
  pathOf(sessionId: SessionId): string | undefined {
    const { place = '', dirs, project, hasTranscript = false } = this.#found.get(sessionId) ?? {};
    if (!hasTranscript) return undefined;
    if (dirs === undefined) return place;
    return `${place}/projects/${project === undefined ? '' : displayName(project)}/${sessionId}${TRANSCRIPT_ENDING}`;
  }

  /**
   * Real paths by the shown names of projects.
   * @param askedMax so many sessions of a project are asked for theirs
   * @param only the shown names of those that are wanted; all by default
   */
  projectPaths(askedMax: number, only?: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
    const paths = new Map<string, Set<string>>();
    const asked = new Map<string, number>();
    for (const [sessionId, { project, hasTranscript }] of this.#found) {
      if (project === undefined) continue;
      const name = displayName(project);
      if (only?.has(name) === false) continue;
      const ofProject = paths.get(name) ?? new Set<string>();
      paths.set(name, ofProject);
      const count = asked.get(name) ?? 0;
      if (!hasTranscript || count >= askedMax) continue;
      asked.set(name, count + 1);
      const path = this.session(sessionId)?.workingDirectory;
      if (path !== undefined) ofProject.add(path);
    }
    return new Map([...paths].map(([name, ofProject]) => [name, [...ofProject]]));
  }

  /** The beginning of an id that no other session here has, of eight digits or all of them. */
  shortIdOf(sessionId: SessionId): string {
    const head = sessionId.slice(0, SHORT_ID_LENGTH);
    for (const other of this.#found.keys()) if (other !== sessionId && other.startsWith(head)) return sessionId;
    return head;
  }

  close(): void {
    for (const opened of this.#opened.reverse()) opened.close();
    this.#opened.length = 0;
  }

  #nameOf(
    sessionId: SessionId,
    { dirs, project, hasTranscript }: Found,
  ): (SessionName & { readonly lastUsedMs: number }) | undefined {
    if (!hasTranscript || project === undefined || dirs === undefined) return undefined;
    try {
      const directory = dirs.find([project]);
      const name = transcriptName(sessionId);
      const lastUsedMs = directory?.lstat(name)?.mtimeMs;
      if (directory === undefined || lastUsedMs === undefined) return undefined;
      return { lastUsedMs, ...readSessionName(directory, name, project) };
    } catch (error) {
      // It is known by its id alone.
      if (isExhaustion(errorCode(error) ?? '')) throw error;
      return undefined;
    }
  }

  #addClaudeDir(path: string): void {
    const claudeDir = ClaudeDir.open(path);
    this.#opened.push(claudeDir);
    const [dirs, companions] = [new OpenDirs(claudeDir.projects), new OpenDirs(claudeDir.root)];
    this.#opened.push(dirs, companions);
    for (const { name: project, kind } of claudeDir.projects.entries()) {
      if (kind === 'directory') this.#tried(() => this.#addProject(claudeDir, dirs, project));
    }
    for (const { directory, regular } of COMPANION_PLACES) {
      const place = regular && this.#tried(() => companions.find(directory));
      for (const { name } of place?.entries() ?? []) this.#add(regular?.sessionOf(name), { ...NOWHERE, place: path });
    }
  }

  #addProject(claudeDir: ClaudeDir, dirs: OpenDirs, project: ByteName): void {
    const opened = claudeDir.projects.openChild(project);
    try {
      for (const { name, kind } of opened.entries()) {
        const isTranscript = kind === 'file' && name.endsWith(TRANSCRIPT_ENDING);
        const isNamedSo = isTranscript ? name.length === SESSION_ID_LENGTH + TRANSCRIPT_ENDING.length : true;
        const id = isNamedSo ? parseSessionId(isTranscript ? name.slice(0, SESSION_ID_LENGTH) : name) : undefined;
        this.#add(id, { place: claudeDir.path, dirs, project, hasTranscript: isTranscript });
      }
    } finally {
      opened.close();
    }
  }

  #addStore(path: string): void {
    const store = StoredSessions.openForReading(path);
    try {
      this.addStored(path, store.sessions());
    } finally {
      store.close();
    }
  }

  /** Of several places of one session, that of its transcript says most. */
  #add(sessionId: SessionId | undefined, found: Found): void {
    if (sessionId === undefined || this.#found.get(sessionId)?.hasTranscript) return;
    const known = this.#found.get(sessionId);
    if (known === undefined || found.hasTranscript || known.project === undefined) this.#found.set(sessionId, found);
  }

  /** One place that cannot be looked into hides no other. */
  #tried<T>(look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      const code = errorCode(error);
      if (!(error instanceof OperatingError) && (code === undefined || isExhaustion(code))) throw error;
      this.faults.push(errorMessage(error));
      return undefined;
    }
  }
}

const NOWHERE: Omit<Found, 'place'> = { dirs: undefined, project: undefined, hasTranscript: false };
const NAMELESS: SessionName = { title: undefined, workingDirectory: undefined };
