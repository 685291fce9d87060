/** Shields what somebody has just named, at once: a run of Claude may come before the next prune does. */

import type { ClaudeDir } from '../claude-dir/claude-dir.ts';
import type { DirLock } from '../claude-dir/dir-lock.ts';
import { openClaudeDirs } from '../claude-dir/open-and-lock.ts';
import type { SessionId } from '../claude-dir/session-id.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { prunePolicy } from '../jobs/prune-transcripts/policy.ts';
import { shieldNamed } from '../jobs/prune-transcripts/shield-named.ts';
import { Ledger } from '../ledger/ledger.ts';
import { cleanupRules } from './compose-job.ts';
import { JOB_WAIT } from './job-wait.ts';

/**
 * @param lock that of all Claude directories of the configuration
 * @returns how many sessions were made younger
 * @throws OperatingError, or the system's error; the next prune makes good for it
 */
export async function shieldNow(
  config: Config,
  sessionIds: readonly SessionId[],
  { lock, signal }: { readonly lock: DirLock; readonly signal: AbortSignal },
): Promise<number> {
  if (config.shield === 'off') return 0;
  const ledger = Ledger.open(config.stateDir, JOB_WAIT);
  const opened: ClaudeDir[] = [];
  let shielded = 0;
  try {
    openClaudeDirs(config, (claudeDir) => opened.push(claudeDir), lock.directories);
    const shield = {
      cleanup: cleanupRules(config),
      trueTimes: ledger,
      policy: prunePolicy(config),
      clock: systemClock,
    };
    for (const claudeDir of opened) {
      shielded += await shieldNamed(claudeDir, new Set(sessionIds), shield, {
        shouldStop: () => Promise.resolve(signal.aborted),
      });
    }
    return shielded;
  } finally {
    for (const claudeDir of opened) claudeDir.close();
    ledger.close();
  }
}
