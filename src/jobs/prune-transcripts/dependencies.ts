/** Everything that a prune is given: directories and stores, who is live, the policy, and what the ledger remembers. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import type { Clock } from '../../clock.ts';
import type { OperatingError } from '../../errors.ts';
import type { LiveSource } from '../../live-sources/live-source.ts';
import type { RetainedStore } from '../../session-store/retained-store.ts';
import type { ShortHolds } from '../../sqlite/short-holds.ts';
import type { Guards } from '../guards/guards.ts';
import type {
  Announcements,
  RemovalHistory,
  RemovalRecorder,
  SeenSessions,
  TrashCache,
  TrueTimes,
} from '../ledger-contracts.ts';
import type { PrunePolicy } from './age-rules.ts';
import type { CleanupRules } from './directory-cleanup.ts';

/** Directories are pruned with this, each of them with the same. */
export interface DirectoryDependencies {
  readonly dryRun: boolean;
  /** Whether a title keeps a session, as the tag `keep` always does. */
  readonly keepNamed: boolean;
  readonly recorder: RemovalRecorder;
  /** Undefined where there is no ledger yet. */
  readonly trashCache: TrashCache | undefined;
  /** The identity of the resume map, where it is one of our own making. */
  readonly mapIdentity: string | undefined;
  readonly cleanup: CleanupRules;
  /** Undefined where there is no ledger yet: then nothing was ever shielded. */
  readonly trueTimes: TrueTimes | undefined;
  /** Undefined where there is no ledger yet. */
  readonly seenSessions: SeenSessions | undefined;
  readonly policy: PrunePolicy;
  readonly clock: Clock;
}

export interface PruneDependencies extends Omit<DirectoryDependencies, 'dryRun'> {
  readonly claudeDirs: readonly ClaudeDir[];
  /** Session stores, which are pruned like directories. */
  readonly stores: readonly RetainedStore[];
  /** Why other stores could not be opened. */
  readonly refusedStores: readonly OperatingError[];
  /** Those of all Claude directories together: what is live in one is live in all. */
  readonly sources: readonly LiveSource[];
  /** How long rows of the resume map live. */
  readonly rowAgeMs: number | 'never';
  /** How much of the time since a moment only the wall clock has counted; both in milliseconds. */
  unwitnessedMs(sinceMs: number): number;
  readonly policy: PrunePolicy;
  /** By the path of a place: those sessions alone are to go there, and none in a place that is not named. */
  readonly onlyAt?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Undefined in a dry run before there is a ledger. */
  readonly announcements?: Announcements | undefined;
  readonly guards: Guards;
  /** Is told what the guards of the next run hold theirs against. */
  readonly history: RemovalHistory;
  readonly holds: ShortHolds;
}
