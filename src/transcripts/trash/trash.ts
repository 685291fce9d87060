/** The trash of one Claude directory: what lies in it, and how it comes back or ends. Works from the manifests alone. */

import { errorCode, errorMessage, OperatingError, operatingError, systemError } from '../../errors.ts';
import type { SessionId } from '../../sessions/session-id.ts';
import type { AnchoredDir } from '../anchored-dir.ts';
import { type ByteName, displayName, ownName } from '../byte-name.ts';
import type { ClaudeDir } from '../claude-dir.ts';
import { SWEEPER_DIRECTORY } from '../layout.ts';
import { isTranscript, type Part, partPath } from '../unit.ts';
import { destroyPart, removeEmptyTree, type TrashBounds } from './destroy.ts';
import { HeldDirs } from './held-dirs.ts';
import { MANIFEST_NAME, type ManifestEntry, type ManifestEvent, ManifestWriter, readManifest } from './manifest.ts';
import { isThere, putBack } from './move.ts';
import { TrashRun } from './trash-run.ts';

const TRASH_DIRECTORY = ownName('trash');

/** A session in the trash. */
export interface TrashedSession extends ManifestEntry {
  /** The run directory that it lies in. */
  readonly run: ByteName;
}

export interface TrashContents {
  readonly sessions: readonly TrashedSession[];
  /** Runs whose manifest could not be read; nothing of them is ever purged. */
  readonly unreadableRuns: readonly UnreadableRun[];
}

export interface Reconciled {
  /** Units that a killed run had begun to move, and that are back where they were. */
  readonly undone: number;
  /** Units that were wholly in the trash, or on their way back, and are recorded as that now. */
  readonly completed: number;
  /** Of those, the ones that are back where they were. */
  readonly restored: readonly SessionId[];
  /** Runs whose manifest could not be read: nothing of them was touched. */
  readonly unreadableRuns: readonly UnreadableRun[];
}

export interface Destroyed {
  readonly sessions: readonly ManifestEntry[];
  readonly faults: readonly DestroyFault[];
}

export interface DestroyFault {
  readonly sessionId: SessionId;
  readonly message: string;
}

export interface UnreadableRun {
  readonly run: ByteName;
  readonly code: string;
}

export class Trash {
  readonly #claudeDir: ClaudeDir;
  readonly #directory: AnchoredDir;

  private constructor(claudeDir: ClaudeDir, directory: AnchoredDir) {
    this.#claudeDir = claudeDir;
    this.#directory = directory;
  }

  /** Opens the trash, made first where there is none. @throws OperatingError (`io`, `unavailable`) */
  static openOrMake(claudeDir: ClaudeDir): Trash {
    return Trash.#open(claudeDir, (parent, name) => parent.openOrMakeChild(name));
  }

  /** Opens the trash for reading; undefined where there is none. */
  static openIfThere(claudeDir: ClaudeDir): Trash | undefined {
    try {
      return Trash.#open(claudeDir, (parent, name) => parent.openChild(name));
    } catch (error) {
      if (error instanceof OperatingError && errorCode(error.cause) === 'ENOENT') return undefined;
      throw error;
    }
  }

  static #open(claudeDir: ClaudeDir, open: (parent: AnchoredDir, name: ByteName) => AnchoredDir): Trash {
    try {
      const ours = open(claudeDir.root, SWEEPER_DIRECTORY);
      try {
        return new Trash(claudeDir, open(ours, TRASH_DIRECTORY));
      } finally {
        ours.close();
      }
    } catch (error) {
      throw operatingError('io', `open the trash of ${displayName(claudeDir.path)}`, error);
    }
  }

  beginRun(startedAtMs: number): TrashRun {
    return TrashRun.begin(this.#claudeDir, this.#directory, startedAtMs);
  }

  /** Every session that any manifest speaks of and that is neither restored nor purged nor was kept. Changes nothing. */
  contents(): TrashContents {
    const sessions: TrashedSession[] = [];
    const unreadableRuns = this.#inEachRun((directory, run) => {
      for (const entry of readManifest(directory).values()) {
        if (entry.state === 'trashed' || entry.state === 'purging') sessions.push({ ...entry, run });
      }
    });
    return { sessions, unreadableRuns };
  }

  /**
   * Ends what a killed run or restore had begun: a unit that is partly moved goes back; one that cannot, since its name is
   * taken by now, stays in the trash whole or in part, and is listed. The caller holds the lock of the Claude directory.
   */
  reconcile(nowMs: number): Reconciled {
    let undone = 0;
    let completed = 0;
    const restored: SessionId[] = [];
    const unreadableRuns = this.#inEachRun((directory, run) => {
      // A run that died before its manifest was there has moved nothing.
      if (!directory.has(MANIFEST_NAME) && removeEmptyTree(directory)) {
        this.#directory.removeDirectory(run);
        return;
      }
      const entries = [...readManifest(directory).values()];
      const unfinished = entries.filter((entry) => entry.state === 'intended' || entry.state === 'restoring');
      if (unfinished.length === 0) return;
      this.#withManifest(directory, (manifest, claudeDir, trash) => {
        for (const entry of unfinished) {
          const event = settle(entry, claudeDir, trash);
          manifest.event(event, entry.sessionId, nowMs);
          if (event === 'kept') undone += 1;
          else completed += 1;
          if (event === 'restored') restored.push(entry.sessionId);
        }
      });
    });
    return { undone, completed, restored, unreadableRuns };
  }

  /**
   * Brings a session back, times included, from the newest run that holds it. The caller holds the lock.
   * @throws OperatingError `bad-data` where it is not in the trash, or where its old place is taken: both stay as they are
   */
  restore(sessionId: SessionId, nowMs: number): TrashedSession {
    const held = this.contents().sessions.filter((session) => session.sessionId === sessionId);
    const newest = held.toSorted((left, right) => right.trashedAtMs - left.trashedAtMs)[0];
    if (newest === undefined) throw new OperatingError('bad-data', `restore ${sessionId}: it is not in the trash`);
    try {
      this.#restoreFrom(newest, nowMs);
    } catch (error) {
      throw systemError(`restore ${sessionId}`, error);
    }
    return newest;
  }

  #restoreFrom(newest: TrashedSession, nowMs: number): void {
    const { sessionId } = newest;
    this.#inRun(newest.run, (directory) => {
      this.#withManifest(directory, (manifest, claudeDir, trash) => {
        const parts = newest.parts.filter((part) => isThere(part, trash));
        if (parts.length === 0 || (newest.parts.some(isTranscript) && !parts.some(isTranscript))) {
          throw new OperatingError('bad-data', `restore ${sessionId}: its transcript is not in the trash any more`);
        }
        const taken = parts.filter((part) => isThere(part, claudeDir));
        if (taken.length > 0) throw placeTaken(sessionId, taken);
        refuseUnreachable(sessionId, parts, claudeDir);
        manifest.event('restoring', sessionId, nowMs);
        manifest.sync();
        const stuck = putBack(parts, claudeDir, trash);
        if (stuck.length === 0) {
          manifest.event('restored', sessionId, nowMs);
          return;
        }
        manifest.event('trashed', sessionId, newest.trashedAtMs);
        throw placeTaken(sessionId, stuck);
      });
    });
  }

  /** Whether something stands under one of its old names again: then it is not alone, and not to be purged. */
  isRecreated(session: ManifestEntry): boolean {
    const claudeDir = new HeldDirs(this.#claudeDir.root);
    try {
      return session.parts.some((part) => isThere(part, claudeDir));
    } finally {
      claudeDir.close();
    }
  }

  /** Whether nothing of it has been destroyed yet. */
  isWhole(session: TrashedSession): boolean {
    let isWhole = false;
    this.#inRun(session.run, (directory) => {
      const trash = new HeldDirs(directory);
      try {
        isWhole = session.parts.every((part) => isThere(part, trash));
      } finally {
        trash.close();
      }
    });
    return isWhole;
  }

  /**
   * Marks sessions whose time is over, and takes the mark off others that a killed purge had left with it. Short, since the
   * resume map's writers may be held back meanwhile; the bytes go in `destroyMarked`.
   */
  markForPurge(
    run: ByteName,
    sessionIds: readonly SessionId[],
    nowMs: number,
    unmarked: readonly ManifestEntry[] = [],
  ): void {
    this.#inRun(run, (directory) => {
      this.#withManifest(directory, (manifest) => {
        for (const sessionId of sessionIds) manifest.event('purging', sessionId, nowMs);
        for (const { sessionId, trashedAtMs } of unmarked) manifest.event('trashed', sessionId, trashedAtMs);
        manifest.sync();
      });
    });
  }

  /** Destroys what is marked in a run, and the run's directory where nothing is left in it. */
  destroyMarked(run: ByteName, nowMs: number, shouldStop: () => boolean = () => false): Destroyed {
    const result = { sessions: [] as ManifestEntry[], faults: [] as DestroyFault[] };
    let isStopped = false;
    let isEmpty = false;
    this.#inRun(run, (directory) => {
      const entries = [...readManifest(directory).values()];
      const marked = entries.filter((entry) => entry.state === 'purging');
      if (marked.length > 0) {
        this.#withManifest(directory, (manifest, _claudeDir, trash) => {
          const bounds = this.#boundsOf(run);
          for (const entry of marked) {
            isStopped ||= shouldStop();
            if (!isStopped) this.#destroy(entry, trash, bounds, result);
          }
          for (const { sessionId } of result.sessions) manifest.event('purged', sessionId, nowMs);
        });
      }
      const over: ReadonlySet<string> = new Set<ManifestEvent>(['kept', 'restored', 'purging', 'purged']);
      const isOver = !isStopped && result.faults.length === 0 && entries.every((entry) => over.has(entry.state));
      isEmpty = isOver && removeEmptyTree(directory, [MANIFEST_NAME]);
      if (isEmpty) directory.unlink(MANIFEST_NAME);
    });
    if (isEmpty) this.#directory.removeDirectory(run);
    return result;
  }

  /** What cannot be destroyed stays marked, and does not hold up the others. */
  #destroy(
    entry: ManifestEntry,
    trash: HeldDirs,
    bounds: TrashBounds,
    result: { sessions: ManifestEntry[]; faults: DestroyFault[] },
  ): void {
    try {
      for (const part of entry.parts) destroyPart(part, trash, bounds);
      result.sessions.push(entry);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      result.faults.push({ sessionId: entry.sessionId, message: errorMessage(error) });
    }
  }

  #boundsOf(run: ByteName): TrashBounds {
    const { dev, mountPoints } = this.#claudeDir.surroundings;
    const prefix = `${SWEEPER_DIRECTORY}/${TRASH_DIRECTORY}/${run}/`;
    const inRun = [...mountPoints].filter((point) => point.startsWith(prefix));
    return { dev, mountPoints: inRun.map((point) => point.slice(prefix.length)) };
  }

  /** Every session of which anything may lie in the trash, whatever was begun with it. Changes nothing. */
  mentioned(): { readonly sessionIds: ReadonlySet<SessionId>; readonly unreadableRuns: readonly UnreadableRun[] } {
    const sessionIds = new Set<SessionId>();
    const unreadableRuns = this.#inEachRun((directory) => {
      for (const { sessionId, state } of readManifest(directory).values()) {
        if (state !== 'kept' && state !== 'restored' && state !== 'purged') sessionIds.add(sessionId);
      }
    });
    return { sessionIds, unreadableRuns };
  }

  runs(): ByteName[] {
    const directories = this.#directory.entries().filter((entry) => entry.kind === 'directory');
    return directories.map((entry) => entry.name).sort();
  }

  close(): void {
    this.#directory.close();
  }

  /** One run that cannot be read does not hide the others. */
  #inEachRun(use: (directory: AnchoredDir, run: ByteName) => void): UnreadableRun[] {
    const unreadable: UnreadableRun[] = [];
    for (const run of this.runs()) {
      try {
        this.#inRun(run, (directory) => use(directory, run));
      } catch (error) {
        const code = errorCode(error);
        if (code === undefined) throw error;
        unreadable.push({ run, code });
      }
    }
    return unreadable;
  }

  #inRun(run: ByteName, use: (directory: AnchoredDir) => void): void {
    const directory = this.#directory.openChild(run);
    try {
      use(directory);
    } finally {
      directory.close();
    }
  }

  #withManifest(
    directory: AnchoredDir,
    use: (manifest: ManifestWriter, claudeDir: HeldDirs, trash: HeldDirs) => void,
  ): void {
    const manifest = ManifestWriter.append(directory);
    const claudeDir = new HeldDirs(this.#claudeDir.root);
    const trash = new HeldDirs(directory);
    try {
      use(manifest, claudeDir, trash);
    } finally {
      claudeDir.close();
      trash.close();
      manifest.close();
    }
  }
}

function settle(entry: ManifestEntry, claudeDir: HeldDirs, trash: HeldDirs): ManifestEvent {
  const inTrash = entry.parts.filter((part) => isThere(part, trash));
  const isWhole = inTrash.length === entry.parts.length && !inTrash.some((part) => isThere(part, claudeDir));
  if (entry.state === 'intended' && isWhole) return 'trashed';
  const stuck = putBack(inTrash, claudeDir, trash);
  if (stuck.length > 0) return 'trashed';
  return entry.state === 'restoring' ? 'restored' : 'kept';
}

/** Makes the directories that are missing. Before anything moves: a session must not come back in part. */
function refuseUnreachable(sessionId: SessionId, parts: readonly Part[], claudeDir: HeldDirs): void {
  for (const part of parts) {
    try {
      claudeDir.findOrMake(part.directory);
    } catch (error) {
      const path = displayName(part.directory.join('/'));
      throw new OperatingError('bad-data', `restore ${sessionId}: ${path}: ${errorMessage(error)}`, { cause: error });
    }
  }
}

function placeTaken(sessionId: SessionId, parts: readonly Part[]): OperatingError {
  const paths = parts.map((part) => displayName(partPath(part))).join(', ');
  return new OperatingError('bad-data', `restore ${sessionId}: ${paths} exists; both are left as they are`);
}
