/** Runs that have ended, and the figures that metrics show: one transaction for each, with what it says to the audit. */

import type { MetricValue } from '../jobs/figures.ts';
import type { Held } from '../jobs/guards/guards.ts';
import type { JobName, Outcome } from '../jobs/job-names.ts';
import { guarded, type SqliteDatabase } from '../sqlite/open.ts';
import { Statements } from '../sqlite/statements.ts';
import type { Audit } from './audit.ts';
import type { AuditEvent } from './audit-entry.ts';

/** The jobs, and what a person has go by hand. */
export type RecordedJob = JobName | 'remove' | 'apply';

/** Those that move sessions to the trash. */
export const TAKING_JOBS: ReadonlySet<RecordedJob> = new Set(['prune-transcripts', 'remove', 'apply']);

export interface FinishedRun {
  readonly job: RecordedJob;
  readonly outcome: Outcome;
  /** Unix epoch ms. */
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

export interface RunRecord extends FinishedRun {
  /** The summary of the run; nothing that grows with the tree. */
  readonly report: object;
  /** What guards have spoken against. */
  readonly held?: readonly Pick<Held, 'guard' | 'message'>[];
  /** Somebody said that most may go at once. */
  readonly isAllowed?: boolean;
  /** What it has seen, for whoever looks on; what an earlier run of the job has seen gives way to it. */
  readonly look?: object | undefined;
  /** Metrics that grow by this run. */
  readonly increments: readonly MetricValue[];
  /** Metrics that this run found anew. */
  readonly levels: readonly MetricValue[];
  /** All live sources that there are, where that is known, and the metrics that show each: of others, nothing is shown any more. */
  readonly sources?: { readonly names: readonly string[]; readonly metrics: readonly string[] };
}

/** How many runs of a job are kept: months of an hourly one. */
const RUNS_KEPT = 2_000;

export class RunsTable {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
  readonly #audit: Audit;

  constructor(database: SqliteDatabase, audit: Audit) {
    this.#database = database;
    this.#statements = new Statements(database);
    this.#audit = audit;
  }

  /** @param forget what is too old, of other tables, in the same transaction */
  record(run: RunRecord, forget: () => void): void {
    const write = () => {
      this.#statements
        .get(
          'INSERT INTO runs (job, outcome, started_at, finished_at, report) VALUES (@job, @outcome, @startedAtMs, @finishedAtMs, @report)',
        )
        .run({
          job: run.job,
          outcome: run.outcome,
          startedAtMs: run.startedAtMs,
          finishedAtMs: run.finishedAtMs,
          report: JSON.stringify(run.report),
        });
      for (const metric of run.increments) {
        this.#statements
          .get(
            'INSERT INTO metrics (name, label, value) VALUES (@name, @label, @value) ON CONFLICT DO UPDATE SET value = value + excluded.value',
          )
          .run(metric);
      }
      if (run.sources !== undefined) this.#forgetOtherSources(run.sources);
      for (const metric of run.levels) {
        this.#statements
          .get(
            'INSERT INTO metrics (name, label, value) VALUES (@name, @label, @value) ON CONFLICT DO UPDATE SET value = excluded.value',
          )
          .run(metric);
      }
      this.#audit.append(auditOf(run));
      if (run.look !== undefined)
        this.#statements
          .get('INSERT OR REPLACE INTO looks VALUES (?, ?, ?)')
          .run(run.job, run.finishedAtMs, JSON.stringify(run.look));
      this.#forget(run);
      forget();
    };
    guarded(this.#database.name, 'record a run in', () => this.#database.transaction(write).immediate());
  }

  /** The latest runs of all jobs, the latest first. */
  lastRuns(count: number): readonly FinishedRun[] {
    return guarded(this.#database.name, 'read', () => {
      return this.#statements
        .get(
          `SELECT job, outcome, started_at AS startedAtMs, finished_at AS finishedAtMs FROM runs
           ORDER BY id DESC LIMIT ?`,
        )
        .all(count) as FinishedRun[];
    });
  }

  /** The latest run of a job, or the latest of one outcome. */
  lastRun(job: JobName, outcome?: Outcome): FinishedRun | undefined {
    return guarded(this.#database.name, 'read', () => {
      const row = this.#statements
        .get(
          `SELECT job, outcome, started_at AS startedAtMs, finished_at AS finishedAtMs FROM runs
         WHERE job = @job AND (@outcome IS NULL OR outcome = @outcome) ORDER BY started_at DESC, id DESC LIMIT 1`,
        )
        .get({ job, outcome: outcome ?? null });
      return row as FinishedRun | undefined;
    });
  }

  /**
   * When the latest run of a job began that came to its end with one of the given outcomes: one that was broken off is not through.
   * @param untilMs Unix epoch ms; later ones were written by a clock that was wrong
   */
  lastWholeRunMs(job: JobName, outcomes: readonly Outcome[], untilMs: number): number | undefined {
    const startedAtMs = guarded(this.#database.name, 'read', () => {
      return this.#statements
        .get(
          `SELECT max(started_at) FROM runs WHERE job = @job AND started_at <= @untilMs
           AND outcome IN (SELECT value FROM json_each(@outcomes)) AND NOT coalesce(json_extract(report, '$.stopped'), 0)
           AND coalesce(json_extract(report, '$.held[0].guard'), '') <> 'clock'`,
        )
        .pluck()
        .get({ job, untilMs, outcomes: JSON.stringify(outcomes) });
    });
    return typeof startedAtMs === 'number' ? startedAtMs : undefined;
  }

  metrics(): readonly MetricValue[] {
    return guarded(this.#database.name, 'read', () => {
      return this.#statements.get('SELECT name, label, value FROM metrics').all() as MetricValue[];
    });
  }

  #forgetOtherSources({ names, metrics }: NonNullable<RunRecord['sources']>): void {
    this.#statements
      .get(
        `DELETE FROM metrics WHERE name IN (SELECT value FROM json_each(?))
         AND label NOT IN (SELECT value FROM json_each(?))`,
      )
      .run(JSON.stringify(metrics), JSON.stringify(names));
  }

  #forget(run: RunRecord): void {
    this.#statements
      .get(
        `DELETE FROM runs WHERE job = @job
       AND id NOT IN (SELECT id FROM runs WHERE job = @job ORDER BY id DESC LIMIT @kept)
       AND id IS NOT (SELECT max(id) FROM runs WHERE job = @job AND outcome = 'ok')`,
      )
      .run({ job: run.job, kept: RUNS_KEPT });
  }
}

function auditOf({ job, finishedAtMs, held = [], isAllowed = false }: RunRecord): readonly AuditEvent[] {
  const event = { atMs: finishedAtMs, subject: job, place: null, run: null, bytes: null };
  return [
    ...held.map(({ guard, message }): AuditEvent => ({ ...event, what: 'held', reason: `${guard}: ${message}` })),
    ...(isAllowed ? [{ ...event, what: 'allowed', reason: 'somebody said that most may go at once' } as const] : []),
  ];
}
