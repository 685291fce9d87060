/** What scans have found, a row for each directory: only ever a hint, so it may be lost at any time. */

import type { RememberedDirectory, ScanMemory } from '../scan/scan-memory.ts';
import { guarded, type SqliteDatabase } from '../sqlite/open.ts';
import type { Statements } from '../sqlite/statements.ts';

type RememberedFacts = Omit<RememberedDirectory, 'rows'>;

export class ScannedDirectories implements ScanMemory {
  readonly #database: SqliteDatabase;
  readonly #statements: Statements;

  constructor(database: SqliteDatabase, statements: Statements) {
    this.#database = database;
    this.#statements = statements;
  }

  remembered(claudeDir: string): ReadonlyMap<string, RememberedFacts> {
    return this.#guarded('read', () => {
      // A ledger of an older release that is opened for reading lacks the table, or the checksums.
      const isThere = this.#statements.get(`SELECT 1 FROM pragma_table_info('scanned') WHERE name = 'checksum'`).get();
      if (isThere === undefined) return new Map();
      const rows = this.#statements
        .get('SELECT directory, identity, looked_at AS lookedAtMs, checksum FROM scanned WHERE claude_dir = ?')
        .all(claudeDir) as { directory: string; identity: string | null; lookedAtMs: number; checksum: number }[];
      return new Map(
        rows.map(({ directory, identity, ...facts }) => [directory, { identity: identity ?? undefined, ...facts }]),
      );
    });
  }

  rows(claudeDir: string, directory: string): Uint8Array | undefined {
    return this.#guarded('read', () => {
      const rows = this.#statements
        .get('SELECT rows FROM scanned WHERE claude_dir = ? AND directory = ?')
        .pluck()
        .get(claudeDir, directory);
      return rows instanceof Uint8Array ? rows : undefined;
    });
  }

  remember(claudeDir: string, directories: ReadonlyMap<string, RememberedDirectory>): void {
    this.#change('remember directories in', () => {
      const insert = this.#statements.get(
        'INSERT OR REPLACE INTO scanned (claude_dir, directory, identity, looked_at, rows, checksum) VALUES (?, ?, ?, ?, ?, ?)',
      );
      for (const [directory, { identity, lookedAtMs, rows, checksum }] of directories) {
        insert.run(claudeDir, directory, identity ?? null, lookedAtMs, rows, checksum);
      }
    });
  }

  forget(claudeDir: string, directories: readonly string[]): void {
    this.#change('forget directories of', () => {
      const remove = this.#statements.get('DELETE FROM scanned WHERE claude_dir = ? AND directory = ?');
      for (const directory of directories) remove.run(claudeDir, directory);
    });
  }

  #change(action: string, change: () => void): void {
    this.#guarded(action, () => this.#database.transaction(change).immediate());
  }

  #guarded<T>(action: string, call: () => T): T {
    return guarded(this.#database.name, action, call);
  }
}
