/** Ends sessions of one run whose time in the trash is over: marks them first, durably, and destroys what is marked. */

import type { SessionId } from '../claude-dir/session-id.ts';
import { errorCode, errorMessage } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import { destroyPart, removeEmptyTree, type TrashBounds } from './destroy.ts';
import { amountOf, isInTrash, type KnownFolder } from './known-folders.ts';
import { MANIFEST_NAME, type ManifestEntry, type ManifestEvent, ManifestWriter } from './manifest.ts';
import { isThere } from './move.ts';
import { lineNames } from './name-lines.ts';
import { identifyManifest } from './read-manifest.ts';

/** Nothing of the session is left in the trash. */
export const FINISHED_STATES: ReadonlySet<string> = new Set<ManifestEvent>(['kept', 'restored', 'purged']);

export interface Destroyed {
  readonly sessions: readonly TrashedEntry[];
  readonly faults: readonly DestroyFault[];
  /** Why the run's directory could not be removed, though no session is left in it. */
  readonly leftOver: string | undefined;
}

export interface DestroyFault {
  readonly sessionId: SessionId;
  readonly message: string;
}

/** A purge asks this of a session in the trash. */
export type TrashedEntry = Pick<ManifestEntry, 'sessionId' | 'state' | 'trashedAtMs' | 'bytes'>;

/** A session as it is found before it is decided whether it is to be marked. */
export interface Found {
  readonly session: TrashedEntry;
  /** Something stands under one of its old names again: then it is not alone, and not to be purged. */
  readonly isRecreated: boolean;
  /** Nothing of it has been destroyed yet. */
  readonly isWhole: boolean;
  /** Indexes of its parts that lie in the trash. */
  readonly present: readonly number[];
}

interface FolderPlace {
  /** The trash that the run lies in. */
  readonly trash: AnchoredDir;
  readonly run: ByteName;
  readonly directory: AnchoredDir;
  readonly claudeRoot: AnchoredDir;
  readonly bounds: TrashBounds;
}

export class FolderPurge {
  readonly #place: FolderPlace;
  readonly #entries: Map<SessionId, ManifestEntry>;
  readonly #claudeDir: OpenDirs;
  readonly #inFolder: OpenDirs;
  #manifest: ManifestWriter | undefined;

  /** Takes over the run's directory. The caller holds the lock. @param entries what its manifest says */
  constructor(place: FolderPlace, entries: Map<SessionId, ManifestEntry>) {
    this.#place = place;
    this.#entries = entries;
    this.#claudeDir = new OpenDirs(place.claudeRoot);
    this.#inFolder = new OpenDirs(place.directory);
  }

  sessions(): TrashedEntry[] {
    return [...this.#entries.values()].filter(isInTrash);
  }

  /** Looks for what is left of sessions, and for what stands in their old places. */
  find(sessions: readonly TrashedEntry[]): Found[] {
    this.#claudeDir.beginBatch();
    this.#inFolder.beginBatch();
    try {
      return sessions.map((session) => this.#find(session));
    } finally {
      this.#claudeDir.endBatch();
      this.#inFolder.endBatch();
    }
  }

  #find(session: TrashedEntry): Found {
    const { parts, purgedParts = parts } = this.#entryOf(session);
    const present = parts.flatMap((part, index) => (isThere(part, this.#inFolder) ? [index] : []));
    const isPresent = new Set(present.map((index) => parts[index]));
    return {
      session,
      present,
      isRecreated: parts.some((part) => isThere(part, this.#claudeDir)),
      isWhole: purgedParts.length > 0 && purgedParts.every((part) => isPresent.has(part)),
    };
  }

  /**
   * Marks sessions whose time is over, and takes the mark off others that a killed purge had left with it. Short, since the
   * resume map's writers may be held back meanwhile: the marks are made durable, and the bytes go, in `destroy`.
   * @returns those that could be marked: here, all
   * @throws the system's error; then none of them counts as marked, and it may be tried again
   */
  mark(marked: readonly Found[], unmarked: readonly TrashedEntry[], nowMs: number): readonly Found[] {
    try {
      const manifest = this.#openManifest();
      for (const { session, present } of marked) manifest.purging(session.sessionId, present, nowMs);
      for (const { sessionId, trashedAtMs } of unmarked) manifest.event('trashed', sessionId, trashedAtMs);
      manifest.flush();
    } catch (error) {
      // Half a line may stand at its end: whoever opens it anew ends that.
      this.#closeManifest();
      throw error;
    }
    for (const { session } of marked) this.#setState(session, 'purging');
    for (const session of unmarked) this.#setState(session, 'trashed');
    return marked;
  }

  /**
   * Destroys one session whose time is over before it is marked, for the room that it takes. A kill leaves it listed as it was,
   * and the next purge ends it. What cannot be destroyed makes no room.
   */
  destroyUnmarked(session: TrashedEntry): void {
    try {
      this.#destroy(this.#entryOf(session));
    } catch (error) {
      // The purge comes to it again, and tells.
      if (errorCode(error) === undefined) throw error;
    }
  }

  /**
   * Destroys what is marked, once that is known to survive a power cut, and the run's directory where nothing is left in it. What cannot
   * be destroyed stays marked, and does not hold up the others.
   * @throws the system's error where the marks cannot be made durable: nothing is destroyed then
   */
  async destroy(nowMs: number, shouldStop = async () => false): Promise<Destroyed> {
    this.#manifest?.sync();
    const sessions: ManifestEntry[] = [];
    const faults: DestroyFault[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.state !== 'purging') continue;
      if (await shouldStop()) break;
      try {
        this.#destroy(entry);
        sessions.push(entry);
      } catch (error) {
        if (errorCode(error) === undefined) throw error;
        faults.push({ sessionId: entry.sessionId, message: errorMessage(error) });
      }
    }
    for (const session of sessions) this.#setState(session, 'purged');
    const isOver = [...this.#entries.values()].every(({ state }) => FINISHED_STATES.has(state));
    const leftOver = isOver ? this.#removeFolder() : undefined;
    if (leftOver !== 'removed' && sessions.length > 0) {
      const manifest = this.#openManifest();
      for (const { sessionId } of sessions) manifest.event('purged', sessionId, nowMs);
    }
    return { sessions, faults, leftOver: typeof leftOver === 'object' ? leftOver.message : undefined };
  }

  /** Tells what is left in it; undefined where nothing is to be known of it, since its manifest is gone. */
  summary(): KnownFolder | undefined {
    this.#manifest?.flush();
    try {
      return { ...amountOf(this.#entries.values()), manifest: identifyManifest(this.#place.directory) };
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return undefined;
    }
  }

  close(): void {
    try {
      this.#closeManifest();
    } finally {
      this.#claudeDir.close();
      this.#inFolder.close();
      this.#place.directory.close();
    }
  }

  /** Bytes do not come back: each directory on the way is looked at for each session. */
  #destroy({ parts }: ManifestEntry): void {
    for (const part of parts) destroyPart(part, this.#inFolder, this.#place.bounds);
  }

  #entryOf({ sessionId }: Pick<TrashedEntry, 'sessionId'>): ManifestEntry {
    const entry = this.#entries.get(sessionId);
    if (entry === undefined) throw new Error(`${sessionId} is not in trash folder ${this.#place.run}`);
    return entry;
  }

  #setState(session: Pick<TrashedEntry, 'sessionId'>, state: ManifestEvent): void {
    this.#entries.set(session.sessionId, { ...this.#entryOf(session), state });
  }

  #removeFolder(): 'removed' | { readonly message: string } | undefined {
    const { trash, run, directory } = this.#place;
    try {
      const names = lineNames(directory);
      if (!removeEmptyTree(directory, [MANIFEST_NAME, ...names])) return undefined;
      // Without it, what is left of the names says nothing any more.
      directory.unlink(MANIFEST_NAME);
      for (const name of names) directory.unlink(name);
      trash.removeDirectory(run);
      return 'removed';
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return { message: errorMessage(error) };
    }
  }

  #openManifest(): ManifestWriter {
    this.#manifest ??= ManifestWriter.append(this.#place.directory);
    return this.#manifest;
  }

  #closeManifest(): void {
    const manifest = this.#manifest;
    this.#manifest = undefined;
    manifest?.close();
  }
}
