/** What Prometheus is shown. Most figures come from the ledger at each scrape, so that a restart or a one-shot run loses none. */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { EXIT_CODES, errorKind } from '../errors.ts';
import { JOB_NAMES, type JobName } from '../jobs/job.ts';
import { REMOVE_REASONS } from '../jobs/prune-transcripts/plan.ts';
import { TRANSCRIPT_STATES } from '../jobs/prune-transcripts/tally.ts';
import { FIGURES } from '../ledger/figure-names.ts';
import type { Figure } from '../ledger/ledger.ts';
import type { Logger } from '../log.ts';
import type { RunResult } from '../runs/run-result.ts';

export interface ResumeTotals {
  readonly attempts: number;
  readonly failures: number;
}

export interface MetricsSources {
  readonly version: string;
  readonly log: Logger;
  /** May throw; the last known figures are shown then. */
  figures(): readonly Figure[];
  /** May reject; the last known totals are shown then. */
  resumeTotals(): Promise<ResumeTotals>;
  nextRunMs(job: JobName): number | undefined;
  runningJob(): JobName | undefined;
}

export interface Metrics {
  readonly contentType: string;
  render(): Promise<string>;
  observeRun(result: RunResult): void;
}

const PREFIX = 'session_sweeper_';
const OUTCOMES = ['ok', 'partial', 'failed', 'skipped'];
const SWEEP_REASONS = ['expired', 'dangling'];
const LIVE_SOURCES = ['resume-map', 'keep-list', 'running-processes'];
const ERROR_KINDS = Object.keys(EXIT_CODES).filter((kind) => kind !== 'ok' && kind !== 'problems');
/** No scraper asks so often. It bounds what scrapes take from the thread that has to answer them, beside a job on every core. */
const RENDERED_KEPT_MS = 100;
/** Where a scrape itself fails; beside the jobs. */
const SCRAPE = 'scrape';
/** From an empty tree to the default deadline. */
const DURATION_BUCKETS_S = [0.05, 0.25, 1, 5, 15, 60, 300, 1_800, 7_200];
/** prom-client's gauges whose names end as a counter's must. */
const MISNAMED_DEFAULTS = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

interface LedgerMetric {
  readonly kind: 'counter' | 'gauge';
  readonly figure: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Every label there can be, so that each series is there, as 0, from the start; none for times, where 0 would lie. */
  readonly known: readonly string[];
}

const pairs = (left: readonly string[], right: readonly string[]) =>
  left.flatMap((first) => right.map((second) => `${first},${second}`));

/** The metrics that show a figure of the ledger; names without the prefix. */
export const LEDGER_METRICS: readonly LedgerMetric[] = [
  counter(FIGURES.runs, 'Runs of a job by outcome.', ['job', 'outcome'], pairs(JOB_NAMES, OUTCOMES)),
  gauge(FIGURES.lastSuccess, 'When a job last ended well, Unix time.', ['job'], []),
  gauge(FIGURES.lastRun, 'When a job last ended, well or not, Unix time.', ['job'], []),
  gauge(FIGURES.liveSessions, 'Session ids that a live source named in the last prune.', ['source'], LIVE_SOURCES),
  gauge(FIGURES.transcripts, 'Sessions on disk after the last prune, by state.', ['state'], TRANSCRIPT_STATES),
  gauge(FIGURES.transcriptBytes, 'Bytes of the sessions on disk after the last prune.', ['state'], TRANSCRIPT_STATES),
  counter(FIGURES.removed, 'Sessions moved to the trash, by reason.', ['reason'], REMOVE_REASONS),
  counter(FIGURES.removedBytes, 'Bytes moved to the trash, by reason.', ['reason'], REMOVE_REASONS),
  counter(FIGURES.swept, 'Rows of the resume map deleted, by reason.', ['reason'], SWEEP_REASONS),
  gauge(FIGURES.trashSessions, 'Sessions in the trash.', [], ['']),
  gauge(FIGURES.trashBytes, 'Bytes in the trash.', [], ['']),
  counter(FIGURES.purgedBytes, 'Bytes of purged trash.', [], ['']),
  counter(FIGURES.errors, 'Errors of a job by kind.', ['job', 'kind'], pairs([...JOB_NAMES, SCRAPE], ERROR_KINDS)),
];

function counter(figure: string, help: string, labels: readonly string[], known: readonly string[]): LedgerMetric {
  return { kind: 'counter', figure, help, labels, known };
}

function gauge(figure: string, help: string, labels: readonly string[], known: readonly string[]): LedgerMetric {
  return { kind: 'gauge', figure, help, labels, known };
}

export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED_DEFAULTS) registry.removeSingleMetric(name);
  const scrapeErrors = new Map<string, number>();
  const noteScrapeError = (error: unknown) => {
    const label = `${SCRAPE},${errorKind(error)}`;
    scrapeErrors.set(label, (scrapeErrors.get(label) ?? 0) + 1);
    if (scrapeErrors.get(label) === 1) sources.log.warn({ err: error }, 'scrape shows old figures');
  };
  const figures = rememberFigures(sources, scrapeErrors, noteScrapeError);
  for (const metric of LEDGER_METRICS) registerLedgerMetric(registry, metric, figures);
  registerResumeTotals(registry, sources, noteScrapeError);
  const durations = registerRunMetrics(registry, sources);
  const page = keptFor(RENDERED_KEPT_MS, () => registry.metrics());
  return {
    contentType: registry.contentType,
    render: page.read,
    observeRun: ({ job, durationMs, outcome }) => {
      page.forget();
      if (outcome !== 'skipped') durations.observe({ job }, durationMs / 1000);
    },
  };
}

type FiguresByName = (name: string) => ReadonlyMap<string, number>;

/** Reads the ledger once a scrape, however many metrics ask. */
function rememberFigures(
  sources: MetricsSources,
  scrapeErrors: ReadonlyMap<string, number>,
  noteScrapeError: (error: unknown) => void,
): FiguresByName {
  let byName = new Map<string, Map<string, number>>();
  const readOnce = oncePerScrape(() => {
    try {
      const fresh = new Map<string, Map<string, number>>();
      for (const { name, label, value } of sources.figures()) {
        const ofName = fresh.get(name) ?? new Map<string, number>();
        fresh.set(name, ofName.set(label, value));
      }
      byName = fresh;
    } catch (error) {
      noteScrapeError(error);
    }
  });
  return (name) => {
    readOnce();
    if (name !== FIGURES.errors) return byName.get(name) ?? new Map();
    return new Map([...(byName.get(name) ?? []), ...scrapeErrors]);
  };
}

function registerLedgerMetric(registry: Registry, metric: LedgerMetric, figures: FiguresByName): void {
  const { figure, help, labels, known } = metric;
  const options = { name: PREFIX + figure, help, labelNames: [...labels], registers: [registry] };
  const values = () => new Map([...known.map((label) => [label, 0] as const), ...figures(figure)]);
  const labelled = (label: string) => {
    const parts = label.split(',');
    return Object.fromEntries(labels.map((name, index) => [name, parts[index] ?? '']));
  };
  if (metric.kind === 'gauge') {
    new Gauge({
      ...options,
      collect() {
        this.reset();
        for (const [label, value] of values()) this.set(labelled(label), value);
      },
    });
    return;
  }
  new Counter({
    ...options,
    collect() {
      this.reset();
      for (const [label, value] of values()) this.inc(labelled(label), value);
    },
  });
}

function registerResumeTotals(
  registry: Registry,
  sources: MetricsSources,
  noteScrapeError: (error: unknown) => void,
): void {
  let totals: ResumeTotals = { attempts: 0, failures: 0 };
  const read = async () => {
    try {
      totals = await sources.resumeTotals();
    } catch (error) {
      noteScrapeError(error);
    }
  };
  const readOnce = oncePerScrape(read);
  const register = (name: string, help: string, of: keyof ResumeTotals) => {
    new Counter({
      name,
      help,
      registers: [registry],
      async collect() {
        await readOnce();
        this.reset();
        this.inc(totals[of]);
      },
    });
  };
  register('claude_session_resume_attempts_total', 'Resumes of a session that hosts tried.', 'attempts');
  register('claude_session_resume_failures_total', 'Resumes that failed since the conversation was gone.', 'failures');
}

/** All metrics of one scrape are collected in one go: whatever they share is read by the first of them. */
function oncePerScrape<T>(read: () => T): () => T {
  let held: { readonly value: T } | undefined;
  return () => {
    if (held === undefined) {
      held = { value: read() };
      setImmediate(() => {
        held = undefined;
      });
    }
    return held.value;
  };
}

/** Reads once, and answers by that for so long, unless it is to be forgotten; a failed read is not kept. */
export function keptFor<T>(
  keptMs: number,
  read: () => Promise<T>,
  now = () => performance.now(),
): { read(): Promise<T>; forget(): void } {
  let kept: { readonly value: T; readonly readAtMs: number } | undefined;
  let isCurrent = true;
  return {
    read: async () => {
      if (kept !== undefined && now() - kept.readAtMs < keptMs) return kept.value;
      isCurrent = true;
      const readAtMs = now();
      const value = await read();
      // What was forgotten while it was read is out of date already.
      kept = isCurrent ? { value, readAtMs } : undefined;
      return value;
    },
    forget: () => {
      kept = undefined;
      isCurrent = false;
    },
  };
}

function registerRunMetrics(registry: Registry, sources: MetricsSources): Histogram<'job'> {
  const registers = [registry];
  new Gauge({
    name: `${PREFIX}run_next_timestamp_seconds`,
    help: 'When a job is due next, Unix time, jitter not counted.',
    labelNames: ['job'],
    registers,
    collect() {
      this.reset();
      for (const job of JOB_NAMES) {
        const nextMs = sources.nextRunMs(job);
        if (nextMs !== undefined) this.set({ job }, nextMs / 1000);
      }
    },
  });
  new Gauge({
    name: `${PREFIX}run_in_progress`,
    help: '1 while a job is at work.',
    labelNames: ['job'],
    registers,
    collect() {
      for (const job of JOB_NAMES) this.set({ job }, sources.runningJob() === job ? 1 : 0);
    },
  });
  new Gauge({ name: `${PREFIX}build_info`, help: 'The running version.', labelNames: ['version'], registers }).set(
    { version: sources.version },
    1,
  );
  const durations = new Histogram({
    name: `${PREFIX}run_duration_seconds`,
    help: 'How long runs of a job took.',
    labelNames: ['job'],
    buckets: DURATION_BUCKETS_S,
    registers,
  });
  for (const job of JOB_NAMES) durations.zero({ job });
  return durations;
}
