/** What a run says to the metrics: how it ended, and the figures of its report. */

import { ERROR_KINDS } from '../exit-codes.ts';
import type { MetricDeclaration } from '../jobs/figures/figure.ts';
import { FIGURE_METRICS, type Figures, type MetricValue, metricsOf } from '../jobs/figures.ts';
import { GUARD_NAMES } from '../jobs/guards/guards.ts';
import { JOB_NAMES, OUTCOMES } from '../jobs/job-names.ts';
import type { JobReport } from '../jobs/report.ts';
import type { RunResult } from './run-result.ts';

/** Stands in a job's place where it is a scrape that failed. */
export const SCRAPE = 'scrape';

/** The metrics that show how runs ended; names without the program's prefix. */
export const RUN_METRICS = {
  runs: counter('runs_total', 'Runs of a job by outcome.', ['job', 'outcome'], pairs(JOB_NAMES, OUTCOMES)),
  lastSuccess: unknownGauge('run_last_success_timestamp_seconds', 'When a job last ended well, Unix time; NaN before.'),
  lastRun: unknownGauge('run_last_timestamp_seconds', 'When a job last ended, well or not, Unix time; NaN before.'),
  lastDuration: unknownGauge('run_last_duration_seconds', 'How long the last run of a job took; NaN before.'),
  held: gauge(
    'held',
    '1 while a guard holds a job back, as the last run of it said.',
    ['job', 'guard'],
    pairs(JOB_NAMES, GUARD_NAMES),
  ),
  errors: counter(
    'errors_total',
    'Errors of a job by kind.',
    ['job', 'kind'],
    pairs([...JOB_NAMES, SCRAPE], ERROR_KINDS),
  ),
} as const;

function counter(name: string, help: string, labels: readonly string[], known: readonly string[]): MetricDeclaration {
  return { name, kind: 'counter', help, labels, known };
}

function gauge(name: string, help: string, labels: readonly string[], known: readonly string[]): MetricDeclaration {
  return { name, kind: 'gauge', help, labels, known };
}

/** Of each job, which says nothing until it has run. */
function unknownGauge(name: string, help: string): MetricDeclaration {
  return { ...gauge(name, help, ['job'], JOB_NAMES), unknown: 'each' };
}

function pairs(left: readonly string[], right: readonly string[]): string[] {
  return left.flatMap((first) => right.map((second) => `${first},${second}`));
}

const SOURCE_METRICS = FIGURE_METRICS.filter(({ labels }) => labels.join() === 'source').map(({ name }) => name);

export interface RunFigures {
  /** What is added to what was there. */
  readonly increments: readonly MetricValue[];
  /** What takes the place of what was there. */
  readonly levels: readonly MetricValue[];
  /** Where all live sources are known: their names, and the metrics that show each. What is of another source is nobody's any more. */
  readonly sources?: { readonly names: readonly string[]; readonly metrics: readonly string[] };
}

export function figuresOf(result: RunResult, finishedAtMs: number): RunFigures {
  const { job, outcome } = result;
  const figures: Partial<Figures> = result.report ?? {};
  const { sources } = figures;
  const timeOf = (name: string): MetricValue => ({ name, label: job, value: finishedAtMs / 1000 });
  return {
    ...(sources === undefined ? {} : { sources: { names: Object.keys(sources), metrics: SOURCE_METRICS } }),
    increments: [
      { name: RUN_METRICS.runs.name, label: `${job},${outcome}`, value: 1 },
      ...metricsOf(figures, 'counter'),
      ...errorsOf(result),
    ],
    levels: [
      ...(outcome === 'skipped' ? [] : [timeOf(RUN_METRICS.lastRun.name), durationOf(result), ...heldOf(result)]),
      ...(outcome === 'ok' ? [timeOf(RUN_METRICS.lastSuccess.name)] : []),
      // Which source has not answered is known above all where a run has come to nothing by it.
      ...metricsOf(isWhole(result) ? figures : answersOf(figures), 'gauge'),
    ],
  };
}

function answersOf({ sources }: Partial<Figures>): Partial<Figures> {
  if (sources === undefined) return {};
  // How many sessions only one of them names, half a look does not tell.
  const answers = Object.entries(sources).map(([name, { onlyIts: _, ...answer }]) => [name, answer] as const);
  return { sources: Object.fromEntries(answers) };
}

/** Half a look, a failed one, or one that could not look everywhere, says nothing of what is there. */
function isWhole({ report, failure }: Pick<RunResult, 'report' | 'failure'>): boolean {
  return report?.stopped !== true && report?.incomplete !== true && failure === undefined;
}

function durationOf({ job, durationMs }: RunResult): MetricValue {
  return { name: RUN_METRICS.lastDuration.name, label: job, value: durationMs / 1000 };
}

function heldOf({ job, held }: RunResult): MetricValue[] {
  return GUARD_NAMES.map((guard) => {
    const isHeld = held.some((one) => one.guard === guard);
    return { name: RUN_METRICS.held.name, label: `${job},${guard}`, value: isHeld ? 1 : 0 };
  });
}

function errorsOf({ job, outcome, report, failure }: RunResult): MetricValue[] {
  const faults: JobReport['faults'] = report?.faults ?? [];
  const counts: Record<string, number> = { ...report?.moreFaults };
  for (const { kind } of failure === undefined || outcome === 'skipped' ? faults : [...faults, failure]) {
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return Object.entries(counts).map(([kind, value]) => ({
    name: RUN_METRICS.errors.name,
    label: `${job},${kind}`,
    value,
  }));
}
