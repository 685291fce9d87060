/** The metrics that a daemon serves and a one-shot run writes alike: what the ledger keeps, how the host is, and how resumes went. */

import { Counter, Gauge, type Registry } from 'prom-client';
import type { MetricDeclaration } from '../jobs/figures/figure.ts';
import { FIGURE_METRICS, type MetricValue } from '../jobs/figures.ts';
import {
  FORGET_REASONS,
  type ForgetReason,
  SESSION_EVENTS,
  type SessionEvent,
  type SessionEvents,
} from '../resume-map/resume-map.ts';
import { HOST_METRICS } from './host-metrics.ts';
import { RUN_METRICS } from './run-metrics.ts';

export const METRIC_PREFIX = 'session_sweeper_';

export interface ResumeTotals {
  readonly attempts: number;
  readonly failures: number;
  readonly forgotten: Readonly<Record<ForgetReason, number>>;
  readonly events: Readonly<Record<SessionEvent, number>>;
}

/** A resume map that counts. */
interface CountingMap {
  getSessionResumeAttemptsTotal(): Promise<number>;
  getSessionResumeFailuresTotal(): Promise<number>;
  getForgottenTotals(): Promise<ResumeTotals['forgotten']>;
  readonly events: Pick<SessionEvents, 'totals'>;
}

/** Since ever, as hosts have counted them. */
export async function resumeTotalsOf(map: CountingMap): Promise<ResumeTotals> {
  const [attempts, failures, forgotten, events] = await Promise.all([
    map.getSessionResumeAttemptsTotal(),
    map.getSessionResumeFailuresTotal(),
    map.getForgottenTotals(),
    map.events.totals(),
  ]);
  return { attempts, failures, forgotten, events };
}

/** The metrics that show what the ledger keeps, and how the host is; names without the prefix. */
const DECLARED_METRICS: readonly MetricDeclaration[] = [
  ...Object.values(RUN_METRICS),
  ...FIGURE_METRICS,
  ...Object.values(HOST_METRICS),
];

/** @returns shows figures in the place of all that were shown before */
export function registerFigures(registry: Registry): (figures: readonly MetricValue[]) => void {
  const shown = DECLARED_METRICS.map((metric) => ({ metric, show: registerDeclared(registry, metric) }));
  return (figures) => {
    for (const { metric, show } of shown) {
      const read = figures.filter(({ name }) => name === metric.name);
      const isUnknown = metric.unknown === 'each' || (metric.unknown === 'together' && read.length === 0);
      const known = metric.known.map((label) => [label, isUnknown ? Number.NaN : 0] as const);
      show(new Map([...known, ...read.map(({ label, value }) => [label, value] as const)]));
    }
  };
}

function registerDeclared(
  registry: Registry,
  { kind, name, help, labels }: MetricDeclaration,
): (valueByLabel: ReadonlyMap<string, number>) => void {
  const options = { name: METRIC_PREFIX + name, help, labelNames: [...labels], registers: [registry] };
  const metric = kind === 'gauge' ? new Gauge(options) : new Counter(options);
  return (valueByLabel) => {
    metric.reset();
    for (const [label, value] of valueByLabel) {
      const parts = label.split(',');
      const shown = Object.fromEntries(labels.map((name, index) => [name, parts[index] ?? '']));
      if (metric instanceof Gauge) metric.set(shown, value);
      else metric.inc(shown, value);
    }
  };
}

export function registerResumeTotals(registry: Registry): (totals: ResumeTotals) => void {
  const registers = [registry];
  const attempts = new Counter({
    name: 'claude_session_resume_attempts_total',
    help: 'Resumes of a session that hosts tried.',
    registers,
  });
  const failures = new Counter({
    name: 'claude_session_resume_failures_total',
    help: 'Resumes that failed since the conversation was gone, or could never answer again.',
    registers,
  });
  const forgotten = new Counter({
    name: 'claude_session_forgotten_total',
    help: 'Conversations that the resume map let go when a host asked for them, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const events = new Counter({
    name: 'claude_session_events_total',
    help: 'What befell conversations of hosts: restored, begun anew, turns without an answer, and entries that were lost.',
    labelNames: ['event'],
    registers,
  });
  return (totals) => {
    events.reset();
    for (const event of SESSION_EVENTS) events.inc({ event }, totals.events[event]);
    forgotten.reset();
    for (const reason of FORGET_REASONS) forgotten.inc({ reason }, totals.forgotten[reason]);
    attempts.reset();
    attempts.inc(totals.attempts);
    failures.reset();
    failures.inc(totals.failures);
  };
}

/** As long as nothing has been counted. */
export const NO_TOTALS: ResumeTotals = {
  ...{ attempts: 0, failures: 0, forgotten: { expired: 0, gone: 0 } },
  events: Object.fromEntries(SESSION_EVENTS.map((event) => [event, 0])) as ResumeTotals['events'],
};
