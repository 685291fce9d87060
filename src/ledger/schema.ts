/** The tables of the ledger. Each entry brings it one version further. Append; never edit. */

export const LEDGER_VERSION_TABLE = 'versions';

export const LEDGER_MIGRATIONS: readonly string[] = [
  `CREATE TABLE runs (
     id INTEGER PRIMARY KEY,
     job TEXT NOT NULL,
     outcome TEXT NOT NULL,
     started_at INTEGER NOT NULL,
     finished_at INTEGER NOT NULL,
     report TEXT NOT NULL
   );
   CREATE INDEX runs_by_job ON runs (job, started_at);
   CREATE TABLE removals (
     id INTEGER PRIMARY KEY,
     session_id TEXT NOT NULL,
     trash_run TEXT NOT NULL,
     project TEXT,
     reason TEXT NOT NULL,
     files INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     newest_mtime INTEGER NOT NULL,
     removed_at INTEGER NOT NULL
   );
   CREATE INDEX removals_by_session ON removals (session_id);
   CREATE INDEX removals_by_time ON removals (removed_at);
   CREATE TABLE metrics (
     name TEXT NOT NULL,
     label TEXT NOT NULL,
     value REAL NOT NULL,
     PRIMARY KEY (name, label)
   ) WITHOUT ROWID;`,
];
