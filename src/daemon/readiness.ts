/** Whether the daemon can do its work: its ledger and every live source can be read, and no job is overdue. */

import type { Clock } from '../clock.ts';
import { errorMessage } from '../errors.ts';
import { JOB_NAMES, type JobName } from '../jobs/job-names.ts';
import type { ReadinessCheck } from './http-routes.ts';
import type { InForce } from './in-force.ts';
import type { Schedule } from './schedule.ts';

export interface ReadinessSources {
  readonly inForce: InForce;
  readonly schedule: Schedule;
  /** Unix epoch ms. */
  readonly startedAtMs: number;
  readonly clock: Clock;
}

export async function readiness(sources: ReadinessSources): Promise<readonly ReadinessCheck[]> {
  const { inForce } = sources;
  const checks: ReadinessCheck[] = [];
  const check = async (name: string, verify: () => unknown) => {
    try {
      await verify();
      checks.push({ name, fault: undefined });
    } catch (error) {
      checks.push({ name, fault: errorMessage(error) });
    }
  };
  await check('ledger', () => inForce.ledger.get().lastRun('prune-transcripts'));
  await check('live-sources', () => inForce.checkSources());
  for (const job of JOB_NAMES) await check(job, () => throwIfOverdue(job, sources));
  return checks;
}

/** Overdue: the time after the last run has passed by more than a run may take. */
function throwIfOverdue(job: JobName, { inForce, schedule, startedAtMs, clock }: ReadinessSources): void {
  const { config } = inForce;
  const sinceMs = Math.max(inForce.lastRunMs(job) ?? 0, startedAtMs);
  const dueMs = schedule.dueAfterMs(job, sinceMs);
  if (dueMs === undefined || clock.now() <= dueMs + config['schedule.jitter'] + config.runDeadline) return;
  throw new Error(`overdue since ${new Date(dueMs).toISOString()}`);
}
