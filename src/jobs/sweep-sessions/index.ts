/** sweep-sessions: deletes stale rows of the resume map, and rows whose transcript is gone for certain. */

import type { Clock } from '../../clock.ts';
import type { MaintainableResumeMap, UncheckedResumeRow } from '../../sessions/resume-map/resume-map.ts';
import { isSensibleTime, isStale, type SessionMaxAge } from '../../sessions/resume-map/row-age.ts';
import { parseProtectedId, type SessionId } from '../../sessions/session-id.ts';
import type { ClaudeDir } from '../../transcripts/claude-dir.ts';
import { presentSessions } from '../../transcripts/present.ts';
import type { Job, JobContext, JobFault, JobReport } from '../job.ts';
import { judgeRow, type PresentSessions, planDangling, type RowKeepReason, type SweepPolicy } from './plan.ts';

export interface SweepDependencies {
  readonly map: MaintainableResumeMap;
  readonly claudeDirs: readonly ClaudeDir[];
  readonly maxAge: SessionMaxAge;
  readonly minAgeMs: number;
  /** Whether rows may be judged by the disks of this host. */
  readonly mapIsOfThisHost: boolean;
  readonly sweepsDangling: boolean;
  readonly clock: Clock;
}

export function sweepSessionsJob(dependencies: SweepDependencies): Job {
  return {
    name: 'sweep-sessions',
    run: (context) => sweep(dependencies, context),
  };
}

async function sweep(dependencies: SweepDependencies, context: JobContext): Promise<JobReport> {
  const { map } = dependencies;
  const policy = sweepPolicy(dependencies);
  const present = observePresent(dependencies);
  const remove = async (rows: readonly UncheckedResumeRow[]) =>
    context.dryRun ? rows.length : map.deleteUnchanged(rows);
  const kept: Partial<Record<RowKeepReason, number>> = {};
  const gone: UncheckedResumeRow[] = [];
  let expired = 0;
  let seen = 0;
  for await (const page of map.readPages()) {
    if (context.shouldStop()) break;
    const nowMs = dependencies.clock.now();
    const expiredRows: UncheckedResumeRow[] = [];
    for (const row of page) {
      const verdict = judgeRow(row, present, policy, nowMs);
      if (verdict === 'expired') expiredRows.push(row);
      else if (verdict === 'gone') gone.push(row);
      else kept[verdict] = (kept[verdict] ?? 0) + 1;
    }
    expired += await remove(expiredRows);
    seen += page.length;
    context.onProgress({ phase: 'sweep', done: seen });
  }
  // Only of a map that was walked to its end can be told which share of it is gone.
  const verdict = context.shouldStop() ? 'dangling-kept' : planDangling(gone.length, seen - expired, policy);
  const dangling = verdict === 'dangling' ? await remove(gone) : 0;
  if (verdict !== 'dangling' && gone.length > 0) kept[verdict] = gone.length;
  return {
    swept: { expired, dangling },
    kept,
    // What this sweep took is no loss to the next prune's guard; what was gone before it came is.
    ...(context.shouldStop() || seen === 0 ? {} : { liveIds: { 'resume-map': seen - expired - dangling } }),
    faults: verdict === 'mass-dangling' ? [massFault(gone.length)] : [],
    ...(context.shouldStop() ? { stopped: true } : {}),
  };
}

function sweepPolicy({ clock, maxAge, minAgeMs, mapIsOfThisHost, sweepsDangling }: SweepDependencies): SweepPolicy {
  return {
    isStale: (lastUsedAtMs) => isStale(lastUsedAtMs, clock.now(), maxAge),
    isSensible: (timeMs) => isSensibleTime(timeMs, clock.now()),
    parseId: parseProtectedId,
    minAgeMs,
    sweepsDangling: sweepsDangling && mapIsOfThisHost,
  };
}

/** The sessions of all Claude directories together; undefined where any could not be read in full, or need not be. */
function observePresent({ claudeDirs, sweepsDangling, mapIsOfThisHost }: SweepDependencies): PresentSessions {
  if (!sweepsDangling || !mapIsOfThisHost) return undefined;
  const present = new Set<SessionId>();
  for (const claudeDir of claudeDirs) {
    const ofOne = presentSessions(claudeDir);
    if (ofOne === undefined) return undefined;
    for (const id of ofOne) present.add(id);
  }
  return present;
}

function massFault(goneRows: number): JobFault {
  return {
    kind: 'io',
    message: `${goneRows} rows, most of the resume map, have no transcript on this host: none of them is swept; is a Claude directory missing?`,
  };
}
