/** The tables of the ledger. Each entry of the migrations brings it one version further. Append; never edit. */

export const LEDGER_VERSION_TABLE = 'versions';
/** Every one of them is needed: without it, runs would fail. */
export const LEDGER_TABLES = [
  'runs',
  'removals',
  'metrics',
  'known_sessions',
  'mass_notices',
  'known_ids',
  'clock',
  'shielded',
  'trash_runs',
] as const;

/** Of later versions: a ledger that is only read may lack them. */
export const LATER_TABLES = [
  'returned',
  'swept_rows',
  'seen_scans',
  'seen_sessions',
  'vanished',
  'announced',
  'audit',
  'audit_ends',
  'actors',
  'looks',
] as const;

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
     claude_dir TEXT NOT NULL,
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
   CREATE UNIQUE INDEX removals_once ON removals (claude_dir, trash_run, session_id);
   CREATE TABLE metrics (
     name TEXT NOT NULL,
     label TEXT NOT NULL,
     value REAL NOT NULL,
     PRIMARY KEY (name, label)
   ) WITHOUT ROWID;
   CREATE TABLE known_sessions (
     place TEXT PRIMARY KEY,
     sessions INTEGER NOT NULL,
     seen_at INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE mass_notices (
     place TEXT PRIMARY KEY,
     noticed_at INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE known_ids (
     source TEXT PRIMARY KEY,
     ids INTEGER NOT NULL,
     dropped_on_purpose INTEGER NOT NULL,
     read_at INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE clock (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     history TEXT NOT NULL
   );
   CREATE TABLE shielded (
     claude_dir TEXT NOT NULL,
     session_id TEXT NOT NULL,
     used_at REAL NOT NULL,
     set_to REAL NOT NULL,
     PRIMARY KEY (claude_dir, session_id)
   ) WITHOUT ROWID;
   CREATE TABLE trash_runs (
     claude_dir TEXT NOT NULL,
     run TEXT NOT NULL,
     manifest TEXT NOT NULL,
     sessions INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     PRIMARY KEY (claude_dir, run)
   ) WITHOUT ROWID;`,
  `CREATE TABLE returned (
     claude_dir TEXT NOT NULL,
     session_id TEXT NOT NULL,
     project TEXT,
     times INTEGER NOT NULL,
     last_at INTEGER NOT NULL,
     PRIMARY KEY (claude_dir, session_id)
   ) WITHOUT ROWID;`,
  `CREATE TABLE swept_rows (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     map TEXT NOT NULL,
     run_at INTEGER NOT NULL,
     key TEXT NOT NULL,
     session_id TEXT NOT NULL,
     last_used_at REAL,
     reason TEXT NOT NULL,
     content TEXT NOT NULL,
     swept_at INTEGER NOT NULL,
     restored_at INTEGER
   );
   CREATE INDEX swept_rows_by_key ON swept_rows (map, key);
   CREATE INDEX swept_rows_by_run ON swept_rows (map, run_at);`,
  `CREATE TABLE seen_scans (
     claude_dir TEXT PRIMARY KEY,
     token TEXT NOT NULL,
     seen_at INTEGER NOT NULL,
     last_removal INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE seen_sessions (
     claude_dir TEXT NOT NULL,
     project TEXT NOT NULL,
     sessions BLOB NOT NULL,
     PRIMARY KEY (claude_dir, project)
   );
   CREATE TABLE vanished (
     claude_dir TEXT NOT NULL,
     session_id TEXT NOT NULL,
     project TEXT NOT NULL,
     written_at INTEGER NOT NULL,
     seen_at INTEGER NOT NULL,
     noticed_at INTEGER NOT NULL,
     cause TEXT NOT NULL,
     PRIMARY KEY (claude_dir, session_id)
   ) WITHOUT ROWID;`,
  `CREATE TABLE announced (
     place TEXT NOT NULL,
     session TEXT NOT NULL,
     announced_at INTEGER NOT NULL,
     PRIMARY KEY (place, session)
   ) WITHOUT ROWID;`,
  `CREATE TABLE audit (
     number INTEGER PRIMARY KEY,
     at INTEGER NOT NULL,
     what TEXT NOT NULL,
     subject TEXT NOT NULL,
     place TEXT,
     run TEXT,
     reason TEXT,
     bytes INTEGER,
     actor INTEGER NOT NULL,
     hash BLOB NOT NULL
   );
   CREATE TABLE audit_ends (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     anchor_number INTEGER NOT NULL,
     anchor_hash TEXT NOT NULL,
     head_number INTEGER NOT NULL,
     head_hash TEXT NOT NULL
   );
   CREATE TABLE actors (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     actor TEXT NOT NULL UNIQUE
   );`,
  `CREATE TABLE looks (
     job TEXT PRIMARY KEY,
     at INTEGER NOT NULL,
     content TEXT NOT NULL
   ) WITHOUT ROWID;`,
];
