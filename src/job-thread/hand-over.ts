/** What the main thread is told of a run: as much of the report as it shows or records, however large the tree. */

import type { ErrorKind } from '../errors.ts';
import { type JobReport, OLDEST_LISTED, type RemovedListing, type RemovedSession } from '../jobs/job.ts';

/** More than is ever shown. */
const FAULTS_LISTED = 100;

export function handedOver(report: JobReport, listing: RemovedListing): JobReport {
  const { removedSessions, projects, ...rest } = withFewFaults(report);
  // Who lists nothing is the daemon, which shows no projects either.
  if (listing === 'none') return rest;
  const sessions = removedSessions && (listing === 'all' ? removedSessions : oldestOf(removedSessions));
  return {
    ...rest,
    ...(sessions === undefined ? {} : { removedSessions: sessions }),
    ...(projects === undefined ? {} : { projects }),
  };
}

function oldestOf(sessions: readonly RemovedSession[]): readonly RemovedSession[] {
  return sessions.toSorted((left, right) => left.newestMtimeMs - right.newestMtimeMs).slice(0, OLDEST_LISTED);
}

function withFewFaults(report: JobReport): JobReport {
  if (report.faults.length <= FAULTS_LISTED) return report;
  const moreFaults: Partial<Record<ErrorKind, number>> = { ...report.moreFaults };
  for (const { kind } of report.faults.slice(FAULTS_LISTED)) moreFaults[kind] = (moreFaults[kind] ?? 0) + 1;
  return { ...report, faults: report.faults.slice(0, FAULTS_LISTED), moreFaults };
}
