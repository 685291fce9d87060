/** Everything that a purge is given: directories and stores, who is live, how long things stay, and what the ledger remembers. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import type { Clock } from '../../clock.ts';
import type { OperatingError } from '../../errors.ts';
import type { LiveSource } from '../../live-sources/live-source.ts';
import type { RetainedStore } from '../../session-store/retained-store.ts';
import type { ShortHolds } from '../../sqlite/short-holds.ts';
import type { Guards } from '../guards/guards.ts';
import type { ClockReading, PurgeRecorder, SweptRowTrash } from '../ledger-contracts.ts';
import type { DiskLimits } from './early.ts';

export interface PurgeDependencies {
  readonly claudeDirs: readonly ClaudeDir[];
  readonly stores: readonly RetainedStore[];
  /** Why other stores, which may hold sessions that were removed, could not be opened. */
  readonly refusedStores: readonly OperatingError[];
  readonly sources: readonly LiveSource[];
  readonly keepMs: number;
  /** Those sessions alone are destroyed, and neither swept rows nor what a limit asks for. */
  readonly only?: ReadonlySet<string> | undefined;
  readonly limits: DiskLimits;
  /** How much of the time since a moment only the wall clock has counted; both in milliseconds. */
  unwitnessedMs(sinceMs: number): number;
  /** The clocks as the run began; undefined where no place is to keep an account of them. */
  readonly begun?: ClockReading | undefined;
  /** Undefined where there is no ledger yet. */
  readonly sweptRows: SweptRowTrash | undefined;
  readonly recorder?: PurgeRecorder | undefined;
  readonly guards: Guards;
  /** Holds the live sources' writers back. */
  readonly holds: ShortHolds;
  /** Holds the session stores' writers back. */
  readonly storeHolds: ShortHolds;
  readonly clock: Clock;
}
