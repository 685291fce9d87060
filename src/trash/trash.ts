/** The trash of one Claude directory: what lies in it, and how it comes back or ends. Works from the manifests alone. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import type { DirectoryFingerprints } from '../claude-dir/directory-fingerprints.ts';
import { isTranscript, SWEEPER_DIRECTORY, TRASH_DIRECTORY } from '../claude-dir/layout.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { holdsMetadataAlone } from '../claude-dir/transcript-facts.ts';
import { type Part, partPath } from '../claude-dir/unit.ts';
import { errorCode, errorMessage, OperatingError, operatingError, systemError } from '../errors.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import { type ByteName, displayName } from '../files/byte-name.ts';
import { OpenDirs } from '../files/open-dirs.ts';
import { isEmptyTree, removeEmptyTree, type TrashBounds } from './destroy.ts';
import { isFolderName, makeTrashFolder } from './folder.ts';
import { JOINING_NAME, joinEntry } from './join.ts';
import { type Amount, amountOf, isInTrash, type KnownFolder, type KnownFolders } from './known-folders.ts';
import { MANIFEST_NAME, type ManifestEntry, type ManifestEvent, ManifestWriter } from './manifest.ts';
import { isThere } from './move.ts';
import { lineNames } from './name-lines.ts';
import { FINISHED_STATES, FolderPurge } from './purge.ts';
import { hasWholeLine, identifyManifest, readManifest, readManifestEntry } from './read-manifest.ts';
import { foreseeEntry, type OpenFolder, restoreEntry, settleEntry, throwIfElsewhere } from './restore.ts';
import { TakeIntoTrash } from './take.ts';

const NONE_KNOWN: KnownFolders = new Map();

/** A session in the trash. */
export interface TrashedSession extends ManifestEntry {
  /** The trash folder that it lies in. */
  readonly run: ByteName;
}

/** A folder and what its manifest says. */
export interface ReadFolder {
  readonly directory: AnchoredDir;
  readonly entries: ReadonlyMap<SessionId, ManifestEntry>;
}

export interface TrashContents {
  readonly sessions: readonly TrashedSession[];
  /** Runs whose manifest could not be read; nothing of them is ever purged. */
  readonly unreadableFolders: readonly UnreadableFolder[];
}

export interface Reconciled {
  /** Units that a killed run had begun to move, and that are back where they were. */
  readonly undone: number;
  /** Units that were wholly in the trash, or on their way back, and are recorded as that now. */
  readonly completed: number;
  /** The completed ones that are back where they were. */
  readonly restored: readonly SessionId[];
  /** Runs whose manifest could not be read: nothing of them was touched. */
  readonly unreadableFolders: readonly UnreadableFolder[];
}

/** What `reconcile` would find and do. */
export interface Foreseen extends Omit<Reconciled, 'restored'> {
  /** Units that would be back where they were. */
  readonly returning: readonly ManifestEntry[];
}

export interface ReconcileOptions {
  /** Are not read again where their manifest is the same. */
  readonly known?: KnownFolders | undefined;
  /** Is told what lies in a run that was not known, and what to know it by. */
  readonly onRead?: (run: ByteName, inTrash: readonly ManifestEntry[], known: KnownFolder) => void;
}

export interface UnreadableFolder {
  readonly run: ByteName;
  /** The system's name of the error, or a sentence that says what is not understood. */
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

  /** @param fingerprints from before the scan that the decisions are made on */
  beginFolder(startedAtMs: number, fingerprints?: DirectoryFingerprints): TakeIntoTrash {
    return TakeIntoTrash.begin(this.#claudeDir, this.#directory, startedAtMs, fingerprints);
  }

  /** Every session that any manifest speaks of and that is neither restored nor purged nor was kept. Changes nothing. */
  contents(): TrashContents {
    const sessions: TrashedSession[] = [];
    const unreadableFolders = this.#inEachFolder((directory, run) => {
      for (const entry of readManifest(directory).values()) {
        if (isInTrash(entry)) sessions.push({ ...entry, run });
      }
    });
    return { sessions, unreadableFolders };
  }

  /**
   * Ends what a killed run or restore had begun: a unit that is partly moved goes back; one that cannot, since its name is
   * taken by now, stays in the trash whole or in part, and is listed. The caller holds the lock of the Claude directory.
   */
  reconcile(nowMs: number, { known = NONE_KNOWN, onRead }: ReconcileOptions = {}): Reconciled {
    let undone = 0;
    let completed = 0;
    const restored: SessionId[] = [];
    const unreadableFolders = this.#inEachFolder((directory, run) => {
      if (this.#removeFolderWithoutManifest(directory, run)) return;
      if (known.has(run) && known.get(run)?.manifest === identifyManifest(directory)) return;
      let entries = readManifest(directory);
      const settled = this.#settle(directory, entries, nowMs);
      for (const { event, sessionId } of settled) {
        if (event === 'kept') undone += 1;
        else completed += 1;
        if (event === 'restored') restored.push(sessionId);
      }
      if (settled.length > 0) entries = readManifest(directory);
      const inTrash = [...entries.values()].filter(isInTrash);
      onRead?.(run, inTrash, { ...amountOf(inTrash), manifest: identifyManifest(directory) });
    });
    return { undone, completed, restored, unreadableFolders };
  }

  /** Tells what `reconcile` would do, for a dry run. Changes nothing. */
  foresee({ known = NONE_KNOWN }: Pick<ReconcileOptions, 'known'> = {}): Foreseen {
    let completed = 0;
    let undone = 0;
    const returning: ManifestEntry[] = [];
    const unreadableFolders = this.#inEachFolder((directory, run) => {
      if (hasNothing(directory)) return;
      if (known.has(run) && known.get(run)?.manifest === identifyManifest(directory)) return;
      const unfinished = [...readManifest(directory).values()].filter(isUnsettled);
      this.#between(directory, (claudeDir, trash) => {
        for (const entry of unfinished) {
          const event = foreseeEntry(entry, { claudeDir, trash });
          if (event === 'kept') undone += 1;
          else completed += 1;
          if (event !== 'trashed') returning.push(entry);
        }
      });
    });
    return { undone, completed, returning, unreadableFolders };
  }

  /** @returns the entries as `#settle` would leave them. Changes nothing */
  #foreseen(
    directory: AnchoredDir,
    entries: ReadonlyMap<SessionId, ManifestEntry>,
    nowMs: number,
  ): Map<SessionId, ManifestEntry> {
    const foreseen = new Map(entries);
    this.#between(directory, (claudeDir, trash) => {
      for (const entry of entries.values()) {
        if (!isUnsettled(entry)) continue;
        foreseen.set(entry.sessionId, {
          ...entry,
          state: foreseeEntry(entry, { claudeDir, trash }),
          trashedAtMs: nowMs,
        });
      }
    });
    return foreseen;
  }

  /** @returns what has become of each that was unfinished */
  #settle(
    directory: AnchoredDir,
    entries: ReadonlyMap<SessionId, ManifestEntry>,
    nowMs: number,
  ): { readonly sessionId: SessionId; readonly event: ManifestEvent }[] {
    const unfinished = [...entries.values()].filter(isUnsettled);
    const settled: { readonly sessionId: SessionId; readonly event: ManifestEvent }[] = [];
    if (unfinished.length === 0) return settled;
    if (directory.has(JOINING_NAME)) directory.unlink(JOINING_NAME);
    this.#withManifest(directory, ({ manifest, claudeDir, trash }) => {
      for (const entry of unfinished) {
        const event = settleEntry(entry, { claudeDir, trash });
        manifest.event(event, entry.sessionId, nowMs);
        settled.push({ sessionId: entry.sessionId, event });
      }
    });
    return settled;
  }

  /** What lies in all runs that can be read. @param known are not read where their manifest is the same */
  amount(known: KnownFolders = NONE_KNOWN): Amount & Pick<TrashContents, 'unreadableFolders'> {
    let [sessions, bytes] = [0, 0];
    const unreadableFolders = this.#inEachFolder((directory, run) => {
      if (hasNothing(directory)) return;
      const before = known.get(run);
      const isKnown = before !== undefined && before.manifest === identifyManifest(directory);
      const amount = isKnown ? before : amountOf(readManifest(directory).values());
      sessions += amount.sessions;
      bytes += amount.bytes;
    });
    return { sessions, bytes, unreadableFolders };
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
    const [newest, ...older] = this.#held(sessionId);
    throwIfElsewhere(newest, this.#claudeDir);
    const left = this.#restoreNewest(newest, nowMs);
    const transcript = newest.parts.find(isTranscript);
    for (const entry of older) {
      const ofEntry = entry.parts.find(isTranscript);
      if (transcript === undefined || ofEntry === undefined || partPath(ofEntry) !== partPath(transcript)) continue;
      left.push(...this.#joinInto(entry, nowMs));
    }
    return { ...newest, left };
  }

  #restoreNewest(newest: TrashedSession, nowMs: number): string[] {
    const taken = this.#partsTaken(newest);
    const inTheWay = taken.find(isTranscript);
    const canGiveWay = inTheWay === undefined || this.#isMetadata(inTheWay);
    if (taken.length > 0 && canGiveWay && newest.parts.some(isTranscript)) return [...this.#joinInto(newest, nowMs)];
    this.#whole(`restore ${newest.sessionId}`, newest.run, (run) => restoreEntry(newest, run, nowMs));
    return [];
  }

  /** Whether nobody has said a word in what stands in the place of a conversation. */
  #isMetadata({ directory, name }: Part): boolean {
    const claudeDir = new OpenDirs(this.#claudeDir.root);
    try {
      const project = claudeDir.find(directory);
      return project?.lstat(name)?.isFile() === true && holdsMetadataAlone(project, name);
    } finally {
      claudeDir.close();
    }
  }

  #joinInto(entry: TrashedSession, nowMs: number): readonly string[] {
    let left: readonly string[] = [];
    // By a clock that has gone back, the two halves would lie as if they had come before either was removed.
    const joinedAtMs = Math.max(nowMs, entry.trashedAtMs);
    this.#whole(`join ${entry.sessionId}`, entry.run, (run) => {
      left = joinEntry(entry, run, () => makeTrashFolder(this.#directory, joinedAtMs), joinedAtMs);
    });
    return left;
  }

  /**
   * Puts what is in the trash of a session in front of what was written anew under its old name. The caller holds the lock, and knows
   * that nobody is at work on the session.
   * @returns also the paths that stay in the trash, since newer files have their names
   * @throws OperatingError `bad-data` where it is not in the trash, or nothing stands in its place
   */
  join(sessionId: SessionId, nowMs: number): { readonly session: TrashedSession; readonly left: readonly string[] } {
    const [session] = this.#held(sessionId);
    throwIfElsewhere(session, this.#claudeDir);
    return { session, left: this.#joinInto(session, nowMs) };
  }

  /** Every folder's record of one session, whatever was begun with it. Changes nothing, and keeps no other session in memory. */
  lookUp(sessionId: SessionId): TrashContents {
    const sessions: TrashedSession[] = [];
    const unreadableFolders = this.#inEachFolder((directory, run) => {
      const entry = readManifestEntry(directory, sessionId);
      if (entry !== undefined && !FINISHED_STATES.has(entry.state)) sessions.push({ ...entry, run });
    });
    return { sessions, unreadableFolders };
  }

  /** What the trash holds of a session, newest first. @throws OperatingError where that is nothing */
  #held(sessionId: SessionId): [TrashedSession, ...TrashedSession[]] {
    const { sessions, unreadableFolders } = this.lookUp(sessionId);
    const held = sessions.filter((session) => isInTrash(session) && session.state !== 'joined');
    // What was left over of a session is not the session.
    const transcripts = held.filter(({ parts }) => parts.some(isTranscript));
    const [newest, ...older] = (transcripts.length > 0 ? transcripts : held).toSorted(
      (left, right) => right.trashedAtMs - left.trashedAtMs,
    );
    if (newest === undefined) throw notInTrash([sessionId], unreadableFolders);
    return [newest, ...older];
  }

  #whole(action: string, run: ByteName, use: (run: OpenFolder) => void): void {
    try {
      this.#inFolder(run, (directory) => this.#withManifest(directory, use));
    } catch (error) {
      throw systemError(action, error);
    }
  }

  /** Whether something stands under one of its old names again: then it is not alone, and not to be purged. */
  isRecreated(session: ManifestEntry): boolean {
    return this.#partsTaken(session).length > 0;
  }

  #partsTaken({ parts }: ManifestEntry): Part[] {
    const claudeDir = new OpenDirs(this.#claudeDir.root);
    try {
      return parts.filter((part) => isThere(part, claudeDir));
    } finally {
      claudeDir.close();
    }
  }

  /**
   * Opens a run to end what has had its time in it. What a killed run had left half-done is ended first, unless nothing is to be
   * changed. The caller holds the lock.
   * @returns undefined for a run that had died before it did anything: it is gone then
   * @throws the system's error where its manifest cannot be read: then nothing of it is known, and nothing is to be destroyed
   */
  openForPurge(run: ByteName, nowMs: number, { dryRun }: { readonly dryRun: boolean }): FolderPurge | undefined {
    const directory = this.#directory.openChild(run);
    try {
      if (!dryRun && this.#removeFolderWithoutManifest(directory, run)) {
        directory.close();
        return undefined;
      }
      let entries = readManifest(directory);
      if (dryRun) entries = this.#foreseen(directory, entries, nowMs);
      else if (this.#settle(directory, entries, nowMs).length > 0) entries = readManifest(directory);
      const [trash, claudeRoot, bounds] = [this.#directory, this.#claudeDir.root, this.#boundsOf(run)];
      return new FolderPurge({ trash, run, directory, claudeRoot, bounds }, entries);
    } catch (error) {
      directory.close();
      throw error;
    }
  }

  /** A run that died before its manifest said anything has moved nothing. @returns whether it was one, and is gone */
  #removeFolderWithoutManifest(directory: AnchoredDir, run: ByteName): boolean {
    if (hasBegun(directory)) return false;
    const names = lineNames(directory);
    if (!removeEmptyTree(directory, [MANIFEST_NAME, ...names])) return false;
    if (directory.has(MANIFEST_NAME)) directory.unlink(MANIFEST_NAME);
    for (const name of names) directory.unlink(name);
    this.#directory.removeDirectory(run);
    return true;
  }

  #boundsOf(run: ByteName): TrashBounds {
    const { dev, mountPoints } = this.#claudeDir.surroundings;
    const prefix = `${SWEEPER_DIRECTORY}/${TRASH_DIRECTORY}/${run}/`;
    const inRun = [...mountPoints].filter((point) => point.startsWith(prefix));
    return { dev, mountPoints: inRun.map((point) => point.slice(prefix.length)) };
  }

  /** Every session of which anything may lie in the trash, whatever was begun with it. Changes nothing. */
  mentioned(): {
    readonly sessionIds: ReadonlySet<SessionId>;
    readonly unreadableFolders: readonly UnreadableFolder[];
  } {
    const sessionIds = new Set<SessionId>();
    const unreadableFolders = this.#inEachFolder((directory) => {
      for (const { sessionId, state } of readManifest(directory).values()) {
        if (!FINISHED_STATES.has(state) && state !== 'joined') sessionIds.add(sessionId);
      }
    });
    return { sessionIds, unreadableFolders };
  }

  /** Opens a folder whose manifest is known already; the caller closes it. @throws the system's error */
  openFolder(run: ByteName): AnchoredDir {
    return this.#directory.openChild(run);
  }

  /** Opens a folder for reading; the caller closes its directory. @throws the system's error where its manifest cannot be read */
  readFolder(run: ByteName): ReadFolder {
    const directory = this.#directory.openChild(run);
    try {
      return { directory, entries: readManifest(directory) };
    } catch (error) {
      directory.close();
      throw error;
    }
  }

  runs(): ByteName[] {
    const directories = this.#directory
      .entries()
      .filter(({ name, kind }) => kind === 'directory' && isFolderName(name));
    return directories.map((entry) => entry.name).sort();
  }

  close(): void {
    this.#directory.close();
  }

  /** One run that cannot be read does not hide the others. */
  #inEachFolder(use: (directory: AnchoredDir, run: ByteName) => void): UnreadableFolder[] {
    const unreadable: UnreadableFolder[] = [];
    for (const run of this.runs()) {
      try {
        this.#inFolder(run, (directory) => use(directory, run));
      } catch (error) {
        const code = errorCode(error);
        if (code === undefined) throw error;
        unreadable.push({ run, code: code === 'EBADMSG' ? errorMessage(error) : code });
      }
    }
    return unreadable;
  }

  #inFolder(run: ByteName, use: (directory: AnchoredDir) => void): void {
    const directory = this.#directory.openChild(run);
    try {
      use(directory);
    } finally {
      directory.close();
    }
  }

  #withManifest(directory: AnchoredDir, use: (run: OpenFolder) => void): void {
    const manifest = ManifestWriter.append(directory);
    try {
      this.#between(directory, (claudeDir, trash) => use({ manifest, claudeDir, trash }));
    } finally {
      manifest.close();
    }
  }

  #between(directory: AnchoredDir, use: (claudeDir: OpenDirs, trash: OpenDirs) => void): void {
    const claudeDir = new OpenDirs(this.#claudeDir.root);
    const trash = new OpenDirs(directory);
    try {
      use(claudeDir, trash);
    } finally {
      claudeDir.close();
      trash.close();
    }
  }
}

export function isUnsettled({ state }: ManifestEntry): boolean {
  return state === 'intended' || state === 'restoring';
}

/** A run that was killed before its first word has moved nothing. @throws the system's error */
function hasNothing(directory: AnchoredDir): boolean {
  return !hasBegun(directory) && isEmptyTree(directory, [MANIFEST_NAME, ...lineNames(directory)]);
}

/** Whether a manifest says anything. @throws the system's error */
function hasBegun(directory: AnchoredDir): boolean {
  const manifest = directory.lstat(MANIFEST_NAME);
  return manifest !== undefined && (!manifest.isFile() || hasWholeLine(directory));
}

/** What a run that cannot be read holds is not known: then nothing is wrong with what was asked for. */
export function notInTrash(ids: readonly SessionId[], unreadableFolders: readonly UnreadableFolder[]): OperatingError {
  const action = `restore ${ids.join(', ')}: not in the trash`;
  const [first] = unreadableFolders;
  if (first === undefined) return new OperatingError('bad-data', action);
  return new OperatingError('io', `${action}, as far as it can be read: trash folder ${first.run}: ${first.code}`);
}
