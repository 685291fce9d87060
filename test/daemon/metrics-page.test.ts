import { describe, expect, it } from 'vitest';
import { createMetrics, type MetricsSources } from '../../src/daemon/metrics-page.ts';
import type { MetricValue } from '../../src/jobs/figures.ts';
import { type Logger, silentLogger } from '../../src/log.ts';
import { NO_TOTALS, type ResumeTotals } from '../../src/runs/figures-registry.ts';

const TRASH = 'session_sweeper_trash_sessions';
const ATTEMPTS = 'claude_session_resume_attempts_total';
const SCRAPE_ERRORS = 'session_sweeper_errors_total{job="scrape",kind="io"}';

function metricsOf(overrides: Partial<MetricsSources>) {
  return createMetrics({
    version: '1.2.3',
    log: silentLogger,
    figures: () => [],
    host: async () => [],
    dueAfterMs: () => undefined,
    nowMs: () => 100_000,
    resumeTotals: async () => NO_TOTALS,
    nextRunMs: () => undefined,
    runningJob: () => undefined,
    reload: () => ({ isSuccessful: true, lastSuccessAtMs: 0 }),
    ...overrides,
  });
}

function valueIn(page: string, series: string): number | undefined {
  const line = page.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

function ioError(): Error {
  return Object.assign(new Error('disk'), { code: 'EIO' });
}

/** The figure of the trash that the ledger has. */
const trashOf = (value: number): MetricValue[] => [{ name: 'trash_sessions', label: '', value }];

describe('a page of metrics', () => {
  it('has every counter of which the labels are known from the start, as 0', async () => {
    const page = await metricsOf({}).render();
    for (const series of [
      ATTEMPTS,
      'claude_session_forgotten_total{reason="expired"}',
      'claude_session_events_total{event="mirror-error"}',
      'claude_session_resume_failures_total',
      'session_sweeper_runs_total{job="prune-transcripts",outcome="failed"}',
      'session_sweeper_held{job="sweep-sessions",guard="clock"}',
      'session_sweeper_transcripts_removed_total{reason="orphan"}',
      'session_sweeper_run_in_progress{job="purge-trash"}',
      'session_sweeper_run_duration_seconds_count{job="sweep-sessions"}',
      SCRAPE_ERRORS,
    ]) {
      expect(valueIn(page, series), series).toBe(0);
    }
  });

  it('has every gauge from the start too, as NaN while nothing is known of it', async () => {
    const page = await metricsOf({}).render();
    for (const series of [
      TRASH,
      'session_sweeper_transcripts{state="doubtful"}',
      'session_sweeper_live_sessions{source="resume-map"}',
      'session_sweeper_run_last_success_timestamp_seconds{job="prune-transcripts"}',
      'session_sweeper_run_last_timestamp_seconds{job="purge-trash"}',
      'session_sweeper_run_last_duration_seconds{job="sweep-sessions"}',
      'session_sweeper_run_next_timestamp_seconds{job="sweep-sessions"}',
      'session_sweeper_run_due_timestamp_seconds{job="sweep-sessions"}',
      'session_sweeper_ledger_begun_timestamp_seconds',
      'session_sweeper_database_bytes{database="ledger"}',
      'session_sweeper_disk_free_bytes{place="claude-dir"}',
    ]) {
      expect(valueIn(page, series), series).toBeNaN();
    }
  });

  it('shows of what one run tells together the untold part as 0, and of what each run tells for itself as NaN', async () => {
    const figures = () => [
      { name: 'live_sessions', label: 'resume-map', value: 3 },
      { name: 'run_last_timestamp_seconds', label: 'purge-trash', value: 5 },
    ];
    const page = await metricsOf({ figures }).render();
    expect(valueIn(page, 'session_sweeper_live_sessions{source="keep-list"}')).toBe(0);
    expect(valueIn(page, 'session_sweeper_run_last_timestamp_seconds{job="prune-transcripts"}')).toBeNaN();
  });

  it('says since when a job is due, by its last good run, and else by the beginning of the record', async () => {
    const dueAfterMs = (_job: string, timeMs: number) => timeMs + 3_000;
    const begun: MetricValue = { name: 'ledger_begun_timestamp_seconds', label: '', value: 10 };
    const good: MetricValue = { name: 'run_last_success_timestamp_seconds', label: 'purge-trash', value: 20 };
    // By a clock that was wrong: of a time that has not come yet.
    const wrong: MetricValue = { name: 'run_last_success_timestamp_seconds', label: 'sweep-sessions', value: 101 };
    const page = await metricsOf({ figures: () => [begun, good, wrong], dueAfterMs }).render();
    const dueOf = (job: string) => valueIn(page, `session_sweeper_run_due_timestamp_seconds{job="${job}"}`);
    expect(['purge-trash', 'prune-transcripts', 'sweep-sessions'].map(dueOf)).toEqual([23, 13, 13]);
  });

  it('reads the ledger and the resume map once', async () => {
    let reads = 0;
    const metrics = metricsOf({
      figures: () => {
        reads += 1;
        return trashOf(1);
      },
      resumeTotals: async () => {
        reads += 1;
        return { ...NO_TOTALS, attempts: 1 };
      },
    });
    await metrics.render();
    expect(reads).toBe(2);
  });

  it('shows figures as they are now, not added to those before, and none that is gone', async () => {
    let figures: readonly MetricValue[] = [
      ...trashOf(3),
      { name: 'runs_total', label: 'purge-trash,ok', value: 2 },
      { name: 'run_last_timestamp_seconds', label: 'purge-trash', value: 5 },
    ];
    let nextMs: number | undefined = 7_000;
    const metrics = metricsOf({ figures: () => figures, nextRunMs: () => nextMs });
    const first = await metrics.render();
    expect(valueIn(first, 'session_sweeper_runs_total{job="purge-trash",outcome="ok"}')).toBe(2);
    expect(valueIn(first, 'session_sweeper_run_last_timestamp_seconds{job="purge-trash"}')).toBe(5);
    expect(valueIn(first, 'session_sweeper_run_next_timestamp_seconds{job="purge-trash"}')).toBe(7);
    figures = trashOf(1);
    nextMs = undefined;
    const second = await metrics.render();
    expect(valueIn(second, TRASH)).toBe(1);
    expect(valueIn(second, 'session_sweeper_runs_total{job="purge-trash",outcome="ok"}')).toBe(0);
    for (const time of ['last', 'next'])
      expect(valueIn(second, `session_sweeper_run_${time}_timestamp_seconds{job="purge-trash"}`)).toBeNaN();
  });

  it('shows the last figures where the ledger cannot be read, and counts that', async () => {
    let isBroken = false;
    const warnings: string[] = [];
    const log: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) };
    const figures = () => {
      if (isBroken) throw ioError();
      return trashOf(3);
    };
    const metrics = metricsOf({ log, figures });
    await metrics.render();
    isBroken = true;
    const broken = await metrics.render();
    expect([valueIn(broken, TRASH), valueIn(broken, SCRAPE_ERRORS)]).toEqual([3, 1]);
    expect(valueIn(await metrics.render(), SCRAPE_ERRORS)).toBe(2);
    expect(warnings).toEqual(['scrape shows old figures']);
    isBroken = false;
    expect(valueIn(await metrics.render(), SCRAPE_ERRORS)).toBe(2);
  });

  it('shows the last totals where the resume map cannot be read, and the ledger’s figures as they are', async () => {
    let totals: () => Promise<ResumeTotals> = async () => ({ ...NO_TOTALS, attempts: 5 });
    let trash = 1;
    const metrics = metricsOf({ figures: () => trashOf(trash), resumeTotals: () => totals() });
    expect(valueIn(await metrics.render(), ATTEMPTS)).toBe(5);
    totals = () => Promise.reject(ioError());
    trash = 2;
    const page = await metrics.render();
    expect([ATTEMPTS, TRASH, SCRAPE_ERRORS].map((series) => valueIn(page, series))).toEqual([5, 2, 1]);
  });

  it('adds what scrapes could not read to the errors of jobs', async () => {
    const errors: MetricValue = { name: 'errors_total', label: 'purge-trash,io', value: 4 };
    const metrics = metricsOf({ figures: () => [errors], resumeTotals: () => Promise.reject(ioError()) });
    const page = await metrics.render();
    expect(valueIn(page, 'session_sweeper_errors_total{job="purge-trash",kind="io"}')).toBe(4);
    expect(valueIn(page, SCRAPE_ERRORS)).toBe(1);
  });

  it('tells which job is at work, and how long those took that ran', async () => {
    const metrics = metricsOf({ runningJob: () => 'sweep-sessions' });
    const run = { job: 'purge-trash', durationMs: 2_000 } as const;
    metrics.observeRun({ ...run, outcome: 'ok' });
    metrics.observeRun({ ...run, outcome: 'skipped' });
    const page = await metrics.render();
    expect(valueIn(page, 'session_sweeper_run_in_progress{job="sweep-sessions"}')).toBe(1);
    expect(valueIn(page, 'session_sweeper_run_in_progress{job="purge-trash"}')).toBe(0);
    expect(valueIn(page, 'session_sweeper_run_duration_seconds_count{job="purge-trash"}')).toBe(1);
    expect(valueIn(page, 'session_sweeper_run_duration_seconds_sum{job="purge-trash"}')).toBe(2);
  });
});
