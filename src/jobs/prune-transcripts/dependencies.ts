/** Everything that a prune is given: directories and stores, who is live, the policy, and what the ledger remembers. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import type { Clock } from '../../clock.ts';
import type { LiveSource } from '../../live-sources/live-source.ts';
import type { StoredSessions } from '../../session-store/stored-sessions.ts';
import type { ShortHolds } from '../../sqlite/short-holds.ts';
import type { Guards } from '../guards/guards.ts';
import type { RemovalHistory, RemovalRecorder, TrashCache, TrueTimes } from '../ports.ts';
import type { PrunePolicy } from './plan.ts';

export interface PruneDependencies {
  readonly claudeDirs: readonly ClaudeDir[];
  /** Session stores, which are pruned like directories. */
  readonly stores: readonly StoredSessions[];
  /** Those of all Claude directories together: what is live in one is live in all. */
  readonly sources: readonly LiveSource[];
  readonly policy: PrunePolicy;
  /** Whether a title keeps a session, as the tag `keep` always does. */
  readonly keepNamed: boolean;
  readonly recorder: RemovalRecorder;
  /** Undefined where there is no ledger yet. */
  readonly trashCache?: TrashCache | undefined;
  readonly guards: Guards;
  /** Is told what the guards of the next run hold theirs against. */
  readonly history: RemovalHistory;
  /** Of the resume map, where it is one of our own making. */
  readonly mapIdentity: string | undefined;
  /** Shielding, where it is asked for, is by this: how long Claude lets a file of a directory be, milliseconds; undefined for ever. */
  readonly shieldPeriodMs: ((claudeDir: string) => number | undefined) | undefined;
  /** Undefined where there is no ledger yet: then nothing was ever shielded. */
  readonly trueTimes: TrueTimes | undefined;
  readonly holds: ShortHolds;
  readonly clock: Clock;
}
