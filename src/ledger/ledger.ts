/** The worker's own record: runs, removals, and the figures that metrics show. Lost, it costs history and no session. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { JobName, JobReport, Outcome } from '../jobs/job.ts';
import type { Removal, RemovalRecorder } from '../jobs/prune-transcripts/apply.ts';
import type { PruneMemory } from '../jobs/prune-transcripts/guards.ts';
import { migrate } from '../sqlite/migrate.ts';
import { guarded, openDatabaseForReading, openOwnDatabase, type SqliteDatabase } from '../sqlite/open.ts';
import { Statements } from '../sqlite/statements.ts';
import { displayName } from '../transcripts/byte-name.ts';
import { FIGURES } from './figure-names.ts';
import { LEDGER_MIGRATIONS, LEDGER_VERSION_TABLE } from './schema.ts';

export interface FinishedRun {
  readonly job: JobName;
  readonly outcome: Outcome;
  /** Unix epoch ms. */
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

/** A figure by name and label, as the metrics show it; durable, since the one-shot run and the daemon are different processes. */
export interface Figure {
  readonly name: string;
  readonly label: string;
  readonly value: number;
}

export interface RunRecord extends FinishedRun {
  readonly report: JobReport;
  /** Figures that grow by this run. */
  readonly increments: readonly Figure[];
  /** Figures that this run found anew. */
  readonly levels: readonly Figure[];
}

/** How many runs of a job are kept: months of an hourly one. */
const RUNS_KEPT = 2_000;
/** How long removals are kept: long after their trash is purged. */
const REMOVALS_KEPT_MS = 400 * 86_400_000;

export class Ledger implements RemovalRecorder, PruneMemory {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;

  private constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = new Statements(database);
  }

  /** @throws OperatingError `bad-data`, `unavailable`, `io` */
  static open(stateDir: string, wait: { readonly busyTimeoutMs?: number } = {}): Ledger {
    const database = openOwnDatabase(ledgerPath(stateDir), prepare, wait);
    try {
      guarded(database.name, 'open', () => prepare(database));
      return new Ledger(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Undefined where there is none yet; no byte on disk changes. */
  static openForReading(stateDir: string): Ledger | undefined {
    const path = ledgerPath(stateDir);
    return existsSync(path) ? new Ledger(openDatabaseForReading(path)) : undefined;
  }

  recordRun(run: RunRecord): void {
    this.#write('record a run in', () => {
      // What stands in `removals`, or grows with the tree, is left out.
      const { removedSessions: _, projects: __, ...report } = run.report;
      this.#statements
        .get(
          'INSERT INTO runs (job, outcome, started_at, finished_at, report) VALUES (@job, @outcome, @startedAtMs, @finishedAtMs, @report)',
        )
        .run({
          job: run.job,
          outcome: run.outcome,
          startedAtMs: run.startedAtMs,
          finishedAtMs: run.finishedAtMs,
          report: JSON.stringify(report),
        });
      for (const figure of run.increments) {
        this.#statements
          .get(
            'INSERT INTO metrics (name, label, value) VALUES (@name, @label, @value) ON CONFLICT DO UPDATE SET value = value + excluded.value',
          )
          .run(figure);
      }
      for (const figure of run.levels) {
        this.#statements
          .get(
            'INSERT INTO metrics (name, label, value) VALUES (@name, @label, @value) ON CONFLICT DO UPDATE SET value = excluded.value',
          )
          .run(figure);
      }
      this.#forget(run);
    });
  }

  recordRemovals(trashRun: string, removals: readonly Removal[], nowMs: number): void {
    this.#write('record removals in', () => {
      const insert = this.#statements.get(
        `INSERT INTO removals (session_id, trash_run, project, reason, files, bytes, newest_mtime, removed_at)
         VALUES (@sessionId, @trashRun, @project, @reason, @files, @bytes, @newestMtimeMs, @nowMs)`,
      );
      for (const { unit, reason } of removals) {
        insert.run({
          sessionId: unit.sessionId,
          trashRun,
          project: unit.project === undefined ? null : displayName(unit.project),
          reason,
          files: unit.files,
          bytes: unit.bytes,
          newestMtimeMs: Math.floor(unit.newestMtimeMs),
          nowMs,
        });
      }
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

  figures(): readonly Figure[] {
    return guarded(this.#database.name, 'read', () => {
      return this.#statements.get('SELECT name, label, value FROM metrics').all() as Figure[];
    });
  }

  knownSessions(claudeDir: string): number | undefined {
    return this.#figure(FIGURES.leftSessions, claudeDir);
  }

  knownLiveIds(source: string): number | undefined {
    return this.#figure(FIGURES.knownIds, source);
  }

  close(): void {
    this.#database.close();
  }

  #figure(name: string, label: string): number | undefined {
    return guarded(this.#database.name, 'read', () => {
      const value = this.#statements
        .get('SELECT value FROM metrics WHERE name = ? AND label = ?')
        .pluck()
        .get(name, label);
      return typeof value === 'number' ? value : undefined;
    });
  }

  #forget(run: RunRecord): void {
    this.#statements
      .get(
        `DELETE FROM runs WHERE job = @job
       AND id NOT IN (SELECT id FROM runs WHERE job = @job ORDER BY id DESC LIMIT @kept)
       AND id IS NOT (SELECT max(id) FROM runs WHERE job = @job AND outcome = 'ok')`,
      )
      .run({ job: run.job, kept: RUNS_KEPT });
    this.#statements.get('DELETE FROM removals WHERE removed_at < ?').run(run.finishedAtMs - REMOVALS_KEPT_MS);
  }

  #write(action: string, change: () => void): void {
    guarded(this.#database.name, action, () => this.#database.transaction(change).immediate());
  }
}

function prepare(database: SqliteDatabase): void {
  migrate(database, LEDGER_VERSION_TABLE, LEDGER_MIGRATIONS);
}

function ledgerPath(stateDir: string): string {
  return join(stateDir, 'ledger.db');
}
