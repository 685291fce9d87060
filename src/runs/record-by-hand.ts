/** Writes into the ledger what no job of the schedule has done: what somebody removed or restored by name. */

import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { OperatingError } from '../errors.ts';
import { metricsOf } from '../jobs/figures.ts';
import type { PruneReport } from '../jobs/report.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { RecordedJob } from '../ledger/runs.ts';
import type { Requester } from '../process/actor.ts';
import { JOB_WAIT } from './job-wait.ts';
import { endOf } from './run-job.ts';
import { summaryOfRun } from './run-result.ts';

type ByHand = { readonly job: RecordedJob; readonly startedAtMs: number; readonly report: PruneReport };

/** A run of its own in the history, and in the figures that count; what is there, and when a prune is due, it says nothing of. */
export function recordByHand(
  { stateDir }: Pick<Config, 'stateDir'>,
  { job, startedAtMs, report }: ByHand,
  requester: Requester | undefined,
): void {
  const { outcome, failure, held } = endOf(report);
  const ledger = Ledger.open(stateDir, JOB_WAIT, requester);
  try {
    ledger.recordRun({
      job,
      outcome,
      startedAtMs,
      finishedAtMs: systemClock.now(),
      report: summaryOfRun({ report, failure, held, allowWith: undefined }),
      held,
      increments: metricsOf(report, 'counter'),
      levels: [],
    });
  } finally {
    ledger.close();
  }
}

/** Which session came back, and whence, where that is known. */
export interface RestoredPlace {
  readonly sessionId: string;
  readonly place?: string;
  readonly run?: string;
}

/** @returns why it could not be done, one sentence: what was restored is back all the same */
export function recordRestores(
  { stateDir }: Pick<Config, 'stateDir'>,
  restored: readonly RestoredPlace[],
  requester: Requester,
): string | undefined {
  if (restored.length === 0) return undefined;
  let ledger: Ledger | undefined;
  try {
    ledger = Ledger.open(stateDir, JOB_WAIT, requester);
    const atMs = systemClock.now();
    ledger.audit.record(
      restored.map(({ sessionId, place = null, run = null }) => {
        return { what: 'restored', atMs, subject: sessionId, place, run, reason: null, bytes: null } as const;
      }),
    );
    return undefined;
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return `restored, and not written down: ${error.message}`;
  } finally {
    ledger?.close();
  }
}
