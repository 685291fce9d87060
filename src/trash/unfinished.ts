/** Ends what a killed run or restore had left half-done in a trash, or tells what ending it would do. */

import type { SessionId } from '../claude-dir/session-id.ts';
import type { AnchoredDir } from '../files/anchored-dir.ts';
import type { ByteName } from '../files/byte-name.ts';
import { hasNothing, type TrashFolders, type UnreadableFolder } from './folders.ts';
import { JOINING_NAME } from './join.ts';
import { amountOf, isInTrash, type KnownFolder, type KnownFolders, NONE_KNOWN } from './known-folders.ts';
import type { ManifestEntry, ManifestEvent } from './manifest.ts';
import { identifyManifest, readManifest } from './read-manifest.ts';
import { foreseeEntry, settleEntry } from './restore.ts';

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

/** Tells what `reconcile` would find and do. */
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

/** Ends each entry that is unfinished, as `Trash.reconcile` says. */
export function reconcile(
  folders: TrashFolders,
  nowMs: number,
  { known = NONE_KNOWN, onRead }: ReconcileOptions = {},
): Reconciled {
  let undone = 0;
  let completed = 0;
  const restored: SessionId[] = [];
  const unreadableFolders = folders.inEach((directory, run) => {
    if (folders.removeUnbegun(directory, run)) return;
    if (known.has(run) && known.get(run)?.manifest === identifyManifest(directory)) return;
    let entries = readManifest(directory);
    const settled = settle(folders, directory, entries, nowMs);
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

/** Tells what `reconcile` would do. Changes nothing. */
export function foresee(folders: TrashFolders, { known = NONE_KNOWN }: Pick<ReconcileOptions, 'known'> = {}): Foreseen {
  let completed = 0;
  let undone = 0;
  const returning: ManifestEntry[] = [];
  const unreadableFolders = folders.inEach((directory, run) => {
    if (hasNothing(directory)) return;
    if (known.has(run) && known.get(run)?.manifest === identifyManifest(directory)) return;
    const unfinished = [...readManifest(directory).values()].filter(isUnsettled);
    folders.between(directory, (claudeDir, trash) => {
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

/** @returns the entries as `settle` would leave them. Changes nothing */
export function foreseeFolder(
  folders: TrashFolders,
  directory: AnchoredDir,
  entries: ReadonlyMap<SessionId, ManifestEntry>,
  nowMs: number,
): Map<SessionId, ManifestEntry> {
  const foreseen = new Map(entries);
  folders.between(directory, (claudeDir, trash) => {
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
export function settle(
  folders: TrashFolders,
  directory: AnchoredDir,
  entries: ReadonlyMap<SessionId, ManifestEntry>,
  nowMs: number,
): { readonly sessionId: SessionId; readonly event: ManifestEvent }[] {
  const unfinished = [...entries.values()].filter(isUnsettled);
  const settled: { readonly sessionId: SessionId; readonly event: ManifestEvent }[] = [];
  if (unfinished.length === 0) return settled;
  if (directory.has(JOINING_NAME)) directory.unlink(JOINING_NAME);
  folders.withManifest(directory, ({ manifest, claudeDir, trash }) => {
    for (const entry of unfinished) {
      const event = settleEntry(entry, { claudeDir, trash });
      manifest.event(event, entry.sessionId, nowMs);
      settled.push({ sessionId: entry.sessionId, event });
    }
  });
  return settled;
}

export function isUnsettled({ state }: ManifestEntry): boolean {
  return state === 'intended' || state === 'restoring';
}
