/** The shapes of the Agent SDK's `SessionStore` (0.3), so that the library needs no SDK: theirs and ours are interchangeable. */

/** Where one transcript is: of a session, or, with `subpath`, of a subagent of it. */
export interface SessionStoreKey {
  readonly projectKey: string;
  readonly sessionId: string;
  readonly subpath?: string;
}

/** One line of a transcript: JSON, passed through. */
export interface SessionStoreEntry {
  type: string;
  uuid?: string;
  timestamp?: string;
  [field: string]: unknown;
}

export interface SessionSummary {
  sessionId: string;
  /** Unix epoch ms, of the same clock as `listSessions`. */
  mtime: number;
  /** The SDK's own; kept as it is. */
  data: Record<string, unknown>;
}

/** The SDK's `foldSessionSummary`. */
export type FoldSummary = (
  before: SessionSummary | undefined,
  key: { projectKey: string; sessionId: string; subpath?: string },
  entries: SessionStoreEntry[],
  options?: { mtime?: number },
) => SessionSummary;
