/** What the daemon is told of a run: as much of the report as it records, however large the tree. */

import type { ErrorKind } from '../exit-codes.ts';
import type { JobReport, PruneReport } from '../jobs/report.ts';

/** More than is ever shown. */
const FAULTS_LISTED = 100;
const REMOVED_LISTED = 1_000;

export function handedOver(report: JobReport): JobReport {
  return withFewFaults(report.job === 'prune-transcripts' ? withFewRemoved(withoutProjects(report)) : report);
}

function withoutProjects({ projects: _, ...report }: PruneReport): PruneReport {
  return report;
}

function withFewRemoved(report: PruneReport): PruneReport {
  const { removedSessions } = report;
  if (removedSessions === undefined) return report;
  return { ...report, removedSessions: removedSessions.slice(0, REMOVED_LISTED) };
}

function withFewFaults<Report extends JobReport>(report: Report): Report {
  if (report.faults.length <= FAULTS_LISTED) return report;
  const moreFaults: Partial<Record<ErrorKind, number>> = { ...report.moreFaults };
  for (const { kind } of report.faults.slice(FAULTS_LISTED)) moreFaults[kind] = (moreFaults[kind] ?? 0) + 1;
  return { ...report, faults: report.faults.slice(0, FAULTS_LISTED), moreFaults };
}
