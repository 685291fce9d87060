/** What the main thread is told of a run: as much of the report as it shows or records, however large the tree. */

import type { ErrorKind } from '../errors.ts';
import type { JobReport, RemovedListing } from '../jobs/job.ts';

/** More than is ever shown. */
const FAULTS_LISTED = 100;

export function handedOver(report: JobReport, listing: RemovedListing): JobReport {
  const { projects, ...rest } = withFewFaults(report);
  // Who lists nothing is the daemon, which shows no projects either.
  return listing === 'none' || projects === undefined ? rest : { ...rest, projects };
}

function withFewFaults(report: JobReport): JobReport {
  if (report.faults.length <= FAULTS_LISTED) return report;
  const moreFaults: Partial<Record<ErrorKind, number>> = { ...report.moreFaults };
  for (const { kind } of report.faults.slice(FAULTS_LISTED)) moreFaults[kind] = (moreFaults[kind] ?? 0) + 1;
  return { ...report, faults: report.faults.slice(0, FAULTS_LISTED), moreFaults };
}
