/** What Prometheus is shown. Most figures come from the ledger at each scrape, so that a restart or a one-shot run loses none. */

import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { errorKind } from '../errors.ts';
import type { MetricValue } from '../jobs/figures.ts';
import { JOB_NAMES, type JobName } from '../jobs/job-names.ts';
import type { Logger } from '../log.ts';
import {
  METRIC_PREFIX,
  NO_TOTALS,
  type ResumeTotals,
  registerFigures,
  registerResumeTotals,
} from '../runs/figures-registry.ts';
import { RUN_METRICS, SCRAPE } from '../runs/run-metrics.ts';
import type { RunResult } from '../runs/run-result.ts';
import { type DueTimes, dueMs } from './due-times.ts';
import type { ReloadState } from './reload.ts';

export interface MetricsSources extends DueTimes {
  readonly version: string;
  readonly log: Logger;
  /** May throw; the last known figures are shown then. */
  figures(): readonly MetricValue[];
  /** Leaves out what is not known. */
  host(): Promise<readonly MetricValue[]>;
  /** May reject; the last known totals are shown then. */
  resumeTotals(): Promise<ResumeTotals>;
  nextRunMs(job: JobName): number | undefined;
  runningJob(): JobName | undefined;
  reload(): ReloadState;
}

export interface Metrics {
  readonly contentType: string;
  render(): Promise<string>;
  observeRun(result: Pick<RunResult, 'job' | 'durationMs' | 'outcome'>): void;
}

/** From an empty tree to the default deadline. */
const DURATION_BUCKETS_S = [0.05, 0.25, 1, 5, 15, 60, 300, 1_800, 7_200];
/** prom-client's gauges whose names end as a counter's must. */
const MISNAMED_DEFAULTS = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED_DEFAULTS) registry.removeSingleMetric(name);
  const showFigures = registerFigures(registry);
  const showResumeTotals = registerResumeTotals(registry);
  const showSchedule = registerSchedule(registry, sources);
  const showReload = registerReload(registry, sources);
  const durations = registerDurations(registry);
  const scrapeErrors = new ScrapeErrors(sources.log);
  let figures: readonly MetricValue[] = [];
  let totals = NO_TOTALS;
  return {
    contentType: registry.contentType,
    render: async () => {
      figures = await scrapeErrors.orLast(() => sources.figures(), figures);
      totals = await scrapeErrors.orLast(() => sources.resumeTotals(), totals);
      showFigures([...figures, ...(await sources.host()), ...scrapeErrors.figures()]);
      showResumeTotals(totals);
      showSchedule(figures);
      showReload();
      return registry.metrics();
    },
    observeRun: ({ job, durationMs, outcome }) => {
      if (outcome !== 'skipped') durations.observe({ job }, durationMs / 1000);
    },
  };
}

/** What a scrape could not read. It shows what was read last, and counts that. */
class ScrapeErrors {
  readonly #log: Logger;
  readonly #countByLabel = new Map<string, number>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @returns `last` where it cannot be read */
  async orLast<T>(read: () => T | Promise<T>, last: T): Promise<T> {
    try {
      return await read();
    } catch (error) {
      const label = `${SCRAPE},${errorKind(error)}`;
      const count = (this.#countByLabel.get(label) ?? 0) + 1;
      this.#countByLabel.set(label, count);
      if (count === 1) this.#log.warn({ err: error }, 'scrape shows old figures');
      return last;
    }
  }

  figures(): MetricValue[] {
    return Array.from(this.#countByLabel, ([label, value]) => ({ name: RUN_METRICS.errors.name, label, value }));
  }
}

function registerSchedule(registry: Registry, sources: MetricsSources): (figures: readonly MetricValue[]) => void {
  const labelNames = ['job'];
  const registers = [registry];
  const nextRun = new Gauge({
    name: `${METRIC_PREFIX}run_next_timestamp_seconds`,
    help: 'When a job is due next, Unix time, jitter not counted.',
    labelNames,
    registers,
  });
  const due = new Gauge({
    name: `${METRIC_PREFIX}run_due_timestamp_seconds`,
    help: 'When a job is due since it last ended well, Unix time: where that is past, it is overdue.',
    labelNames,
    registers,
  });
  const inProgress = new Gauge({
    name: `${METRIC_PREFIX}run_in_progress`,
    help: '1 while a job is at work.',
    labelNames,
    registers,
  });
  new Gauge({
    name: `${METRIC_PREFIX}build_info`,
    help: 'The running version.',
    labelNames: ['version'],
    registers,
  }).set({ version: sources.version }, 1);
  return (figures) => {
    for (const job of JOB_NAMES) {
      nextRun.set({ job }, (sources.nextRunMs(job) ?? Number.NaN) / 1000);
      due.set({ job }, (dueMs(job, figures, sources) ?? Number.NaN) / 1000);
      inProgress.set({ job }, sources.runningJob() === job ? 1 : 0);
    }
  };
}

/** Named as Prometheus names its own, so that one rule watches both. */
function registerReload(registry: Registry, sources: MetricsSources): () => void {
  const registers = [registry];
  const isSuccessful = new Gauge({
    name: `${METRIC_PREFIX}config_last_reload_successful`,
    help: '1 where the last reading of the configuration, at the start or after SIGHUP, was taken over.',
    registers,
  });
  const lastSuccess = new Gauge({
    name: `${METRIC_PREFIX}config_last_reload_success_timestamp_seconds`,
    help: 'When a configuration was last taken over, Unix time.',
    registers,
  });
  return () => {
    const state = sources.reload();
    isSuccessful.set(state.isSuccessful ? 1 : 0);
    lastSuccess.set(state.lastSuccessAtMs / 1000);
  };
}

function registerDurations(registry: Registry): Histogram<'job'> {
  const durations = new Histogram({
    name: `${METRIC_PREFIX}run_duration_seconds`,
    help: 'How long runs of a job took.',
    labelNames: ['job'],
    buckets: DURATION_BUCKETS_S,
    registers: [registry],
  });
  for (const job of JOB_NAMES) durations.zero({ job });
  return durations;
}
