/** When a job should have ended well again: what an alert compares with the present, whatever the schedule is. */

import type { MetricValue } from '../jobs/figures.ts';
import type { JobName } from '../jobs/job-names.ts';
import { HOST_METRICS } from '../runs/host-metrics.ts';
import { RUN_METRICS } from '../runs/run-metrics.ts';

export interface DueTimes {
  /** The first time of the schedule after another; Unix epoch ms. */
  dueAfterMs(job: JobName, timeMs: number): number | undefined;
  nowMs(): number;
}

/**
 * By the last run that ended well; where there was none, or a clock that was wrong has written it, by the beginning of the record.
 * @returns Unix epoch ms; undefined where neither is known, or the schedule has no further time
 */
export function dueMs(job: JobName, figures: readonly MetricValue[], times: DueTimes): number | undefined {
  const secondsOf = (name: string, label: string) =>
    figures.find((figure) => figure.name === name && figure.label === label)?.value;
  const past = [secondsOf(RUN_METRICS.lastSuccess.name, job), secondsOf(HOST_METRICS.ledgerBegun.name, '')]
    .map((seconds) => (seconds ?? Number.NaN) * 1000)
    .find((timeMs) => timeMs <= times.nowMs());
  return past === undefined ? undefined : times.dueAfterMs(job, past);
}
