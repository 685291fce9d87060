/** The figures that a run adds to the ledger, by name and label; the metrics show them. */

import { exposedInAll } from '../jobs/exposed.ts';
import { FIGURES } from '../ledger/figure-names.ts';
import type { Figure } from '../ledger/ledger.ts';
import type { RunResult } from './run-result.ts';

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
  // Half a scan, a failed one, or one that could not look everywhere, says nothing of what is there.
  const isWhole = report.stopped !== true && report.incomplete !== true && failure === undefined;
  if (report.liveIds !== undefined && isWhole) add(levels, FIGURES.liveSessions, report.liveIds);
  const exposed = exposedInAll(report);
  if (exposed !== undefined && isWhole) add(levels, FIGURES.exposed, { [NO_LABEL]: exposed.sessions });
  if (report.transcripts !== undefined && isWhole) {
    for (const [state, { sessions, bytes }] of Object.entries(report.transcripts)) {
      add(levels, FIGURES.transcripts, { [state]: sessions });
      add(levels, FIGURES.transcriptBytes, { [state]: bytes });
    }
  }
  if (report.trash !== undefined && isWhole) {
    add(levels, FIGURES.trashSessions, { [NO_LABEL]: report.trash.sessions });
    add(levels, FIGURES.trashBytes, { [NO_LABEL]: report.trash.bytes });
  }
  const faults = failure === undefined || outcome === 'skipped' ? report.faults : [...report.faults, failure];
  const faultsByKind: Record<string, number> = { ...report.moreFaults };
  for (const { kind } of faults) faultsByKind[kind] = (faultsByKind[kind] ?? 0) + 1;
  for (const [kind, value] of Object.entries(faultsByKind))
    increments.push({ name: FIGURES.errors, label: `${job},${kind}`, value });
  return { increments, levels };
}
