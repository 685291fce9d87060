/** Opens the session stores of a configuration: one that cannot be opened is told, and keeps no other place from its turn. */

import { OperatingError } from '../errors.ts';
import type { Acquired } from '../process/acquired.ts';
import { StoredSessions } from '../session-store/stored-sessions.ts';

export interface OpenedStores {
  readonly stores: readonly StoredSessions[];
  /** Why each of the others is not among them. */
  readonly refusedStores: readonly OperatingError[];
}

/** @throws what is no OperatingError */
export function openStores(
  paths: readonly string[],
  acquired: Acquired,
  { dryRun, busyTimeoutMs }: { readonly dryRun: boolean; readonly busyTimeoutMs: number },
): OpenedStores {
  const stores: StoredSessions[] = [];
  const refusedStores: OperatingError[] = [];
  for (const path of paths) {
    try {
      const store = dryRun ? StoredSessions.openForReading(path) : StoredSessions.open(path, { busyTimeoutMs });
      stores.push(acquired.add(store, (opened) => opened.close()));
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      refusedStores.push(error);
    }
  }
  return { stores, refusedStores };
}
