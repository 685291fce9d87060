/** What went to the trash, and what of it came back from elsewhere: by these, `history` tells of a session long after it is purged. */

import type { SessionId } from '../claude-dir/session-id.ts';
import type { RemovalRecord, ReturnedSession } from '../jobs/ledger-contracts.ts';
import { guarded, type SqliteDatabase } from '../sqlite/open.ts';
import { Statements } from '../sqlite/statements.ts';
import type { EarlierRemoval } from '../trash/drop-copies.ts';
import type { Audit } from './audit.ts';
import type { AuditEvent } from './audit-entry.ts';
import { missingTables } from './opening.ts';
import { LATER_TABLES } from './schema.ts';

export interface ReturningSessions {
  /** 1 where it was the same to the byte, 0 where it was another copy: then both stay in the trash. */
  readonly isSame: 0 | 1;
  readonly project: string | null;
  readonly sessions: number;
  /** How often the one came that came most often. */
  readonly times: number;
  readonly example: SessionId;
}

const RETURNS_LISTED = 5;
/**
 * Those that were removed again, as old as before: whoever resumes a session makes it younger. What was restored was brought back on
 * purpose; what came back to the byte is told by its own table.
 */
const OTHER_COPIES = `
  WITH restored AS MATERIALIZED (SELECT subject, at FROM audit WHERE what = 'restored'),
  again AS (
    SELECT late.session_id, late.project, count(DISTINCT late.trash_run) AS times
    FROM removals AS late JOIN removals AS earlier USING (session_id, claude_dir)
    WHERE claude_dir = @claudeDir AND late.removed_at >= @sinceMs AND earlier.trash_run < late.trash_run
      AND late.newest_mtime < earlier.removed_at AND earlier.removed_at < late.removed_at
      AND NOT EXISTS (
        SELECT 1 FROM restored
        WHERE subject = session_id AND at BETWEEN earlier.removed_at AND late.removed_at
      )
      AND session_id NOT IN (SELECT session_id FROM returned WHERE claude_dir = @claudeDir)
    GROUP BY session_id
  )
  SELECT 0 AS isSame, project, count(*) AS sessions, max(times) AS times, session_id AS example FROM again GROUP BY project`;
/** How many removals are kept at the most: some hundred megabytes. */
const REMOVALS_KEPT = 500_000;
const REMOVALS_FORGOTTEN_AT_ONCE = 50_000;

export class RemovalsTable {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
  readonly #audit: Audit;

  constructor(database: SqliteDatabase, audit: Audit) {
    this.#database = database;
    this.#statements = new Statements(database);
    this.#audit = audit;
  }

  /** What is noted already stays as it is. */
  record(removals: readonly RemovalRecord[]): void {
    if (removals.length === 0) return;
    this.#write('record removals in', () => {
      const recorded: RemovalRecord[] = [];
      const insert = this.#statements.get(
        `INSERT OR IGNORE INTO removals
         (session_id, claude_dir, trash_run, project, reason, files, bytes, newest_mtime, removed_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      );
      for (const removal of removals) {
        const { sessionId, claudeDir, trashRun, project, reason, files, bytes, newestMtimeMs, removedAtMs } = removal;
        const { changes } = insert.run(
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
        if (changes > 0) recorded.push(removal);
      }
      this.#audit.append(recorded.map(auditOf));
    });
  }

  earlier(claudeDir: string, run: string): readonly EarlierRemoval[] {
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

  /** Sessions that came back to a place as old as they had gone, by project: the most first. */
  returning(claudeDir: string, sinceMs: number): readonly ReturningSessions[] {
    return guarded(this.#database.name, 'read', () => {
      // A ledger that is only read may be of an earlier release.
      if (missingTables(this.#database, [...LATER_TABLES, 'audit']).length > 0) return [];
      return this.#statements
        .get(
          `SELECT 1 AS isSame, project, count(*) AS sessions, max(times) AS times, session_id AS example FROM returned
           WHERE claude_dir = @claudeDir AND last_at >= @sinceMs GROUP BY project
           UNION ALL SELECT * FROM (${OTHER_COPIES})
           ORDER BY times DESC, sessions DESC, project LIMIT ${RETURNS_LISTED}`,
        )
        .all({ claudeDir, sinceMs }) as ReturningSessions[];
    });
  }

  forget(untilMs: number): void {
    this.#statements.get('DELETE FROM removals WHERE removed_at < ?').run(untilMs);
    // A tree of millions that goes leaves no ledger of gigabytes; a part at a time, so that no run waits long for it.
    this.#statements
      .get(
        `DELETE FROM removals WHERE id <= (SELECT max(id) FROM removals) - ${REMOVALS_KEPT}
         AND id < (SELECT min(id) FROM removals) + ${REMOVALS_FORGOTTEN_AT_ONCE}`,
      )
      .run();
    this.#statements.get('DELETE FROM returned WHERE last_at < ?').run(untilMs);
  }

  #write(action: string, change: () => void): void {
    guarded(this.#database.name, action, () => this.#database.transaction(change).immediate());
  }
}

function auditOf({ sessionId, claudeDir, trashRun, reason, bytes, removedAtMs }: RemovalRecord): AuditEvent {
  return { what: 'removed', atMs: removedAtMs, subject: sessionId, place: claudeDir, run: trashRun, reason, bytes };
}
