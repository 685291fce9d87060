/** What went from a Claude directory without this program: somebody else deletes here, and has no trash. */

import type { VanishedSession } from '../jobs/ledger-contracts.ts';
import type { Finding } from './finding.ts';

/** Older ones are in `history --vanished`, and say nothing of how things are now. */
const RECENT_MS = 30 * 86_400_000;

/** Two prunes that missed none since then are a sign that it is over. */
const NEWS_MS = 3 * 86_400_000;

/** @param vanished the latest first */
export function vanishedFinding(vanished: readonly VanishedSession[], nowMs: number): Finding {
  const check = 'vanished sessions';
  const recent = vanished.filter(({ noticedAtMs }) => noticedAtMs > nowMs - RECENT_MS);
  const [latest] = recent;
  if (latest === undefined) return { check, level: 'ok', message: 'none has gone of itself in the last 30 days' };
  const byCleanup = recent.filter(({ cause }) => cause === 'clean-up').length;
  const what = `${recent.length} have gone in the last 30 days that no run of this program removed, the latest ${latest.sessionId}, missed ${new Date(latest.noticedAtMs).toISOString().slice(0, 10)}`;
  const byOthers = recent.length - byCleanup;
  const why = [
    ...(byCleanup > 0 ? [`${byCleanup} were so old that Claude's own clean-up (cleanupPeriodDays) deletes them`] : []),
    ...(byOthers > 0 ? [`${byOthers} were younger than that: a sync tool, a script or a hand`] : []),
  ];
  const advice = [
    ...(byCleanup > 0
      ? ['run adopt, so that Claude leaves the deleting to this program, or shield all that stays (--shield all)']
      : []),
    ...(byOthers > 0
      ? ['look at history --vanished for what has gone from where, and find out what else deletes there']
      : []),
  ];
  const level = latest.noticedAtMs > nowMs - NEWS_MS ? 'problem' : 'notice';
  return { check, level, message: `${what}: ${why.join(', ')}`, advice: advice.join('; and ') };
}
