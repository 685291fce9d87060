/**
 * The worker's own record: runs, removals, the figures that metrics show, swept rows, and the audit. Lost, it costs history, the way back
 * of those rows, and no session.
 */

import type { SessionId } from '../claude-dir/session-id.ts';
import type { MetricValue } from '../jobs/figures.ts';
import type { JobName, Outcome } from '../jobs/job-names.ts';
import type {
  ClockHistory,
  ClockHistoryStore,
  KnownIds,
  PurgedSession,
  PurgeRecorder,
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
import type { Requester } from '../process/actor.ts';
import { guarded, type SqliteDatabase } from '../sqlite/open.ts';
import { Statements } from '../sqlite/statements.ts';
import type { EarlierRemoval } from '../trash/drop-copies.ts';
import type { KnownFolder, KnownFolders } from '../trash/known-folders.ts';
import { AnnouncedTable } from './announced.ts';
import { Audit } from './audit.ts';
import { Looks } from './looks.ts';
import { type LedgerWait, openLedgerFile, openLedgerFileForReading, openSoundLedgerFile } from './opening.ts';
import { RemovalsTable, type ReturningSessions } from './removals.ts';
import { type FinishedRun, type RunRecord, RunsTable } from './runs.ts';
import { SeenSessionsTable } from './seen-sessions.ts';
import { SessionHistory } from './session-history.ts';
import { SweptRows } from './swept-rows.ts';

/** How long removals and what is known of a place are kept: long after the trash is purged, or the place is gone. */
const HISTORY_KEPT_MS = 400 * 86_400_000;
/** Whoever does not say for whom it opens the ledger. */
const SOME_PROGRAM: Requester = { by: 'code', command: 'Ledger' };

export class Ledger
  implements RemovalRecorder, PurgeRecorder, TrashCache, RemovalHistory, TrueTimes, ClockHistoryStore
{
  readonly audit: Audit;
  readonly sweptRows: SweptRows;
  readonly seenSessions: SeenSessionsTable;
  readonly sessionHistory: SessionHistory;
  readonly announcements: AnnouncedTable;
  readonly looks: Looks;
  readonly #runs: RunsTable;
  readonly #removals: RemovalsTable;
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;

  private constructor(database: SqliteDatabase, requester: Requester) {
    this.#database = database;
    this.#statements = new Statements(database);
    this.audit = new Audit(database, requester);
    this.sweptRows = new SweptRows(database, this.audit);
    this.seenSessions = new SeenSessionsTable(database);
    this.sessionHistory = new SessionHistory(database);
    this.announcements = new AnnouncedTable(database);
    this.looks = new Looks(database);
    this.#runs = new RunsTable(database, this.audit);
    this.#removals = new RemovalsTable(database, this.audit);
  }

  /** @throws OperatingError `bad-data`, `unavailable`, `io` */
  static open(stateDir: string, wait: LedgerWait = {}, requester: Requester = SOME_PROGRAM): Ledger {
    return new Ledger(openLedgerFile(stateDir, wait), requester);
  }

  /**
   * Opens the ledger, or begins a new one where it is damaged: what lies in the trash is written into it by the next prune.
   * @param onSetAside is told the name under which the damaged one is kept
   * @throws OperatingError `bad-data` (from a newer release), `unavailable`, `io`
   */
  static openOrBegin(
    stateDir: string,
    onSetAside: (name: string) => void,
    requester: Requester = SOME_PROGRAM,
  ): Ledger {
    return new Ledger(openSoundLedgerFile(stateDir, onSetAside), requester);
  }

  /** Undefined where there is none yet; no byte on disk changes. */
  static openForReading(stateDir: string): Ledger | undefined {
    const database = openLedgerFileForReading(stateDir);
    return database && new Ledger(database, SOME_PROGRAM);
  }

  recordRun(run: RunRecord): void {
    // Only a prune that no guard held has gone by a clock that is believed: a wrong one would have all of the history be too old.
    const isClockBelieved = run.job === 'prune-transcripts' && (run.outcome === 'ok' || run.outcome === 'partial');
    this.#runs.record(run, () => this.#forget(isClockBelieved ? run.finishedAtMs - HISTORY_KEPT_MS : 0));
  }

  recordRemovals(removals: readonly RemovalRecord[]): void {
    if (removals.length > 0) this.#removals.record(removals);
  }

  recordPurges(place: string, sessions: readonly PurgedSession[], atMs: number): void {
    const events = sessions.map(({ sessionId, bytes }) => {
      return { what: 'purged', atMs, subject: sessionId, place, run: null, reason: null, bytes } as const;
    });
    this.audit.record(events);
  }

  earlierRemovals(claudeDir: string, run: string): readonly EarlierRemoval[] {
    return this.#removals.earlier(claudeDir, run);
  }

  recordReturned(claudeDir: string, sessions: readonly ReturnedSession[], nowMs: number): void {
    this.#removals.recordReturned(claudeDir, sessions, nowMs);
  }

  /** Sessions that came back to a place as they had gone, by project: the most first. */
  returningSessions(claudeDir: string, sinceMs: number): readonly ReturningSessions[] {
    return this.#removals.returning(claudeDir, sinceMs);
  }

  /** The latest runs of all jobs, the latest first. */
  lastRuns(count: number): readonly FinishedRun[] {
    return this.#runs.lastRuns(count);
  }

  /** The latest run of a job, or the latest of one outcome. */
  lastRun(job: JobName, outcome?: Outcome): FinishedRun | undefined {
    return this.#runs.lastRun(job, outcome);
  }

  /**
   * When the latest run of a job began that came to its end with one of the given outcomes: one that was broken off is not through.
   * @param untilMs Unix epoch ms; later ones were written by a clock that was wrong
   */
  lastWholeRunMs(job: JobName, outcomes: readonly Outcome[], untilMs: number): number | undefined {
    return this.#runs.lastWholeRunMs(job, outcomes, untilMs);
  }

  metrics(): readonly MetricValue[] {
    return this.#runs.metrics();
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

  massNoticedAtMs(place: string, nowMs: number): number | undefined {
    const notedAtMs = this.#notedAtMs(place);
    return notedAtMs === undefined ? undefined : Math.min(notedAtMs, nowMs);
  }

  #notedAtMs(place: string): number | undefined {
    return guarded(this.#database.name, 'read', () => {
      return this.#statements.get('SELECT noticed_at FROM mass_notices WHERE place = ?').pluck().get(place) as
        | number
        | undefined;
    });
  }

  noteMass(place: string, noticedAtMs: number | undefined): void {
    if (noticedAtMs === this.#notedAtMs(place)) return;
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

  #forget(untilMs: number): void {
    this.#removals.forget(untilMs);
    this.#statements.get('DELETE FROM known_sessions WHERE seen_at < ?').run(untilMs);
    this.sweptRows.forgetRestored(untilMs);
    this.seenSessions.forget(untilMs);
    this.announcements.forget(untilMs);
    this.audit.forget(untilMs);
  }

  #write(action: string, change: () => void): void {
    guarded(this.#database.name, action, () => this.#database.transaction(change).immediate());
  }
}
