/**
 * Which sessions the last whole scan of a Claude directory saw, and which of them have gone since though no run of ours removed them: 18
 * bytes for each session that is there.
 */

import type { SessionId } from '../claude-dir/session-id.ts';
import type { SeenProject, SeenScan, SeenSessions, VanishedSession } from '../jobs/ledger-contracts.ts';
import { guarded, type SqliteDatabase } from '../sqlite/open.ts';
import { Statements } from '../sqlite/statements.ts';

const VANISHED = `SELECT claude_dir AS claudeDir, session_id AS sessionId, project, written_at AS writtenAtMs, seen_at AS seenAtMs,
  noticed_at AS noticedAtMs, cause FROM vanished`;

export class SeenSessionsTable implements SeenSessions {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;
  /** A ledger of an older release that is only read has none. */
  readonly #isThere: boolean;

  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = new Statements(database);
    this.#isThere = guarded(database.name, 'read', () => {
      return database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'vanished'`).get() !== undefined;
    });
  }

  lastScan(claudeDir: string): SeenScan | undefined {
    return guarded(this.#database.name, 'read', () => {
      return this.#statements
        .get('SELECT token, seen_at AS seenAtMs, last_removal AS lastRemoval FROM seen_scans WHERE claude_dir = ?')
        .get(claudeDir) as SeenScan | undefined;
    });
  }

  seenIn(claudeDir: string): readonly SeenProject[] {
    return guarded(this.#database.name, 'read', () => {
      return this.#statements
        .get('SELECT project, sessions FROM seen_sessions WHERE claude_dir = ?')
        .all(claudeDir) as SeenProject[];
    });
  }

  removedSince(claudeDir: string, { lastRemoval }: SeenScan): ReadonlySet<SessionId> {
    const ids = guarded(this.#database.name, 'read', () => {
      return this.#statements
        .get('SELECT session_id FROM removals WHERE id > ? AND claude_dir = ?')
        .pluck()
        .all(lastRemoval, claudeDir) as SessionId[];
    });
    return new Set(ids);
  }

  recordSeen(
    claudeDir: string,
    { token, seenAtMs }: Omit<SeenScan, 'lastRemoval'>,
    projects: readonly SeenProject[],
  ): void {
    this.#write('record what is there in', () => {
      const before = new Map(this.seenIn(claudeDir).map(({ project, sessions }) => [project, sessions]));
      const put = this.#statements.get('INSERT OR REPLACE INTO seen_sessions VALUES (?, ?, ?)');
      for (const { project, sessions } of projects) {
        // Most projects are as they were the day before.
        if (before.get(project)?.equals(sessions) !== true) put.run(claudeDir, project, sessions);
        before.delete(project);
      }
      const remove = this.#statements.get('DELETE FROM seen_sessions WHERE claude_dir = ? AND project = ?');
      for (const project of before.keys()) remove.run(claudeDir, project);
      this.#statements
        .get('INSERT OR REPLACE INTO seen_scans VALUES (?, ?, ?, (SELECT coalesce(max(id), 0) FROM removals))')
        .run(claudeDir, token, seenAtMs);
    });
  }

  recordVanished(sessions: readonly VanishedSession[]): void {
    if (sessions.length === 0) return;
    this.#write('record what has gone in', () => {
      const insert = this.#statements.get('INSERT OR REPLACE INTO vanished VALUES (?, ?, ?, ?, ?, ?, ?)');
      for (const { claudeDir, sessionId, project, writtenAtMs, seenAtMs, noticedAtMs, cause } of sessions) {
        insert.run(claudeDir, sessionId, project, writtenAtMs, seenAtMs, noticedAtMs, cause);
      }
    });
  }

  forgetVanished(claudeDir: string, ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.#write('record what has come back in', () => {
      const remove = this.#statements.get('DELETE FROM vanished WHERE claude_dir = ? AND session_id = ?');
      for (const id of ids) remove.run(claudeDir, id);
    });
  }

  /** Those of one Claude directory or of all, the latest first. */
  vanished(claudeDir?: string): readonly VanishedSession[] {
    if (!this.#isThere) return [];
    return guarded(this.#database.name, 'read', () => {
      return this.#statements
        .get(`${VANISHED} WHERE ? IS NULL OR claude_dir = ? ORDER BY noticed_at DESC, written_at DESC`)
        .all(claudeDir ?? null, claudeDir ?? null) as VanishedSession[];
    });
  }

  /** What was last looked at, or noticed, before then: the directory may be gone. */
  forget(untilMs: number): void {
    this.#statements.get('DELETE FROM vanished WHERE noticed_at < ?').run(untilMs);
    this.#statements
      .get('DELETE FROM seen_sessions WHERE claude_dir IN (SELECT claude_dir FROM seen_scans WHERE seen_at < ?)')
      .run(untilMs);
    this.#statements.get('DELETE FROM seen_scans WHERE seen_at < ?').run(untilMs);
  }

  #write(action: string, change: () => void): void {
    guarded(this.#database.name, action, () => this.#database.transaction(change).immediate());
  }
}
