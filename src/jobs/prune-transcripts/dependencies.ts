/** Everything that a prune is given: directories and stores, who is live, the policy, and what the ledger remembers. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import type { OperatingError } from '../../errors.ts';
import type { LiveSource } from '../../live-sources/live-source.ts';
import type { StoredSessions } from '../../session-store/stored-sessions.ts';
import type { ShortHolds } from '../../sqlite/short-holds.ts';
import type { Guards } from '../guards/guards.ts';
import type { Announcements, RemovalHistory } from '../ledger-contracts.ts';
import type { PrunePolicy } from './age-rules.ts';
import type { DirectoryDependencies } from './directory-place.ts';

export interface PruneDependencies extends Omit<DirectoryDependencies, 'dryRun'> {
  readonly claudeDirs: readonly ClaudeDir[];
  /** Session stores, which are pruned like directories. */
  readonly stores: readonly StoredSessions[];
  /** Why other stores could not be opened. */
  readonly refusedStores: readonly OperatingError[];
  /** Those of all Claude directories together: what is live in one is live in all. */
  readonly sources: readonly LiveSource[];
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
