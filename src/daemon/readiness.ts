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

/** What every run reads, by the names of the checks. */
const SOURCES = {
  ledger: (inForce: InForce) => inForce.ledger.get().lastRun('prune-transcripts'),
  'live-sources': (inForce: InForce) => inForce.checkSources(),
} as const;

export async function readiness(sources: ReadinessSources): Promise<readonly ReadinessCheck[]> {
  const { inForce } = sources;
  const checks: ReadinessCheck[] = [];
  for (const [name, verify] of Object.entries(SOURCES)) {
    checks.push({ name, fault: await faultOf(() => verify(inForce)) });
  }
  for (const job of JOB_NAMES) checks.push({ name: job, fault: await faultOf(() => throwIfOverdue(job, sources)) });
  return checks;
}

/** What keeps a run from its work, whatever is due; undefined for nothing. */
export async function faultOfSources(inForce: InForce): Promise<string | undefined> {
  for (const verify of Object.values(SOURCES)) {
    const fault = await faultOf(() => verify(inForce));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

async function faultOf(verify: () => unknown): Promise<string | undefined> {
  try {
    await verify();
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

/** Overdue: the time after the last run has passed by more than a run may take. */
function throwIfOverdue(job: JobName, { inForce, schedule, startedAtMs, clock }: ReadinessSources): void {
  const { config } = inForce;
  const sinceMs = Math.max(inForce.lastRunMs(job) ?? 0, startedAtMs);
  const dueMs = schedule.dueAfterMs(job, sinceMs);
  if (dueMs === undefined || clock.now() <= dueMs + config['schedule.jitter'] + config.runDeadline) return;
  throw new Error(`overdue since ${new Date(dueMs).toISOString()}`);
}
