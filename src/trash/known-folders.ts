/** Keeps what earlier runs found in the trash: a hint that saves reading, and that nothing is ever destroyed or restored by. */

import type { ManifestEntry, ManifestEvent } from './manifest.ts';

export interface Amount {
  readonly sessions: number;
  readonly bytes: number;
}

/** A run of which nothing is unfinished, and of which all that lies in the trash is in the ledger. */
export interface KnownFolder extends Amount {
  /** The identity of its manifest: with any other one it is not known. */
  readonly manifest: string;
}

/** By the name of the run. */
export type KnownFolders = ReadonlyMap<string, KnownFolder>;

export const NONE_KNOWN: KnownFolders = new Map();

const IN_TRASH_STATES: ReadonlySet<string> = new Set<ManifestEvent>(['trashed', 'purging', 'joined']);

export function isInTrash({ state }: ManifestEntry): boolean {
  return IN_TRASH_STATES.has(state);
}

export function amountOf(entries: Iterable<ManifestEntry>): Amount {
  let [sessions, bytes] = [0, 0];
  for (const entry of entries) {
    if (!isInTrash(entry)) continue;
    sessions += 1;
    bytes += entry.bytes;
  }
  return { sessions, bytes };
}

export function amountOfAll(sessions: readonly { readonly bytes: number }[]): Amount {
  return { sessions: sessions.length, bytes: sessions.reduce((total, { bytes }) => total + bytes, 0) };
}
