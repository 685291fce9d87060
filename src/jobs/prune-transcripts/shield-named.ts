/** Shields single sessions by what a prune knows, without a prune. */

import type { ClaudeDir } from '../../claude-dir/claude-dir.ts';
import type { SessionId } from '../../claude-dir/session-id.ts';
import type { Clock } from '../../clock.ts';
import { displayName } from '../../files/byte-name.ts';
import { scanClaudeDir } from '../../scan/scan.ts';
import type { JobContext } from '../job.ts';
import type { TrueTimes } from '../ledger-contracts.ts';
import type { PrunePolicy } from './age-rules.ts';
import { type CleanupRules, DirectoryCleanup } from './directory-cleanup.ts';
import { KeptSessions } from './kept.ts';
import { planPrune } from './plan.ts';
import { withTrueTimes } from './shield.ts';

export interface NamedShield {
  readonly cleanup: CleanupRules;
  readonly trueTimes: TrueTimes;
  readonly policy: PrunePolicy;
  readonly clock: Clock;
}

/** The caller holds the directory's lock. @returns how many sessions were made younger */
export async function shieldNamed(
  claudeDir: ClaudeDir,
  sessionIds: ReadonlySet<SessionId>,
  { cleanup, trueTimes, policy, clock }: NamedShield,
  context: Pick<JobContext, 'shouldStop'>,
): Promise<number> {
  const path = displayName(claudeDir.path);
  const nowMs = clock.now();
  const { units, stopped } = await scanClaudeDir(claudeDir, { shouldStop: () => context.shouldStop() });
  if (stopped) return 0;
  const times = trueTimes.shieldedTimes(path);
  const aged = withTrueTimes(units, times);
  const protection = (row: number) => (sessionIds.has(units.sessionId(row)) ? 'pinned' : undefined);
  const plan = planPrune(aged, { protection, facts: () => undefined }, policy, nowMs);
  const kept = new KeptSessions(aged, plan, policy);
  const done = await new DirectoryCleanup(claudeDir, cleanup, nowMs).shield(units, aged, kept, times, context);
  if (done === undefined) return 0;
  // What the plan would remove is still there, and keeps its true time.
  trueTimes.changeShieldedTimes(path, { set: done.change.set, forgotten: [] });
  return done.shielded;
}
