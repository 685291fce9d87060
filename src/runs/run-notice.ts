/**
 * What those are told of a run who want to know: a program on this host in full, as the ledger has it, and whoever is elsewhere in figures
 * and names of ours alone, since a fault names paths and sessions.
 */

import { linesOf } from '../jobs/figures.ts';
import type { JobName } from '../jobs/job-names.ts';
import { type RunResult, summaryOfRun } from './run-result.ts';

/** How a run ended, for those who want to know that only. */
export type RunEndKind = 'success' | 'failure' | 'held' | 'none';

/** One that was asked to stop and did so in order has come to nothing, and neither has one that another run kept from beginning. */
export function endKindOf({ outcome, report }: Pick<RunResult, 'outcome' | 'report'>): RunEndKind {
  if (outcome === 'ok') return 'success';
  if (outcome === 'held') return 'held';
  if (outcome === 'skipped') return 'none';
  const isStoppedInOrder = outcome === 'partial' && report?.stopped === true && report.faults.length === 0;
  return isStoppedInOrder ? 'none' : 'failure';
}

/** Whether it has announced sessions that will go. */
export function hasAnnounced({ report }: Pick<RunResult, 'report'>): boolean {
  return report?.job === 'prune-transcripts' && (report.announced?.sessions ?? 0) > 0;
}

/** For a program on this host. */
export function runDocument(result: RunResult): object {
  const { job, outcome, startedAtMs, durationMs } = result;
  const startedAt = new Date(startedAtMs).toISOString();
  return { job, outcome, startedAt, durationSeconds: Math.round(durationMs) / 1000, ...summaryOfRun(result) };
}

/** The document before a run. */
export function beginningDocument(job: JobName): object {
  return { job };
}

/** For whoever is elsewhere: no path, no id, no title. */
export function publicDocument(result: RunResult, host: string): object {
  const { job, outcome, startedAtMs, durationMs, report } = result;
  return {
    ...{ host, job, outcome },
    startedAt: new Date(startedAtMs).toISOString(),
    durationSeconds: Math.round(durationMs) / 1000,
    lines: linesOf(report ?? {}, true).map(({ label, text }) => `${label}: ${text}`),
    held: result.held.map(({ guard }) => guard),
    errors: errorCounts(result),
  };
}

export function publicText(result: RunResult, host: string): string {
  const { job, outcome, durationMs, report, held } = result;
  return [
    `${job} on ${host}: ${outcome}, after ${(durationMs / 1000).toFixed(1)} s`,
    ...held.map(({ guard }) => `held by ${guard}`),
    ...Object.entries(errorCounts(result)).map(([kind, count]) => `errors of kind ${kind}: ${count}`),
    ...linesOf(report ?? {}, true).map(({ label, text }) => `${label}: ${text}`),
  ].join('\n');
}

function errorCounts({ report, failure }: Pick<RunResult, 'report' | 'failure'>): Readonly<Record<string, number>> {
  const counts: Record<string, number> = { ...report?.moreFaults };
  for (const { kind } of [...(failure === undefined ? [] : [failure]), ...(report?.faults ?? [])])
    counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
