/** What the ledger remembers of single sessions, also of those that are purged: what happened to each, when, why, and by which run. */

import type { SessionId } from '../claude-dir/session-id.ts';
import { guarded, type SqliteDatabase } from '../sqlite/open.ts';
import { Statements } from '../sqlite/statements.ts';

export interface SessionEvent {
  readonly sessionId: SessionId;
  /**
   * `removed` to the trash, `restored` from it, `purged`: destroyed there; `swept`: a row that resumed it left the resume map; `vanished`:
   * gone, and not by this program.
   */
  readonly what: 'removed' | 'restored' | 'purged' | 'swept' | 'vanished';
  /** Unix epoch ms. */
  readonly atMs: number;
  /** Of what was restored or purged: the command or the schedule that asked for it. */
  readonly reason: string;
  /** The Claude directory, the session store or the resume map. */
  readonly place: string;
  readonly project: string | null;
  /** The folder of the trash that a run has made, by which the run is named. */
  readonly run: string | null;
  readonly bytes: number | null;
}

export interface RunRemovals {
  readonly run: string;
  readonly sessions: number;
}

/** A run of a job, as the ledger knows it; Unix epoch ms. */
export interface RunSpan {
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

/** A run reckons by the time since the machine was booted, which is told in hundredths of a second: so much later a stamp may be than its end by the wall clock. */
const CLOCKS_APART_MS = 20;

/** Between which times what a run has done is stamped, Unix epoch ms. */
export function stampsOf({ startedAtMs, finishedAtMs }: RunSpan): {
  readonly fromMs: number;
  readonly untilMs: number;
} {
  return { fromMs: startedAtMs, untilMs: finishedAtMs + CLOCKS_APART_MS };
}

const REMOVED = `SELECT session_id AS sessionId, 'removed' AS what, removed_at AS atMs, reason, claude_dir AS place, project,
  trash_run AS run, bytes FROM removals`;
const SWEPT = `SELECT session_id AS sessionId, 'swept' AS what, swept_at AS atMs, reason, map AS place, NULL AS project,
  NULL AS run, NULL AS bytes FROM swept_rows`;
/** What only the audit knows. */
const AUDITED = `SELECT subject AS sessionId, what, at AS atMs, json_extract(actors.actor, '$.command') AS reason, coalesce(place, '') AS place,
  NULL AS project, run, bytes FROM audit JOIN actors ON actors.id = audit.actor AND json_valid(actors.actor)
  WHERE what IN ('restored', 'purged')`;
const VANISHED = `SELECT session_id AS sessionId, 'vanished' AS what, noticed_at AS atMs, cause AS reason, claude_dir AS place, project,
  NULL AS run, NULL AS bytes FROM vanished`;

export class SessionHistory {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
  /** Of an earlier release that is only read, there is less to tell. */
  readonly #sources: readonly string[];

  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = new Statements(database);
    this.#sources = guarded(database.name, 'read', () => {
      const tables = database.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).pluck().all();
      const later = { swept_rows: SWEPT, vanished: VANISHED, audit: AUDITED };
      return [REMOVED, ...Object.entries(later).flatMap(([table, query]) => (tables.includes(table) ? [query] : []))];
    });
  }

  /** Every session of which something is known. */
  ids(): readonly SessionId[] {
    return this.#read(
      this.#sources.map((source) => `SELECT DISTINCT sessionId FROM (${source})`).join(' UNION '),
      {},
      true,
    );
  }

  /** The earliest first. */
  ofSession(sessionId: SessionId): readonly SessionEvent[] {
    const each = this.#sources.map((source) => `SELECT * FROM (${source}) WHERE sessionId = @sessionId`);
    return this.#read(`${each.join(' UNION ALL ')} ORDER BY atMs`, { sessionId });
  }

  /** What one run took. */
  ofRun(run: string): readonly SessionEvent[] {
    return this.#read(`${REMOVED} WHERE trash_run = @run ORDER BY removed_at, session_id`, { run });
  }

  /** The runs of the trash that were made while a job was at work, with what each took. */
  runsDuring(run: RunSpan): readonly RunRemovals[] {
    const { fromMs, untilMs } = stampsOf(run);
    return this.#read(
      `SELECT trash_run AS run, count(*) AS sessions FROM removals
       WHERE removed_at BETWEEN @fromMs AND @untilMs GROUP BY trash_run ORDER BY trash_run`,
      { fromMs, untilMs },
    );
  }

  #read<T>(query: string, values: object, isOneColumn = false): readonly T[] {
    return guarded(this.#database.name, 'read', () => {
      return this.#statements.get(query).pluck(isOneColumn).all(values) as T[];
    });
  }
}
