/** What the daemon is told of a run: as much of the report as it records, however large the tree. */

import type { ErrorKind } from '../exit-codes.ts';
import type { JobReport, ProjectLeft, PruneReport } from '../jobs/report.ts';

/** More than is ever shown. */
const FAULTS_LISTED = 100;
const REMOVED_LISTED = 1_000;
const PROJECTS_LISTED = 20;

export function handedOver(report: JobReport): JobReport {
  return withFewFaults(report.job === 'prune-transcripts' ? withFewRemoved(withFewProjects(report)) : report);
}

function withFewProjects({ projects: _, left, ...report }: PruneReport): PruneReport {
  if (left === undefined) return report;
  const more = left.slice(PROJECTS_LISTED);
  if (more.length === 0) return { ...report, left };
  const sum = (amount: (one: ProjectLeft) => number) => more.reduce((total, one) => total + amount(one), 0);
  const leftElsewhere = { projects: more.length, sessions: sum((one) => one.sessions), bytes: sum((one) => one.bytes) };
  return { ...report, left: left.slice(0, PROJECTS_LISTED), leftElsewhere };
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
