/** The figures that a run adds to the ledger, by name and label; the metrics show them. */

import type { Figure } from './ledger/ledger.ts';
import type { RunResult } from './run-job.ts';

/** Names of figures in the ledger; a metric of the same name shows each. Labels with two parts are joined by a comma. */
export const FIGURES = {
  runs: 'runs_total',
  lastRun: 'run_last_timestamp_seconds',
  lastSuccess: 'run_last_success_timestamp_seconds',
  liveSessions: 'live_sessions',
  transcripts: 'transcripts',
  transcriptBytes: 'transcript_bytes',
  removed: 'transcripts_removed_total',
  removedBytes: 'removed_bytes_total',
  swept: 'rows_swept_total',
  trashSessions: 'trash_sessions',
  trashBytes: 'trash_bytes',
  purgedBytes: 'purged_bytes_total',
  errors: 'errors_total',
  /** By Claude directory: for the guard against mass removal, and no metric, since its label is a path. */
  leftSessions: 'left_sessions',
} as const;

const NO_LABEL = '';

export function figuresOf(
  { job, outcome, report, failure }: RunResult,
  finishedAtMs: number,
): { readonly increments: readonly Figure[]; readonly levels: readonly Figure[] } {
  const increments: Figure[] = [{ name: FIGURES.runs, label: `${job},${outcome}`, value: 1 }];
  const levels: Figure[] = [];
  const add = (figures: Figure[], name: string, valueByLabel: Readonly<Record<string, number>>) => {
    for (const [label, value] of Object.entries(valueByLabel)) figures.push({ name, label, value });
  };
  if (outcome !== 'skipped') levels.push({ name: FIGURES.lastRun, label: job, value: finishedAtMs / 1000 });
  if (outcome === 'ok') levels.push({ name: FIGURES.lastSuccess, label: job, value: finishedAtMs / 1000 });
  if (report.removed !== undefined) {
    add(increments, FIGURES.removed, report.removed.byReason);
    add(increments, FIGURES.removedBytes, report.removed.bytesByReason);
  }
  if (report.swept !== undefined) add(increments, FIGURES.swept, { ...report.swept });
  if (report.purged !== undefined) add(increments, FIGURES.purgedBytes, { [NO_LABEL]: report.purged.bytes });
  // Half a scan says nothing of what is there.
  if (report.liveIds !== undefined && report.stopped !== true) add(levels, FIGURES.liveSessions, report.liveIds);
  if (report.leftSessions !== undefined && report.stopped !== true)
    add(levels, FIGURES.leftSessions, report.leftSessions);
  if (report.transcripts !== undefined && report.stopped !== true) {
    for (const [state, { sessions, bytes }] of Object.entries(report.transcripts)) {
      add(levels, FIGURES.transcripts, { [state]: sessions });
      add(levels, FIGURES.transcriptBytes, { [state]: bytes });
    }
  }
  if (report.trash !== undefined && report.stopped !== true) {
    add(levels, FIGURES.trashSessions, { [NO_LABEL]: report.trash.sessions });
    add(levels, FIGURES.trashBytes, { [NO_LABEL]: report.trash.bytes });
  }
  const faults = failure === undefined || outcome === 'skipped' ? report.faults : [...report.faults, failure];
  for (const { kind } of faults) increments.push({ name: FIGURES.errors, label: `${job},${kind}`, value: 1 });
  return { increments, levels };
}
