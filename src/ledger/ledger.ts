/**
 * The worker's own record: runs, removals, the figures that metrics show, and swept rows. Lost, it costs history, the way back of those
 * rows, and no session.
 */

import { existsSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SessionId } from '../claude-dir/session-id.ts';
import type { MetricValue } from '../jobs/figures.ts';
import type { JobName, Outcome } from '../jobs/job-names.ts';
import type {
  ClockHistory,
  ClockHistoryStore,
  KnownIds,
  RemovalHistory,
  RemovalRecord,
  RemovalRecorder,
  ReturnedSession,
  ShieldedTime,
  ShieldedTimes,
  ShieldedTimesChange,
  TrashCache,
  TrueTimes,
} from '../jobs/ledger-contracts.ts';
import { isTaken } from '../sqlite/file-identity.ts';
import { checkVersion, migrate } from '../sqlite/migrate.ts';
import {
  CorruptError,
  guarded,
  openDatabaseForReading,
  openOwnDatabase,
  SIDE_FILES,
  type SqliteDatabase,
  withFileLock,
} from '../sqlite/open.ts';
import { Statements } from '../sqlite/statements.ts';
import type { EarlierRemoval } from '../trash/drop-copies.ts';
import type { KnownFolder, KnownFolders } from '../trash/known-folders.ts';
import { AnnouncedTable } from './announced.ts';
import { LATER_TABLES, LEDGER_MIGRATIONS, LEDGER_TABLES, LEDGER_VERSION_TABLE } from './schema.ts';
import { SeenSessionsTable } from './seen-sessions.ts';
import { SessionHistory } from './session-history.ts';
import { SweptRows } from './swept-rows.ts';

export interface FinishedRun {
  readonly job: JobName;
  readonly outcome: Outcome;
  /** Unix epoch ms. */
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

export interface RunRecord extends FinishedRun {
  /** The summary of the run; nothing that grows with the tree. */
  readonly report: object;
  /** Metrics that grow by this run. */
  readonly increments: readonly MetricValue[];
  /** Metrics that this run found anew. */
  readonly levels: readonly MetricValue[];
  /** All live sources that there are, where that is known, and the metrics that show each: of others, nothing is shown any more. */
  readonly sources?: { readonly names: readonly string[]; readonly metrics: readonly string[] };
}

export interface ReturningSessions {
  readonly project: string | null;
  readonly sessions: number;
  /** How often the one came that came most often. */
  readonly times: number;
  readonly example: SessionId;
}

const RETURNS_LISTED = 5;
/** How many runs of a job are kept: months of an hourly one. */
const RUNS_KEPT = 2_000;
/** How many removals are kept at the most: some hundred megabytes. */
const REMOVALS_KEPT = 500_000;
const REMOVALS_FORGOTTEN_AT_ONCE = 50_000;
/** How long removals and what is known of a place are kept: long after the trash is purged, or the place is gone. */
const HISTORY_KEPT_MS = 400 * 86_400_000;

export class Ledger implements RemovalRecorder, TrashCache, RemovalHistory, TrueTimes, ClockHistoryStore {
  readonly sweptRows: SweptRows;
  readonly seenSessions: SeenSessionsTable;
  readonly sessionHistory: SessionHistory;
  readonly announcements: AnnouncedTable;
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;

  private constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = new Statements(database);
    this.sweptRows = new SweptRows(database);
    this.seenSessions = new SeenSessionsTable(database);
    this.sessionHistory = new SessionHistory(database);
    this.announcements = new AnnouncedTable(database);
  }

  /** @throws OperatingError `bad-data`, `unavailable`, `io` */
  static open(stateDir: string, wait: { readonly busyTimeoutMs?: number } = {}): Ledger {
    const database = openOwnDatabase(ledgerPath(stateDir), prepare, wait);
    return Ledger.#opened(database, () => prepare(database));
  }

  static #opened(database: SqliteDatabase, check: () => void): Ledger {
    try {
      guarded(database.name, 'open', () => {
        check();
        throwIfIncomplete(database);
      });
      return new Ledger(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /**
   * Opens the ledger, or begins a new one where it is damaged: what lies in the trash is written into it by the next prune.
   * @param onSetAside is told the name under which the damaged one is kept
   * @throws OperatingError `bad-data` (from a newer release), `unavailable`, `io`
   */
  static openOrBegin(stateDir: string, onSetAside: (name: string) => void): Ledger {
    try {
      return Ledger.#openSound(stateDir);
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
    }
    return withFileLock(join(stateDir, 'ledger.lock'), () => {
      try {
        // Another process may have begun a new one meanwhile.
        return Ledger.#openSound(stateDir);
      } catch (error) {
        if (!(error instanceof CorruptError)) throw error;
        onSetAside(setAside(ledgerPath(stateDir)));
        return Ledger.open(stateDir);
      }
    });
  }

  static #openSound(stateDir: string): Ledger {
    const ledger = Ledger.open(stateDir);
    const database = ledger.#database;
    try {
      const verdict = guarded(database.name, 'check', () => database.pragma('quick_check(1)', { simple: true }));
      if (verdict !== 'ok') throw new CorruptError(`check database ${database.name}: ${String(verdict)}`);
      return ledger;
    } catch (error) {
      ledger.close();
      throw error;
    }
  }

  /** Undefined where there is none yet; no byte on disk changes. */
  static openForReading(stateDir: string): Ledger | undefined {
    const path = ledgerPath(stateDir);
    if (!isTaken(path)) return undefined;
    const database = openDatabaseForReading(path);
    return Ledger.#opened(database, () => checkVersion(database, LEDGER_VERSION_TABLE, LEDGER_MIGRATIONS));
  }

  recordRun(run: RunRecord): void {
    this.#write('record a run in', () => {
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
      this.#forget(run);
    });
  }

  recordRemovals(removals: readonly RemovalRecord[]): void {
    if (removals.length === 0) return;
    this.#write('record removals in', () => {
      const insert = this.#statements.get(
        `INSERT OR IGNORE INTO removals
         (session_id, claude_dir, trash_run, project, reason, files, bytes, newest_mtime, removed_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      );
      for (const {
        sessionId,
        claudeDir,
        trashRun,
        project,
        reason,
        files,
        bytes,
        newestMtimeMs,
        removedAtMs,
      } of removals)
        insert.run(
          sessionId,
          claudeDir,
          trashRun,
          project ?? null,
          reason,
          files,
          bytes,
          Math.floor(newestMtimeMs),
          removedAtMs,
        );
    });
  }

  earlierRemovals(claudeDir: string, run: string): readonly EarlierRemoval[] {
    return guarded(this.#database.name, 'read', () => {
      return this.#statements
        .get(
          `SELECT earlier.session_id AS sessionId, earlier.trash_run AS run FROM removals AS late
           JOIN removals AS earlier USING (session_id, claude_dir, files, bytes)
           WHERE late.claude_dir = @claudeDir AND late.trash_run = @run AND earlier.trash_run < @run`,
        )
        .all({ claudeDir, run }) as EarlierRemoval[];
    });
  }

  recordReturned(claudeDir: string, sessions: readonly ReturnedSession[], nowMs: number): void {
    this.#write('record what came back in', () => {
      const insert = this.#statements.get(
        `INSERT INTO returned (claude_dir, session_id, project, times, last_at) VALUES (?, ?, ?, 1, ?)
         ON CONFLICT DO UPDATE SET times = times + 1, last_at = excluded.last_at, project = excluded.project`,
      );
      for (const { sessionId, project } of sessions) insert.run(claudeDir, sessionId, project ?? null, nowMs);
    });
  }

  /** Sessions that came back to a place as they had gone, by project: the most first. */
  returningSessions(claudeDir: string, sinceMs: number): readonly ReturningSessions[] {
    return guarded(this.#database.name, 'read', () => {
      // A ledger that is only read may be of an earlier release.
      if (missingTables(this.#database, LATER_TABLES).length > 0) return [];
      return this.#statements
        .get(
          `SELECT project, count(*) AS sessions, max(times) AS times, session_id AS example FROM returned
           WHERE claude_dir = @claudeDir AND last_at >= @sinceMs
           GROUP BY project ORDER BY times DESC, sessions DESC, project LIMIT ${RETURNS_LISTED}`,
        )
        .all({ claudeDir, sinceMs }) as ReturningSessions[];
    });
  }

  knownFolders(claudeDir: string): KnownFolders {
    const rows = guarded(this.#database.name, 'read', () => {
      return this.#statements
        .get('SELECT run, manifest, sessions, bytes FROM trash_runs WHERE claude_dir = ?')
        .all(claudeDir) as (KnownFolder & { readonly run: string })[];
    });
    return new Map(rows.map(({ run, ...known }) => [run, known]));
  }

  recordKnownFolders(claudeDir: string, runs: KnownFolders): void {
    this.#write('record what the trash holds in', () => {
      this.#statements.get('DELETE FROM trash_runs WHERE claude_dir = ?').run(claudeDir);
      const insert = this.#statements.get('INSERT INTO trash_runs VALUES (?, ?, ?, ?, ?)');
      for (const [run, { manifest, sessions, bytes }] of runs) insert.run(claudeDir, run, manifest, sessions, bytes);
    });
  }

  shieldedTimes(claudeDir: string): ShieldedTimes {
    const rows = guarded(this.#database.name, 'read', () => {
      return this.#statements
        .get(
          'SELECT session_id AS sessionId, used_at AS usedAtMs, set_to AS setToMs FROM shielded WHERE claude_dir = ?',
        )
        .all(claudeDir) as (ShieldedTime & { readonly sessionId: SessionId })[];
    });
    return new Map(rows.map(({ sessionId, ...time }) => [sessionId, time]));
  }

  changeShieldedTimes(claudeDir: string, { set, forgotten }: ShieldedTimesChange): void {
    if (set.size === 0 && forgotten.length === 0) return;
    this.#write('record true times in', () => {
      const remove = this.#statements.get('DELETE FROM shielded WHERE claude_dir = ? AND session_id = ?');
      for (const sessionId of forgotten) remove.run(claudeDir, sessionId);
      const insert = this.#statements.get('INSERT OR REPLACE INTO shielded VALUES (?, ?, ?, ?)');
      for (const [sessionId, { usedAtMs, setToMs }] of set) insert.run(claudeDir, sessionId, usedAtMs, setToMs);
    });
  }

  clockHistory(): ClockHistory | undefined {
    const history = guarded(this.#database.name, 'read', () => {
      return this.#statements.get('SELECT history FROM clock WHERE id = 1').pluck().get();
    });
    return typeof history === 'string' ? (JSON.parse(history) as ClockHistory) : undefined;
  }

  recordClockHistory(history: ClockHistory): void {
    this.#write('record the time in', () => {
      this.#statements.get('INSERT OR REPLACE INTO clock (id, history) VALUES (1, ?)').run(JSON.stringify(history));
    });
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

  knownSessions(place: string): number | undefined {
    return guarded(this.#database.name, 'read', () => {
      return this.#statements.get('SELECT sessions FROM known_sessions WHERE place = ?').pluck().get(place) as
        | number
        | undefined;
    });
  }

  recordKnownSessions(place: string, sessions: number, nowMs: number): void {
    this.#write('record how many sessions are left in', () => {
      this.#statements.get('INSERT OR REPLACE INTO known_sessions VALUES (?, ?, ?)').run(place, sessions, nowMs);
    });
  }

  massNoticedAtMs(place: string): number | undefined {
    return guarded(this.#database.name, 'read', () => {
      return this.#statements.get('SELECT noticed_at FROM mass_notices WHERE place = ?').pluck().get(place) as
        | number
        | undefined;
    });
  }

  noteMass(place: string, noticedAtMs: number | undefined): void {
    if (noticedAtMs === this.massNoticedAtMs(place)) return;
    this.#write('record a notice in', () => {
      if (noticedAtMs === undefined) this.#statements.get('DELETE FROM mass_notices WHERE place = ?').run(place);
      else this.#statements.get('INSERT OR REPLACE INTO mass_notices VALUES (?, ?)').run(place, noticedAtMs);
    });
  }

  knownIds(source: string): KnownIds | undefined {
    return guarded(this.#database.name, 'read', () => {
      return this.#statements
        .get('SELECT ids, dropped_on_purpose AS droppedOnPurpose, read_at AS readAtMs FROM known_ids WHERE source = ?')
        .get(source) as KnownIds | undefined;
    });
  }

  recordKnownIds(source: string, { ids, droppedOnPurpose, readAtMs }: KnownIds): void {
    this.#write('record what a live source names in', () => {
      this.#statements
        .get('INSERT OR REPLACE INTO known_ids VALUES (?, ?, ?, ?)')
        .run(source, ids, droppedOnPurpose, readAtMs);
    });
  }

  close(): void {
    this.#database.close();
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
    const keptFromMs = run.finishedAtMs - HISTORY_KEPT_MS;
    this.#statements.get('DELETE FROM removals WHERE removed_at < ?').run(keptFromMs);
    // A tree of millions that goes leaves no ledger of gigabytes; a part at a time, so that no run waits long for it.
    this.#statements
      .get(
        `DELETE FROM removals WHERE id <= (SELECT max(id) FROM removals) - ${REMOVALS_KEPT}
         AND id < (SELECT min(id) FROM removals) + ${REMOVALS_FORGOTTEN_AT_ONCE}`,
      )
      .run();
    this.#statements.get('DELETE FROM known_sessions WHERE seen_at < ?').run(keptFromMs);
    this.#statements.get('DELETE FROM returned WHERE last_at < ?').run(keptFromMs);
    this.sweptRows.forgetRestored(keptFromMs);
    this.seenSessions.forget(keptFromMs);
    this.announcements.forget(keptFromMs);
  }

  #write(action: string, change: () => void): void {
    guarded(this.#database.name, action, () => this.#database.transaction(change).immediate());
  }
}

function prepare(database: SqliteDatabase): void {
  migrate(database, LEDGER_VERSION_TABLE, LEDGER_MIGRATIONS);
}

/** @throws CorruptError where a table is gone: every run would fail by it, and not say why */
function throwIfIncomplete(database: SqliteDatabase): void {
  const missing = missingTables(database, LEDGER_TABLES);
  if (missing.length === 0) return;
  throw new CorruptError(`open ledger ${database.name}: it lacks the table ${missing.join(', ')}`);
}

function missingTables(database: SqliteDatabase, wanted: readonly string[]): readonly string[] {
  const tables = database.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).pluck().all();
  return wanted.filter((table) => !tables.includes(table));
}

export function ledgerPath(stateDir: string): string {
  return join(stateDir, 'ledger.db');
}

/** Kept, since it may hold what the manifests of the trash do not: history. @returns its new name */
function setAside(path: string): string {
  const aside = `${path}.damaged-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}`;
  guarded(path, 'set aside', () => {
    for (const suffix of SIDE_FILES) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  });
  return basename(aside);
}
