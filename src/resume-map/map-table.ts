/** The table that a map's rows stand in: its name, its columns, and how the two times of a row are read from it and written to it. */

export interface MapTable {
  /** For messages: `resume map`. */
  readonly what: string;
  readonly name: string;
  /** What must be there of it. */
  readonly columns: readonly string[];
  /** Columns. No two rows have one key. */
  readonly key: string;
  readonly sessionId: string;
  /** SQL that gives Unix epoch milliseconds, and what stands there as it is where that is no time. */
  readonly lastUsedAtMs: string;
  readonly createdAtMs: string;
  /** SQL that tells whether the session of a row is another agent's, whose transcripts are not Claude's. */
  readonly isOthers: string;
  /** The column of the last use, and what is written there. */
  readonly lastUsed: { readonly column: string; valueOf(timeMs: number): unknown };
}
