/** The trash of one Claude directory: what lies in it, and how it comes back or ends. Works from the manifests alone. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import type { DirectoryFingerprints } from '../claude-dir/directory-fingerprints.ts';
import { SWEEPER_DIRECTORY, TRASH_DIRECTORY } from '../claude-dir/layout.ts';
import { withOwnRemedy } from '../claude-dir/own-remedy.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { errorCode, OperatingError, operatingError } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, displayName } from '../files/byte-name.ts';
import { join, lookUp, partsTaken, restore } from './bring-back.ts';
import {
  hasNothing,
  type ReadFolder,
  type TrashContents,
  type TrashedSession,
  TrashFolders,
  type UnreadableFolder,
} from './folders.ts';
import { type Amount, amountOf, isInTrash, type KnownFolders, NONE_KNOWN } from './known-folders.ts';
import type { ManifestEntry } from './manifest.ts';
import { FINISHED_STATES, FolderPurge } from './purge.ts';
import { identifyManifest, readManifest } from './read-manifest.ts';
import { TakeIntoTrash } from './take.ts';
import {
  type Foreseen,
  foresee,
  foreseeFolder,
  type Reconciled,
  type ReconcileOptions,
  reconcile,
  settle,
} from './unfinished.ts';

export class Trash {
  readonly #folders: TrashFolders;

  private constructor(claudeDir: ClaudeDir, directory: AnchoredDir) {
    this.#folders = new TrashFolders(claudeDir, directory);
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
      throw operatingError('io', `open the trash of ${displayName(claudeDir.path)}`, withOwnRemedy(claudeDir, error));
    }
  }

  /** @param fingerprints from before the scan that the decisions are made on */
  beginFolder(startedAtMs: number, fingerprints?: DirectoryFingerprints): TakeIntoTrash {
    return TakeIntoTrash.begin(this.#folders.claudeDir, this.#folders.directory, startedAtMs, fingerprints);
  }

  /** Every session that any manifest speaks of and that is neither restored nor purged nor was kept. Changes nothing. */
  contents(): TrashContents {
    const sessions: TrashedSession[] = [];
    const unreadableFolders = this.#folders.inEach((directory, run) => {
      for (const entry of readManifest(directory).values()) {
        if (isInTrash(entry)) sessions.push({ ...entry, run });
      }
    });
    return { sessions, unreadableFolders };
  }

  /** Counts what lies in all runs that can be read. @param known are not read where their manifest is the same */
  amount(known: KnownFolders = NONE_KNOWN): Amount & Pick<TrashContents, 'unreadableFolders'> {
    let [sessions, bytes] = [0, 0];
    const unreadableFolders = this.#folders.inEach((directory, run) => {
      if (hasNothing(directory)) return;
      const before = known.get(run);
      const isKnown = before !== undefined && before.manifest === identifyManifest(directory);
      const amount = isKnown ? before : amountOf(readManifest(directory).values());
      sessions += amount.sessions;
      bytes += amount.bytes;
    });
    return { sessions, bytes, unreadableFolders };
  }

  /** Every session of which anything may lie in the trash, whatever was begun with it. Changes nothing. */
  mentioned(): {
    readonly sessionIds: ReadonlySet<SessionId>;
    readonly unreadableFolders: readonly UnreadableFolder[];
  } {
    const sessionIds = new Set<SessionId>();
    const unreadableFolders = this.#folders.inEach((directory) => {
      for (const { sessionId, state } of readManifest(directory).values()) {
        if (!FINISHED_STATES.has(state) && state !== 'joined') sessionIds.add(sessionId);
      }
    });
    return { sessionIds, unreadableFolders };
  }

  /** Every folder's record of one session, whatever was begun with it. Changes nothing, and keeps no other session in memory. */
  lookUp(sessionId: SessionId): TrashContents {
    return lookUp(this.#folders, sessionId);
  }

  /**
   * Ends what a killed run or restore had begun: a unit that is partly moved goes back; one that cannot, since its name is
   * taken by now, stays in the trash whole or in part, and is listed. The caller holds the lock of the Claude directory.
   */
  reconcile(nowMs: number, options: ReconcileOptions = {}): Reconciled {
    return reconcile(this.#folders, nowMs, options);
  }

  /** Tells what `reconcile` would do, for a dry run. Changes nothing. */
  foresee(options: Pick<ReconcileOptions, 'known'> = {}): Foreseen {
    return foresee(this.#folders, options);
  }

  /**
   * Brings a session back, times included: its newest part, and in front of it what older folders hold of it. A companion whose name is
   * taken by a newer file stays behind: it does not outweigh the conversation. Neither do titles and tags that stand in the transcript's
   * place: they follow it. The caller holds the lock.
   * @returns also the paths that stay in the trash
   * @throws OperatingError `bad-data` where it is not in the trash, or where its transcript's place is taken: both stay as they are;
   *   `io` where the system will not let it back, or not show all of the trash
   */
  restore(sessionId: SessionId, nowMs: number): TrashedSession & { readonly left: readonly string[] } {
    return restore(this.#folders, sessionId, nowMs);
  }

  /**
   * Puts what is in the trash of a session in front of what was written anew under its old name. The caller holds the lock, and knows
   * that nobody is at work on the session.
   * @returns also the paths that stay in the trash, since newer files have their names
   * @throws OperatingError `bad-data` where it is not in the trash, or nothing stands in its place
   */
  join(sessionId: SessionId, nowMs: number): { readonly session: TrashedSession; readonly left: readonly string[] } {
    return join(this.#folders, sessionId, nowMs);
  }

  /** Whether something stands under one of its old names again: then it is not alone, and not to be purged. */
  isRecreated(session: ManifestEntry): boolean {
    return partsTaken(this.#folders, session).length > 0;
  }

  /**
   * Opens a run to end what has had its time in it. What a killed run had left half-done is ended first, unless nothing is to be
   * changed. The caller holds the lock.
   * @returns undefined for a run that had died before it did anything: it is gone then
   * @throws the system's error where its manifest cannot be read: then nothing of it is known, and nothing is to be destroyed
   */
  openForPurge(run: ByteName, nowMs: number, { dryRun }: { readonly dryRun: boolean }): FolderPurge | undefined {
    const directory = this.#folders.open(run);
    try {
      if (!dryRun && this.#folders.removeUnbegun(directory, run)) {
        directory.close();
        return undefined;
      }
      let entries = readManifest(directory);
      if (dryRun) entries = foreseeFolder(this.#folders, directory, entries, nowMs);
      else if (settle(this.#folders, directory, entries, nowMs).length > 0) entries = readManifest(directory);
      const { directory: trash, claudeDir } = this.#folders;
      const [claudeRoot, bounds] = [claudeDir.root, this.#folders.boundsOf(run)];
      return new FolderPurge({ trash, run, directory, claudeRoot, bounds }, entries);
    } catch (error) {
      directory.close();
      throw error;
    }
  }

  /** Opens a folder whose manifest is known already; the caller closes it. @throws the system's error */
  openFolder(run: ByteName): AnchoredDir {
    return this.#folders.open(run);
  }

  /** Opens a folder for reading; the caller closes its directory. @throws the system's error where its manifest cannot be read */
  readFolder(run: ByteName): ReadFolder {
    return this.#folders.read(run);
  }

  runs(): ByteName[] {
    return this.#folders.names();
  }

  close(): void {
    this.#folders.close();
  }
}
