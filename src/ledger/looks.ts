/** What the ledger shows to whoever looks on: how the last runs went, what they have seen, and what went day by day. Bounded, whatever it holds. */

import type { JobName } from '../jobs/job-names.ts';
import { guarded, type SqliteDatabase } from '../sqlite/open.ts';
import { Statements } from '../sqlite/statements.ts';
import type { FinishedRun } from './runs.ts';

/** A run as it was written down. */
export interface ReportedRun extends FinishedRun {
  /** As `summaryOfRun` made it; what an earlier release has written may lack anything. */
  readonly report: unknown;
}

export interface Look {
  /** When the run ended, Unix epoch ms. */
  readonly atMs: number;
  readonly content: unknown;
}

/** What one day of UTC moved to the trash, and what of the trash it destroyed. */
export interface DayOfBytes {
  /** `2026-11-21` */
  readonly day: string;
  readonly removedBytes: number;
  readonly purgedBytes: number;
}

export class Looks {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;

  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = new Statements(database);
  }

  /** One that was skipped did not look. */
  lastReport(job: JobName): ReportedRun | undefined {
    return this.#reading(() => {
      const row = this.#statements
        .get(
          `SELECT job, outcome, started_at AS startedAtMs, finished_at AS finishedAtMs, report FROM runs
           WHERE job = ? AND outcome <> 'skipped' ORDER BY id DESC LIMIT 1`,
        )
        .get(job) as (FinishedRun & { readonly report: string }) | undefined;
      return row && { ...row, report: parsed(row.report) };
    });
  }

  /** What the last whole run of a job has seen, where it was to. */
  last(job: JobName): Look | undefined {
    return this.#reading(() => {
      const row = this.#statements.get('SELECT at AS atMs, content FROM looks WHERE job = ?').get(job);
      const found = row as { readonly atMs: number; readonly content: string } | undefined;
      return found && { atMs: found.atMs, content: parsed(found.content) };
    });
  }

  /** Days on which nothing went are left out; by what runs have written down, of which some thousand are kept. */
  days(sinceMs: number): readonly DayOfBytes[] {
    return this.#reading(() => {
      return this.#statements
        .get(
          `SELECT date(finished_at / 1000, 'unixepoch') AS day,
             sum(coalesce(json_extract(report, '$.removed.bytes'), 0)) AS removedBytes,
             sum(coalesce(json_extract(report, '$.purged.bytes'), 0)) AS purgedBytes
           FROM runs WHERE job IN ('prune-transcripts', 'purge-trash', 'remove', 'apply') AND started_at >= ?
           GROUP BY day HAVING removedBytes + purgedBytes > 0 ORDER BY day`,
        )
        .all(sinceMs) as DayOfBytes[];
    });
  }

  /** By Claude directory and folder of the trash, as the last run left them. */
  trashFolders(): readonly TrashFolderAmount[] {
    return this.#reading(() => {
      return this.#statements
        .get(
          `SELECT claude_dir AS claudeDir, run AS folder, sessions, bytes FROM trash_runs
           ORDER BY run LIMIT ${FOLDERS_LISTED + 1}`,
        )
        .all() as TrashFolderAmount[];
    });
  }

  #reading<T>(read: () => T): T {
    return guarded(this.#database.name, 'read', read);
  }
}

/** More than a trash of months has. */
export const FOLDERS_LISTED = 200;

export interface TrashFolderAmount {
  readonly claudeDir: string;
  /** `20261121T041700Z`, with a suffix where a second has several. */
  readonly folder: string;
  readonly sessions: number;
  readonly bytes: number;
}

/** What a person has written into it is nobody's. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
